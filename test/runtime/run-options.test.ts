import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { defaultRestartPolicy } from "../../src/actors/kernel/supervision.ts";
import { console as consoleSink } from "../../src/connectors/console.ts";
import { collect, collection, defineJob, type Source, stdinLines } from "../../src/index.ts";
import { checkConnectors } from "../../src/runtime/job-checks.ts";
import { resolveDetector, resolveRestart, resolveSettings } from "../../src/runtime/run-options.ts";
import { newJob, onRedis, runToEnd, runToFailure, withWeir } from "../engine/engine.ts";

describe("options of run", () => {
  test("restart settings that are not given have their defaults", () => {
    expect(resolveRestart(undefined)).toEqual(defaultRestartPolicy);
    expect(resolveRestart({ maxRestarts: 0, maxBackoffMs: 100 })).toEqual({
      ...defaultRestartPolicy,
      ...{ maxRestarts: 0, maxBackoffMs: 100 },
    });
  });

  test.each([
    [{ maxRestarts: -1 }, "INVALID_SETTING", /maxRestarts is -1; it must be a whole number from 0 to/],
    [{ resetAfterMs: 0.5 }, "INVALID_SETTING", /resetAfterMs is 0\.5/],
    [{ initialBackoffMs: "10" }, "INVALID_SETTING", /initialBackoffMs is 10/],
    [
      { initialBackoffMs: 9_000 },
      "INVALID_SETTING",
      /maxBackoffMs is 5000; it must be initialBackoffMs \(9000\)/,
    ],
    [{ attempts: 3 }, "UNKNOWN_OPTION", /restart: there is no option "attempts"/],
  ])("restart %j is refused", (restart, code, message) => {
    const refused = (): unknown => resolveRestart(restart as object);
    expect(refused).toThrow(expect.objectContaining({ code }));
    expect(refused).toThrow(message);
  });

  test("a deadAfterMs below three heartbeats is refused: live workers would be declared dead", () => {
    expect(resolveDetector(750).deadAfterMs).toBe(750);
    for (const deadAfterMs of [749, 400, 0, Number.NaN])
      expect(() => resolveDetector(deadAfterMs)).toThrow(
        /deadAfterMs is .* a whole number from 750 to 3600000/,
      );
  });

  test("a setting of another type is refused", () => {
    expect(() => resolveSettings({ frameBytes: "65280" as unknown as number })).toThrow(
      /frameBytes is 65280/,
    );
  });
});

describe("sources and sinks that live in one process", () => {
  const lines = (): Source<string> => stdinLines({ input: new PassThrough() });

  test("standard input is refused where other processes take part", () => {
    const plan = defineJob("typed", (job) => job.source("lines", lines()).to("out", consoleSink())).plan({
      parallelism: 1,
    });
    checkConnectors(plan, { onRedis: true, severalProcesses: false });
    expect(() => checkConnectors(plan, { onRedis: true, severalProcesses: true })).toThrow(
      expect.objectContaining({ code: "NEEDS_ONE_PROCESS" }),
    );
  });

  test("the refusal names the source, and comes before anything is created", async () => {
    const job = newJob((builder) => builder.source("lines", lines()).to("out", consoleSink()));
    await withWeir(onRedis, job.name, async (weir) => {
      await expect(weir.run(job, { shared: true })).rejects.toThrow(
        /"engine-\w+": source "lines" \(lines of standard input.*lives in one process/,
      );
      expect(await weir.status(job.name)).toBeUndefined();
    });
  });
});

describe("restart on Redis", () => {
  test("the policy of the run decides how often a partition is tried again", async () => {
    const restarts: number[] = [];
    const error = await runToFailure(
      onRedis,
      (job) => job.source("numbers", collection([1])).to("broken", refusing(Number.POSITIVE_INFINITY)),
      {
        parallelism: 1,
        restart: { maxRestarts: 2, initialBackoffMs: 1, maxBackoffMs: 1 },
        onEvent: (event) => event.kind === "partition-restart" && restarts.push(event.delayMs),
      },
    );
    expect(error).toMatchObject({ code: "JOB_FAILED", details: { code: "SINK_FAILED" } });
    expect(restarts).toEqual([1, 1]);
  });

  test("failures with enough running between them are never too many", async () => {
    let restarts = 0;
    const { outcome } = await runToEnd(
      onRedis,
      (job) => job.source("numbers", collection([1])).to("flaky", refusing(6)),
      {
        parallelism: 1,
        restart: { maxRestarts: 1, initialBackoffMs: 1, maxBackoffMs: 1, resetAfterMs: 2 },
        onEvent: (event) => {
          if (event.kind === "partition-restart") restarts++;
        },
      },
    );
    expect(outcome.status).toBe("finished");
    expect(restarts).toBe(6);
  });
});

/** A sink that refuses its first `times` batches, each after some milliseconds. */
function refusing(times: number) {
  const sink = collect<number>();
  let left = times;
  return {
    ...sink,
    open: async (context: Parameters<typeof sink.open>[0]) => {
      const writer = await sink.open(context);
      return {
        write(records: readonly number[], timestamps: readonly number[] | undefined): void {
          if (left-- > 0) {
            const untilMs = performance.now() + 5;
            while (performance.now() < untilMs);
            throw new Error("no space");
          }
          writer.write(records, timestamps);
        },
        prepare: () => writer.prepare(),
        committed: () => writer.committed(),
        close: (graceful: boolean) => writer.close(graceful),
      };
    },
  };
}
