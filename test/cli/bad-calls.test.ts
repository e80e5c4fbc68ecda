// Every wrong call names the thing, the value and the remedy on one line, and has the exit code of docs/cli.md.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WEIR } from "../support/built-weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { callWeir } from "./call-weir.ts";
import { jobFile, jsonLines, weir } from "./start-weir.ts";

const job = jobFile("window-counts.mjs");
/** Nothing listens on port 1 of this machine. */
const nowhere = "redis://127.0.0.1:1";

describe("wrong calls", () => {
  const calls: readonly (readonly [what: string, args: string[], code: number, message: RegExp])[] = [
    [
      "an unknown command",
      ["rum", job],
      2,
      /^weir: unknown command 'rum' \(Did you mean run\?\) \[USAGE\]\n$/,
    ],
    [
      "an unknown option",
      ["run", job, "--jason"],
      2,
      /^weir: unknown option '--jason' .*--json.* \[USAGE\]\n$/,
    ],
    ["a missing argument", ["run"], 2, /^weir: missing required argument 'job' \[USAGE\]\n$/],
    [
      "a number out of range",
      ["run", job, "--parallelism", "257"],
      2,
      /'257' is invalid.* from 1 to 256\. \[USAGE\]/,
    ],
    [
      "workers without a Redis",
      ["run", job, "--workers", "2"],
      2,
      /^weir: --workers needs --redis: .* \[USAGE\]\n$/,
    ],
    [
      "an unknown setting",
      ["run", job, "--set", "speed=9"],
      2,
      /no setting "speed"; the settings are commitIntervalMs, /,
    ],
    [
      "a setting out of range",
      ["run", job, "--set", "commit-interval-ms=0"],
      2,
      /commitIntervalMs is 0.*\[INVALID_SETTING\]/,
    ],
    [
      "an unknown restart setting",
      ["run", job, "--restart", "speed=9"],
      2,
      /no setting "speed"; the settings are maxRestarts, /,
    ],
    [
      "a restart setting out of range",
      ["run", job, "--restart", "initial-backoff-ms=0"],
      2,
      /initialBackoffMs is 0.*\[INVALID_SETTING\]/,
    ],
    [
      "a time to death below three heartbeats",
      ["run", job, "--dead-after-ms", "400"],
      2,
      /'400' is invalid.* from 750 to 3600000\. \[USAGE\]/,
    ],
    [
      "standard input for worker processes, whether Redis answers or not",
      ["run", jobFile("refused.ts"), "--export", "typed", "--redis", nowhere, "--workers", "2", "--fresh"],
      2,
      /source "lines" \(lines of standard input.*lives in one process.* \[NEEDS_ONE_PROCESS\]\n$/,
    ],
    [
      "standard input for a worker",
      ["worker", jobFile("refused.ts"), "--export", "typed", "--redis", testRedisUrl()],
      2,
      /source "lines" .* \[NEEDS_ONE_PROCESS\]\n$/,
    ],
    [
      "no Redis where one is needed",
      ["status", "x"],
      2,
      /^weir: weir status needs a Redis: give --redis <url>, or set /,
    ],
    [
      "a URL of something else",
      ["run", job, "--redis", "http://localhost"],
      2,
      /the scheme http is none.* \[REDIS_URL\]\n$/,
    ],
    [
      "an unreachable Redis",
      ["run", job, "--redis", nowhere],
      3,
      /no Redis answers at redis:.*\[REDIS_UNREACHABLE\]\n$/,
    ],
    [
      "an unreachable Redis of a worker",
      ["worker", job, "--redis", nowhere],
      3,
      /no Redis answers.*\[REDIS_UNREACHABLE\]\n$/,
    ],
  ];
  test.each(calls)("%s", async (_what, args, code, message) => {
    const ended = await callWeir(args);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trim().split("\n")).toHaveLength(1);
  });

  const unknown = uniqueTag("nobody");
  test.each([
    ["status", 4, "JOB_NOT_FOUND"],
    ["cancel", 4, "JOB_NOT_FOUND"],
    ["remove", 4, "JOB_NOT_FOUND"],
  ])("%s of an unknown job, as JSON", async (command, code, errorCode) => {
    const ended = await callWeir([command, unknown, "--redis", testRedisUrl(), "--json"]);
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(jsonLines(ended.stderr)).toEqual([
      {
        error: {
          code: errorCode,
          message: `there is no job "${unknown}" here; run it first, or check its name and the database`,
          details: { job: unknown },
        },
      },
    ]);
  });

  test("a usage error as JSON", async () => {
    const ended = await weir(["explain", "--json", "--nope"]);
    expect(ended.code).toBe(2);
    expect(jsonLines(ended.stderr)).toMatchObject([{ error: { code: "USAGE", message: /--nope/ } }]);
  });

  test("no command at all shows the help and code 2; asked-for help has code 0", async () => {
    expect(await weir([])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringContaining("Usage: weir"),
    });
    expect(await callWeir(["--help"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("Usage: weir"),
    });
    expect(await weir(["--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });
});

describe("job files", () => {
  const weirPackage = join(WEIR, "../../index.js");
  const defineJob = `import { defineJob } from ${JSON.stringify(weirPackage)};`;
  const files: Readonly<Record<string, string>> = {
    "none.ts": "export const first = 1; export default function build() {}; export const list = [];",
    "throws.ts": 'const limit = 3;\nthrow new RangeError("the limit is " + limit);',
    "syntax.ts": "export const broken: = 1;",
    "import.ts": 'import "./not-there.ts"; export default 1;',
    "invalid.ts": `${defineJob} export default defineJob("two words", () => {});`,
    "job.txt": "",
    "plain.cjs": "module.exports = { job: 1 };",
  };
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "weir-jobs-"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await mkdir(join(folder, "folder.ts"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const before: readonly (readonly [file: string, message: RegExp])[] = [
    ["missing.ts", /job file .*missing\.ts: there is no such file \[JOB_FILE\]/],
    ["folder.ts", /it is a folder; name the file that exports the job \[JOB_FILE\]/],
    ["job.txt", /its name ends in "\.txt"; a job is a \.ts, .* file \[JOB_FILE\]/],
  ];
  test.each(before)("%s, which cannot be loaded", async (file, message) => {
    const ended = await callWeir(["explain", join(folder, file)]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(message);
  });

  const loaded: readonly (readonly [file: string, args: string[], message: RegExp])[] = [
    ["none.ts", [], /it exports default \(a function\), first \(number\), list \(an array\) \[JOB_FILE\]/],
    [
      "none.ts",
      ["--export", "nope"],
      /there is no export "nope"; it exports default \(a function\), .*\[JOB_FILE\]/,
    ],
    [
      "none.ts",
      ["--export", "first"],
      /the export "first" is no job made by defineJob; it exports .*\[JOB_FILE\]/,
    ],
    [
      "throws.ts",
      ["--verbose"],
      /loading it failed: RangeError: the limit is 3 \(at .*throws\.ts:2:\d+\) \[JOB_FILE\]\n[\s\S]*caused by RangeError: the limit is 3\n\s+at .*throws\.ts:2/,
    ],
    // In the words of tsx, or of Node where it reads TypeScript itself.
    ["syntax.ts", [], /loading it failed: .*Unexpected ("="|token `=`).* \[JOB_FILE\]/],
    ["import.ts", [], /loading it failed: .*not-there\.ts.* \[JOB_FILE\]/],
    ["plain.cjs", [], /neither its default export nor an export named job is a job.*\[JOB_FILE\]/],
    ["invalid.ts", [], /the name of the job is "two words"; .*\[INVALID_JOB\]/s],
  ];
  test.each(loaded)("%s %j", async (file, args, message) => {
    const ended = await weir(["explain", join(folder, file), ...args]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(message);
  });

  test('what a TypeScript file imports as "weir" is the very build that runs it', async () => {
    const { stdout } = await weir(["explain", jobFile("same-build.ts")]);
    expect(stdout).toMatch(/^job the-same: /);
  });
});

describe("weir explain", () => {
  test("prints the stages as text, or the plan as one object", async () => {
    const text = await callWeir(["explain", job, "--parallelism", "3"]);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^job window-counts: 2 stages, 6 partitions, 9 channels\n/);
    const json = await callWeir(["explain", job, "--parallelism", "3", "--json"]);
    expect(jsonLines(json.stdout)).toMatchObject([{ job: "window-counts", partitions: 6, channels: 9 }]);
  });
});
