// Runs every example and compares what it prints with what it should.
//
// Convention: an example is a folder examples/<name>/ with main.ts. With an expected.txt beside it, the standard output
// of `tsx main.ts` must equal that file (line ends and trailing blank lines aside) and the exit code must be 0.
// Without one the output is not repeatable (the demo prints its speed): such an example is listed, not run.
// An example that reads WEIR_REDIS_URL gets a fresh Redis of its own through it.
//
//   tsx scripts/run-examples.ts [name...]

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findOrInstallRedisBinary } from "../test/support/redis-binary.ts";
import { RedisServer } from "../test/support/redis-server.ts";

interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

const timeoutMs = 120_000;
const folder = fileURLToPath(new URL("../examples", import.meta.url));
const wanted = process.argv.slice(2);
const names = readdirSync(folder)
  .filter((name) => existsSync(join(folder, name, "main.ts")))
  .filter((name) => wanted.length === 0 || wanted.includes(name))
  .sort();

let passed = 0;
let failed = 0;
for (const name of wanted.filter((name) => !names.includes(name))) {
  console.log(`FAIL  ${name}: there is no examples/${name}/main.ts`);
  failed++;
}
for (const name of names) {
  const complaint = await check(name);
  if (complaint === "not compared") {
    console.log(`-     ${name}: no expected.txt, not run here`);
  } else if (complaint === undefined) {
    passed++;
    console.log(`ok    ${name}`);
  } else {
    failed++;
    console.log(`FAIL  ${name}: ${complaint}`);
  }
}
if (passed + failed === 0) {
  console.log("FAIL  no example has an expected.txt");
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function check(name: string): Promise<string | undefined> {
  const expectedPath = join(folder, name, "expected.txt");
  if (!existsSync(expectedPath)) return "not compared";
  const main = join(folder, name, "main.ts");
  const outcome = await run(main);
  if (outcome.timedOut) return `did not end within ${timeoutMs} ms\n${outcome.stdout}${outcome.stderr}`;
  if (outcome.exitCode !== 0) return `exit code ${outcome.exitCode}\n${outcome.stdout}${outcome.stderr}`;
  return firstDifference(readFileSync(expectedPath, "utf8"), outcome.stdout);
}

async function run(main: string): Promise<Outcome> {
  if (!readFileSync(main, "utf8").includes("WEIR_REDIS_URL")) return await runWith(main, {});
  findOrInstallRedisBinary((line) => console.error(line));
  const server = await RedisServer.start();
  try {
    return await runWith(main, { WEIR_REDIS_URL: server.url });
  } finally {
    await server.stop();
  }
}

function runWith(main: string, environment: Readonly<Record<string, string>>): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", main], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      env: { ...process.env, NO_COLOR: "1", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let timedOut = false;
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.on("error", reject);
    child.on("close", (exitCode) => {
      clearTimeout(timer);
      const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString();
      resolve({ exitCode, stdout: text(stdout), stderr: text(stderr), timedOut });
    });
  });
}

function firstDifference(expected: string, actual: string): string | undefined {
  const [want, got] = [lines(expected), lines(actual)];
  for (let i = 0; i < Math.max(want.length, got.length); i++) {
    if (want[i] === got[i]) continue;
    const show = (line: string | undefined): string =>
      line === undefined ? "(the end)" : JSON.stringify(line);
    return `line ${i + 1} differs\n      expected ${show(want[i])}\n      printed  ${show(got[i])}`;
  }
  return undefined;
}

function lines(text: string): string[] {
  return text.replaceAll("\r\n", "\n").trimEnd().split("\n");
}
