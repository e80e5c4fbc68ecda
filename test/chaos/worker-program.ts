// The worker program, compiled: these tests start a process per kill, and compiling in each of them would take longer
// than everything else that it does.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Below node_modules, so that the compiled files find the packages. */
const CACHE = join(ROOT, "node_modules", ".cache", "weir-chaos");
const PROGRAM = new URL("./worker-process.ts", import.meta.url);
/** The heartbeat runs in a thread of its own, from a file of its own. */
const HEARTBEAT = new URL("../../src/redis/heartbeat-worker.ts", import.meta.url);
const KEEP_MS = 3 * 3_600_000;

let compiled: string | undefined;

/** @returns path of the program, made from the sources as they are now; made once per state of the sources */
export function workerProgram(): string {
  compiled ??= compile();
  return compiled;
}

function compile(): string {
  const output = join(CACHE, fingerprint());
  if (!existsSync(output)) {
    removeOld();
    const draft = `${output}.${randomBytes(4).toString("hex")}`;
    mkdirSync(draft, { recursive: true });
    writeFileSync(join(draft, "package.json"), '{ "type": "module" }\n');
    const tsc = join(
      dirname(createRequire(import.meta.url).resolve("typescript/package.json")),
      "bin",
      "tsc",
    );
    // Types are checked by `npm run check`, for all files together.
    const options = "--ignoreConfig --noCheck --skipLibCheck --target es2023 --lib es2023 --module nodenext";
    execFileSync(
      process.execPath,
      [
        tsc,
        ...options.split(" "),
        "--rewriteRelativeImportExtensions",
        "--types",
        "node",
        "--rootDir",
        ".",
        "--outDir",
        draft,
        fileURLToPath(PROGRAM),
        fileURLToPath(HEARTBEAT),
      ],
      { cwd: ROOT, stdio: "inherit" },
    );
    try {
      renameSync(draft, output);
    } catch {
      rmSync(draft, { recursive: true, force: true }); // another test file was faster
    }
  }
  return join(output, "test", "chaos", "worker-process.js");
}

function fingerprint(): string {
  const hash = createHash("sha1").update(process.version);
  for (const folder of ["src", "test/chaos"])
    for (const entry of readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
      const path = join(entry.parentPath, entry.name);
      const { mtimeMs, size } = statSync(path);
      hash.update(`${path} ${mtimeMs} ${size}\n`);
    }
  return hash.digest("hex").slice(0, 16);
}

function removeOld(): void {
  if (!existsSync(CACHE)) return;
  for (const name of readdirSync(CACHE)) {
    const path = join(CACHE, name);
    if (Date.now() - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { recursive: true, force: true });
  }
}
