import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { holdSource, jobFile, jsonLines, sortedLines, startWeir, weir } from "./start-weir.ts";
import { expectedLines } from "./window-counts.ts";

const job = jobFile("window-counts.mjs");

describe("weir run, embedded", () => {
  test("runs a job to its end: results on stdout, the summary on stderr, exit code 0", async () => {
    const { code, stdout, stderr } = await weir(["run", job, "--parallelism", "3"]);
    expect(sortedLines(stdout)).toEqual(expectedLines(4_000));
    expect(stderr).toMatch(
      /^weir: job window-counts finished after \S+: 4,000 records read \([\d,]+\/s\), 40 written$/m,
    );
    expect(code).toBe(0);
  });

  test("--json puts the summary on the last line of stdout, and everything else in lines of JSON on stderr", async () => {
    const { code, stdout, stderr } = await weir(["run", job, "--json", "--parallelism", "2"]);
    expect(code).toBe(0);
    const { summary } = jsonLines(stdout).at(-1) as { summary: Record<string, unknown> };
    expect(summary).toMatchObject({
      ...{ job: "window-counts", status: "finished", recordsRead: 4_000, recordsWritten: 40 },
      ...{ skipped: 0, deadLetters: 0, late: 0, restarts: 0 },
      stages: [
        { stage: "ticks", recordsIn: 4_000, recordsOut: 4_000, recordsWritten: 0 },
        { stage: "counts", recordsIn: 4_000, recordsOut: 0, recordsWritten: 40 },
      ],
    });
    const kinds = jsonLines(stderr).map((line) => Object.keys(line).join());
    expect(kinds).not.toEqual([]);
    expect(kinds.filter((kind) => kind !== "event" && kind !== "progress")).toEqual([]);
  });

  test("--quiet prints nothing but the results", async () => {
    const { code, stdout, stderr } = await weir(["run", job, "--quiet"]);
    expect({ code, stderr, lines: sortedLines(stdout).length }).toEqual({ code: 0, stderr: "", lines: 40 });
  });

  test("a job that fails ends with code 1 and one line that says where and why", async () => {
    const { code, stderr } = await weir(["run", jobFile("failing.mjs"), "--parallelism", "1", "--quiet"]);
    expect(stderr).toMatch(
      /^weir: job "failing" failed in partition numbers\.0: .*fifty is too much.* \[JOB_FAILED\]\n$/,
    );
    expect(code).toBe(1);
  });

  test("--json shows the failure as an object, and the summary says failed", async () => {
    const { code, stdout, stderr } = await weir([
      "run",
      jobFile("failing.mjs"),
      "--json",
      "--parallelism",
      "1",
    ]);
    const error = jsonLines(stderr).at(-1)?.["error"];
    expect(error).toMatchObject({
      code: "JOB_FAILED",
      details: { job: "failing", partition: "numbers.0" },
    });
    expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toMatchObject({ summary: { status: "failed" } });
    expect(code).toBe(1);
  });

  test("prints lines of progress every two seconds when stderr is no terminal", async () => {
    const held = await holdSource();
    const run = startWeir(["run", job, "--parallelism", "1"], held.env);
    await run.until("lines", () => run.stderr.includes("counts: "));
    const line =
      /^weir: (\S+)s ticks: in [\d,]+\/s \([\d,]+\), out [\d,]+\/s \([\d,]+\), backlog \d+, delay \S+, busy \d+%, backpressure \d+%\nweir: \1s counts: /m;
    expect(run.stderr).toMatch(line);
    expect(Number(line.exec(run.stderr)?.[1])).toBeGreaterThanOrEqual(2);
    await held.release();
    expect((await run.ended).code).toBe(0);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s drains the job, and the exit code is 0", async (signal) => {
    const run = startWeir(["run", job, "--parallelism", "2", "--json"], {
      WEIR_TEST_RECORDS: "10000000",
      WEIR_TEST_RATE: "1000",
    });
    await run.until("results", () => run.stdout.includes("count"));
    run.signal(signal);
    const { code, stdout, stderr } = await run.ended;
    expect(code).toBe(0);
    expect(jsonLines(stderr)).toContainEqual({ event: { kind: "draining", signal } });
    const summary = jsonLines(stdout).at(-1)?.["summary"] as Record<string, number | string>;
    expect(summary).toMatchObject({ status: "drained" });
    expect(summary["recordsRead"]).toBeGreaterThan(0);
  });

  test("--cpu-prof writes a profile of the process", async () => {
    const folder = await mkdtemp(join(tmpdir(), "weir-cli-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { code } = await weir(["run", job, "--quiet", "--cpu-prof", "--cpu-prof-dir", folder]);
    expect(code).toBe(0);
    const [file = ""] = await readdir(folder);
    expect(file).toMatch(/^weir-\d+-\d+\.cpuprofile$/);
    const profile = JSON.parse(await readFile(join(folder, file), "utf8")) as { nodes: unknown[] };
    expect(profile.nodes.length).toBeGreaterThan(0);
  });

  test("whoever stops reading the results ends the run with code 141, not with a stack", async () => {
    const run = startWeir(["run", job, "--quiet"], { WEIR_TEST_RECORDS: "10000000", WEIR_TEST_RATE: "1000" });
    await run.until("results", () => run.stdout.includes("count"));
    run.stopReading();
    expect(await run.ended).toMatchObject({ code: 141, stderr: "" });
  });
});
