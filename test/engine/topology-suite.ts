// How records travel: unions, rebalance, broadcast, empty inputs, sizes of records and batches.
import { describe, expect, test } from "vitest";
import { collect, collection, count, emits, list } from "../../src/index.ts";
import { chunks, type Engine, groupBy, runToEnd, sorted } from "./engine.ts";
import { SMALL, sales } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

export function describeTopologies(engine: Engine): void {
  describe.concurrent("streams and their partitions", () => {
    test("a union brings the records of all its inputs, before keyBy, before map and at a sink", async () => {
      const [a, b, c] = [sales(60), sales(80, 3), sales(40, 5)];
      const counts = collect<{ key: string; value: number }>();
      const mapped = collect<number>();
      const raw = collect<unknown>();
      await runToEnd(
        engine,
        (job) => {
          const first = job.source("first", collection(a), { parallelism: 1 });
          const second = job.source("second", collection(b), { parallelism: 2 });
          const third = job.source("third", collection(c), { parallelism: 3 });
          first
            .union(second, third)
            .keyBy((sale) => sale.shop)
            .aggregate("n", count())
            .to("counts", counts);
          second
            .union(first)
            .map((sale) => sale.id)
            .to("mapped", mapped);
          third.union(first.filter((sale) => sale.id < 10)).to("raw", raw);
        },
        { settings: SMALL },
      );
      const expected = [...groupBy([...a, ...b, ...c], (sale) => sale.shop)].flatMap(([key, own]) =>
        own.map((_, i) => ({ key, value: i + 1 })),
      );
      expect(sorted(counts.results)).toEqual(sorted(expected));
      expect(sorted(mapped.results)).toEqual(sorted([...a, ...b].map((sale) => sale.id)));
      expect(sorted(raw.results)).toEqual(sorted([...c, ...a.slice(0, 10)]));
    });

    test("rebalance spreads the batches of one partition over all of the next, each record once", async () => {
      const input = sales(120);
      const out = collect<number>();
      const { stages } = await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", scripted([chunks(input, 10)]))
            .rebalance()
            .map("spread", (sale) => sale.id)
            .to("out", out),
        { parallelism: 3 },
      );
      expect(sorted(out.results)).toEqual(sorted(input.map((sale) => sale.id)));
      expect(stages.map(({ stage, partitions }) => ({ stage, partitions }))).toEqual([
        { stage: "sales", partitions: 3 },
        { stage: "spread", partitions: 3 },
      ]);
    });

    test("broadcast gives every partition every record", async () => {
      const input = sales(50);
      const out = collect<number>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", collection(input), { parallelism: 2 })
            .broadcast()
            .map("everywhere", (sale) => sale.id, { parallelism: 3 })
            .to("out", out),
        { settings: SMALL },
      );
      expect(sorted(out.results)).toEqual(sorted(input.flatMap((sale) => [sale.id, sale.id, sale.id])));
    });

    test("partitions without splits end, and those with splits read them all", async () => {
      const out = collect<string>();
      const { outcome } = await runToEnd(
        engine,
        (job) =>
          job
            .source("letters", scripted([[["a"], ["b", "c"]], [["d"]]]), { timestamp: () => 5 })
            .keyBy((letter) => letter)
            .process("letters-at-end", {
              emits: emits<string>(),
              onRecord(_letter, context) {
                context.timers.event(1_000);
              },
              onTimer(_timer, context) {
                context.emit(context.key);
              },
            })
            .to("out", out),
        { parallelism: 5 },
      );
      expect(outcome.status).toBe("finished");
      expect(sorted(out.results)).toEqual(sorted(["a", "b", "c", "d"]));
    });

    test("an empty source, and a filter that drops everything, end the job with nothing", async () => {
      const [fromNothing, fromDropped] = [collect<unknown>(), collect<unknown>()];
      const { outcome, stages } = await runToEnd(engine, (job) => {
        job
          .source("nothing", collection<number>([]))
          .keyBy((n) => n)
          .aggregate("n", count())
          .to("from-nothing", fromNothing);
        job
          .source("something", collection(sales(100)))
          .filter(() => false)
          .keyBy((sale) => sale.shop)
          .aggregate("m", count())
          .to("from-dropped", fromDropped);
      });
      expect(outcome.status).toBe("finished");
      expect([fromNothing.results, fromDropped.results]).toEqual([[], []]);
      expect(stages.find(({ stage }) => stage === "something")?.recordsIn).toBe(100);
      expect(stages.find(({ stage }) => stage === "m")?.recordsIn).toBe(0);
    });

    test("records larger than a usual frame arrive whole where the frame may be larger", async () => {
      const texts = ["x", "y", "z"].map((letter, i) => letter.repeat(300_000 + i));
      const out = collect<{ letter: string; sizes: readonly number[] }>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("texts", collection(texts))
            .keyBy((text) => text[0] as string)
            .process("sizes", {
              state: { kept: list<string>() },
              emits: emits<{ letter: string; sizes: readonly number[] }>(),
              onRecord(text, context) {
                context.state.kept.append(text);
                const sizes = context.state.kept.get().map((kept) => kept.length);
                context.emit({ letter: context.key, sizes });
              },
            })
            .to("out", out),
        { settings: { frameBytes: 1_000_000 } },
      );
      expect(sorted(out.results)).toEqual(
        sorted([
          { letter: "x", sizes: [300_000] },
          { letter: "y", sizes: [300_001] },
          { letter: "z", sizes: [300_002] },
        ]),
      );
    });

    test("hundreds of batches of one record, in frames of one, keep their order per key", async () => {
      const input = sales(240, 5);
      const out = collect<{ shop: string; ids: number[] }>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", scripted([chunks(input, 1)]), { parallelism: 1, timestamp: (sale) => sale.id })
            .keyBy((sale) => sale.shop)
            .process("ids", {
              state: { ids: list<number>() },
              emits: emits<{ shop: string; ids: number[] }>(),
              onRecord(sale, context) {
                context.state.ids.append(sale.id);
                context.timers.event(Number.POSITIVE_INFINITY);
              },
              onTimer(_timer, context) {
                context.emit({ shop: context.key, ids: [...context.state.ids.get()] });
              },
            })
            .to("out", out),
        { settings: { frameRecords: 1, sourceBatchRecords: 1, mailboxFrames: 2, highEntries: 2 } },
      );
      const expected = [...groupBy(input, (sale) => sale.shop)].map(([shop, own]) => ({
        shop,
        ids: own.map((sale) => sale.id),
      }));
      expect(sorted(out.results)).toEqual(sorted(expected));
    });
  });
}
