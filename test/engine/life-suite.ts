// A job's life through the API, as far as it is the same embedded and on Redis; and what is refused before it begins.
import { describe, expect, test } from "vitest";
import { redisStreamSink } from "../../src/connectors/redis/index.ts";
import {
  type ConnectOptions,
  collect,
  collection,
  connect,
  EngineError,
  generator,
  type RunEvent,
  type RunOptions,
  type Sink,
  type Source,
} from "../../src/index.ts";
import { uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { DEADLINE_MS, type Engine, newJob, runToEnd, runToFailure, until, withWeir } from "./engine.ts";
import { sales } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

export function describeLife(engine: Engine): void {
  describe.concurrent("life", () => {
    test("cancel ends a job without end, with the status cancelled", async () => {
      const out = collect<number>();
      const job = newJob((builder) =>
        builder
          .source("numbers", generator({ generate: (n) => n, ratePerSecond: 500 }))
          .keyBy((n) => n % 10)
          .reduce("last", (_a, b) => b)
          .to("out", out),
      );
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 2 });
        await until(run, "some results", () => out.results.length > 20);
        await run.cancel();
        expect(await run.finished).toEqual({ status: "cancelled", failure: undefined });
        // What was committed stays; nothing comes after the end.
        const results = out.results.length;
        await waitFor(() => run.report().stages.length > 0, {
          deadlineMs: DEADLINE_MS,
          describe: "a report",
        });
        expect(out.results.length).toBe(results);
      });
    });

    test("stop drains: everything that was read reaches the sinks of this run's partitions", async () => {
      const out = collect<number>();
      const job = newJob((builder) =>
        builder
          .source("numbers", scripted<number>([[[1, 2, 3], [4], [5, 6]]], { unbounded: true }))
          .map("same", (n) => n)
          .to("out", out),
      );
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 1 });
        await until(run, "the last number", () => out.results.includes(6));
        await run.stop();
        expect((await run.finished).status).toBe("running");
        expect(out.results).toEqual([1, 2, 3, 4, 5, 6]);
      });
    });

    test("a job that fails while it is cancelled still ends", async () => {
      const job = newJob((builder) =>
        builder
          .source("sales", scripted([[sales(3)]], { unbounded: true }))
          .map("explode", (): number => {
            throw new Error("boom");
          })
          .to("out", collect()),
      );
      await withWeir(engine, job.name, async (weir) => {
        const cancelling: Promise<unknown>[] = [];
        const run = await weir.run(job, {
          parallelism: 1,
          onEvent: (event: RunEvent) => {
            if (event.kind === "job-failing") cancelling.push(run.cancel());
          },
        });
        const outcome = await run.finished.then(
          ({ status }) => status,
          (error: EngineError) => error.code,
        );
        expect(["JOB_FAILED", "cancelled"]).toContain(outcome);
        await Promise.all(cancelling);
      });
    });

    test("events tell of every partition that starts and ends", async () => {
      const events: RunEvent[] = [];
      await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", collection(sales(10)))
            .rebalance()
            .map("same", (sale) => sale)
            .to("out", collect()),
        { parallelism: 2, onEvent: (event) => events.push(event) },
      );
      const told = (kind: string): unknown[] =>
        events
          .flatMap((event) => (event.kind === kind && "partition" in event ? [event.partition] : []))
          .sort();
      const all = ["sales.0", "sales.1", "same.0", "same.1"];
      expect(told("partition-running")).toEqual(all);
      expect(told("partition-ended")).toEqual(all);
    });

    test("a sink that fails to close takes nothing back", async () => {
      const written: unknown[] = [];
      const sink: Sink<unknown> = {
        description: "a sink that cannot be closed",
        guarantee: "append",
        open: () => ({
          write: (records) => void written.push(...records),
          prepare: () => ({}),
          committed() {},
          close() {
            throw new Error("stuck");
          },
        }),
      };
      const { outcome } = await runToEnd(
        engine,
        (job) => job.source("numbers", collection([1, 2, 3])).to("out", sink),
        { parallelism: 1 },
      );
      expect([outcome.status, written]).toEqual(["finished", [1, 2, 3]]);
    });

    test("a sink that throws while another one still seals its part ends the job, and nothing else", async () => {
      class DiskFullError extends EngineError<"DISK_FULL"> {
        constructor() {
          super("DISK_FULL", "the disk is full");
        }
      }
      const closed: string[] = [];
      const failing = (name: string, prepare: () => Promise<never>): Sink<number> => ({
        description: name,
        guarantee: "append",
        open: () => ({ write() {}, prepare, committed() {}, close: () => void closed.push(name) }),
      });
      const error = await runToFailure(
        engine,
        (job) => {
          const numbers = job.source("numbers", collection([1, 2, 3]));
          const late = failing("late", () => Promise.reject(new DiskFullError()));
          const early = failing("early", () => {
            throw new DiskFullError();
          });
          numbers.to("late", late);
          numbers.to("early", early);
        },
        { parallelism: 1 },
      );
      expect(error.details).toMatchObject({ code: "DISK_FULL" });
      expect(closed.sort()).toEqual(["early", "late"]);
    });

    test("what was opened is closed again when the next split or sink does not open", async () => {
      const closed: string[] = [];
      class GoneError extends EngineError<"GONE"> {
        constructor() {
          super("GONE", "it is gone");
        }
      }
      const source: Source<number> = {
        ...collection([1, 2]),
        splits: () => [{ id: "good" }, { id: "bad" }],
        open: (split) => {
          if (split.id === "bad") throw new GoneError();
          return {
            read: () => ({ records: [], position: 0, end: true }),
            close: () => void closed.push("split"),
          };
        },
      };
      const good: Sink<number> = {
        description: "a good sink",
        guarantee: "append",
        open: () => ({
          write() {},
          prepare: () => ({}),
          committed() {},
          close: () => void closed.push("sink"),
        }),
      };
      const bad: Sink<number> = {
        ...good,
        open: () => {
          throw new GoneError();
        },
      };
      const ofSplit = await runToFailure(engine, (job) => job.source("numbers", source).to("good", good), {
        parallelism: 1,
      });
      expect([ofSplit.details?.["code"], closed.sort()]).toEqual(["GONE", ["sink", "split"]]);
      const ofSink = await runToFailure(
        engine,
        (job) => {
          const numbers = job.source("numbers", collection([1]));
          numbers.to("good", good);
          numbers.to("bad", bad);
        },
        { parallelism: 1 },
      );
      expect([ofSink.details?.["code"], closed.sort()]).toEqual(["GONE", ["sink", "sink", "split"]]);
    });

    const refused: readonly (readonly [what: string, options: unknown, code: string, message: RegExp])[] = [
      ["an unknown option", { paralellism: 2 }, "UNKNOWN_OPTION", /paralellism.*parallelism/],
      ["an unknown setting", { settings: { frameSize: 1 } }, "UNKNOWN_OPTION", /frameSize/],
      [
        "a setting below its range",
        { settings: { highEntries: 1 } },
        "INVALID_SETTING",
        /highEntries is 1.*2 to/,
      ],
      [
        "a setting that is no whole number",
        { settings: { timerSlice: 1.5 } },
        "INVALID_SETTING",
        /timerSlice is 1.5/,
      ],
      ["a parallelism of 0", { parallelism: 0 }, "INVALID_JOB", /parallelism/],
      ["a parallelism above 256", { parallelism: 257 }, "INVALID_JOB", /parallelism/],
      ["a deadAfterMs that is no time", { deadAfterMs: -5 }, "INVALID_SETTING", /deadAfterMs is -5/],
      [
        "a negative setting",
        { settings: { commitIntervalMs: -1 } },
        "INVALID_SETTING",
        /commitIntervalMs is -1/,
      ],
    ];
    for (const [what, options, code, message] of refused)
      test(`${what} is refused before anything runs`, async () => {
        const error = await runToFailure(
          engine,
          (job) => job.source("numbers", collection([1])).to("out", collect()),
          options as RunOptions,
        );
        expect(error).toBeInstanceOf(EngineError);
        expect(error.code).toBe(code);
        expect(error.message).toMatch(message);
      });

    test("a sink that keeps its results in this process is refused where other processes take part", async () => {
      const error = await runToFailure(
        engine,
        (job) => job.source("numbers", collection([1])).to("mine", collect()),
        { shared: true },
      );
      expect(error).toMatchObject({ name: "NeedsOneProcessError", code: "NEEDS_ONE_PROCESS" });
      expect(error.message).toContain('sink "mine"');
    });

    test("a sink of the job's own Redis runs only on Redis", async () => {
      const stream = uniqueTag("needs-redis");
      const build = (job: Parameters<Parameters<typeof newJob>[0]>[0]): void =>
        job.source("numbers", collection<number>([])).to("stream", redisStreamSink(stream));
      if (engine.name === "redis") {
        expect((await runToEnd(engine, build)).outcome.status).toBe("finished");
        return;
      }
      const error = await runToFailure(engine, build);
      expect(error).toMatchObject({ name: "NeedsRedisError", code: "NEEDS_REDIS" });
      expect(error.message).toContain('sink "stream"');
    });

    test("unknown options of connect are refused", async () => {
      await expect(connect({ url: "redis://localhost" } as ConnectOptions)).rejects.toMatchObject({
        code: "UNKNOWN_OPTION",
      });
    });
  });
}
