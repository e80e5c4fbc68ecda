// Backpressure, and the trace marks that travel with sampled records.
import { describe, expect, test } from "vitest";
import type { TraceMark } from "../../src/core/batch.ts";
import { keyGroupOf, partitionOfKeyGroup } from "../../src/core/key-group.ts";
import type { Telemetry } from "../../src/core/ports/telemetry.ts";
import { collect, collection, emits, type Sink, type StageReport, value } from "../../src/index.ts";
import { newStart, runShared } from "../support/two-workers.ts";
import { chunks, type Engine, groupBy, newJob, randomNumbers, sorted, until, withWeir } from "./engine.ts";
import { sales } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

export function describeFlow(engine: Engine): void {
  describe.concurrent("flow", () => {
    test("a sink that does not get on holds the source back, and nothing is lost when it goes on", async () => {
      const random = randomNumbers(5);
      const input = Array.from({ length: 3_000 }, (_, n) => `${n} ${random()} ${random()} ${random()}`);
      const gate = new Gate();
      const out = collect<string>();
      const settings = {
        highEntries: 8,
        mailboxFrames: 4,
        // A few dozen records close an epoch, so that its frames cannot be many.
        epochBytes: 1_024,
        sourceBatchRecords: 5,
        frameRecords: 5,
      };
      const job = newJob((builder) =>
        builder
          .source("texts", collection(input), { parallelism: 1 })
          .rebalance()
          .map("same", (text) => text)
          .to("out", held(out, gate)),
      );
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 1, settings });
        const source = (): StageReport | undefined => run.stages().find(({ stage }) => stage === "texts");
        try {
          await until(run, "the source to be held back", () => (source()?.backpressuredMs ?? 0) > 50);
          const held = source();
          // The channel up to its bound, and the epochs that were open when it was reached.
          expect(held?.backlogEntries).toBeGreaterThan(8);
          expect(held?.backlogEntries).toBeLessThan(8 + 50);
          expect(held?.recordsIn).toBeLessThan(input.length / 4);
          await until(run, "more time to pass", () => (source()?.backpressuredMs ?? 0) > 150);
          expect(source()?.recordsIn).toBe(held?.recordsIn);
          expect(out.results).toEqual([]);
        } finally {
          gate.open();
        }
        expect((await run.finished).status).toBe("finished");
        expect(source()?.backpressuredMs).toBeGreaterThan(150);
      });
      expect(sorted(out.results)).toEqual(sorted(input));
    });

    test("marks travel with every tenth record through shuffles and operators, and with no other", async () => {
      const input = sales(200, 20);
      const telemetry = new EveryTenth();
      const out = collect<string>();
      const PARTITIONS = 3;
      const { started, start } = newStart();
      const job = newJob((builder) =>
        builder
          .source("sales", scripted([[{ wait: () => started }, ...chunks(input, 25)]]), { parallelism: 1 })
          .map("as-is", (sale) => sale)
          .keyBy((sale) => sale.shop)
          .process("second", {
            state: { n: value({ default: 0 }) },
            emits: emits<{ id: number }>(),
            onRecord(sale, context) {
              context.state.n.set(context.state.n.get() + 1);
              context.emit({ id: sale.id });
            },
          })
          .flatMap("twice-or-never", ({ id }) =>
            id % 20 === 0 ? [{ id }, { id }] : id % 4 === 2 ? [] : [{ id }],
          )
          .keyBy(({ id }) => id)
          .reduce("third", (_a, b) => b)
          .map(({ id }) => `sale ${id}`)
          .to("out", out),
      );
      await runShared(engine, job, { parallelism: PARTITIONS, telemetry }, start);

      expect(telemetry.sampled.length).toBe(20);
      const seen = groupBy(telemetry.steps, ({ traceId }) => traceId);
      expect(sorted([...seen.keys()])).toEqual(sorted(telemetry.sampled));
      for (const [traceId, steps] of seen) {
        const id = EveryTenth.recordOf(traceId);
        const shop = input[id]?.shop ?? "";
        const owner = (key: unknown): number => partitionOfKeyGroup(keyGroupOf(key), PARTITIONS);
        const copies = id % 20 === 0 ? 2 : id % 4 === 2 ? 0 : 1;
        // A mark on another record would turn up in that record's partitions.
        expect(steps.map(({ partition }) => partition).sort()).toEqual([
          "sales.0",
          `second.${owner(shop)}`,
          ...Array.from({ length: copies }, () => `third.${owner(id)}`),
        ]);
      }
      for (const { step, spanId, flags } of telemetry.steps)
        expect([step, spanId, flags]).toEqual(["4 process", "00f067aa0ba902b7", 1]);
    });
  });
}

/** Traces the records 0, 10, 20, ... of a source with one partition; the trace id has the number of the record. */
class EveryTenth implements Telemetry {
  readonly sampled: string[] = [];
  readonly steps: { traceId: string; spanId: string; flags: number; partition: string; step: string }[] = [];
  #count = 0;

  static recordOf(traceId: string): number {
    return Number.parseInt(traceId, 16);
  }

  sample(_partition: string, recordCount: number, nowMs: number): TraceMark[] | undefined {
    const first = this.#count;
    this.#count += recordCount;
    const marks: TraceMark[] = [];
    for (let id = Math.ceil(first / 10) * 10; id < this.#count; id += 10) {
      const traceId = id.toString(16).padStart(32, "0");
      this.sampled.push(traceId);
      marks.push({ index: id - first, traceId, spanId: "00f067aa0ba902b7", flags: 1, emittedMs: nowMs });
    }
    return marks.length === 0 ? undefined : marks;
  }

  step({ step, partition, mark }: Parameters<Telemetry["step"]>[0]): undefined {
    const { traceId, spanId, flags } = mark;
    this.steps.push({ traceId, spanId, flags, partition, step });
  }
}

/** Something that waits until it is let through. */
class Gate {
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  wait(): Promise<void> {
    return this.#opened;
  }
}

/** A sink whose epochs cannot be sealed before the gate is open. */
function held<T>(sink: Sink<T>, gate: Gate): Sink<T> {
  return {
    ...sink,
    open: async (context) => {
      const writer = await sink.open(context);
      return {
        write: (records, timestamps) => writer.write(records, timestamps),
        prepare: () => {
          const prepared = writer.prepare();
          return gate.wait().then(() => prepared);
        },
        committed: () => writer.committed(),
        close: (graceful) => writer.close(graceful),
      };
    },
  };
}
