// Operators of a running job against plain computations over the same records.
import { describe, expect, test } from "vitest";
import {
  collect,
  collection,
  combine,
  count,
  emits,
  list,
  map,
  max,
  reducing,
  sideTag,
  sum,
  value,
} from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { DEADLINE_MS, type Engine, groupBy, runToEnd, sorted } from "./engine.ts";
import { type Sale, SMALL, sales } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

export function describeOperators(engine: Engine): void {
  describe.concurrent("operators", () => {
    for (const parallelism of [1, 2, 5])
      test(`a chain without state gives what the functions give, on ${parallelism} partitions`, async () => {
        const input = sales(500);
        const odd = sideTag<number>("odd");
        const main = collect<number>();
        const side = collect<number>();
        const { outcome } = await runToEnd(
          engine,
          (job) => {
            const flat = job
              .source("sales", collection(input))
              .map((sale) => sale.amount)
              .filter((amount) => amount > 100)
              .flatMap("spread", function* (amount, context) {
                if (amount % 2 === 1) context.side(odd, amount);
                for (let i = 0; i < amount % 4; i++) yield amount + i;
              });
            flat.to("main", main);
            flat.sideOutput(odd).to("side", side);
          },
          { parallelism, settings: SMALL },
        );
        const amounts = input.map((sale) => sale.amount).filter((amount) => amount > 100);
        expect(outcome.status).toBe("finished");
        expect(sorted(main.results)).toEqual(
          sorted(amounts.flatMap((amount) => Array.from({ length: amount % 4 }, (_, i) => amount + i))),
        );
        expect(sorted(side.results)).toEqual(sorted(amounts.filter((amount) => amount % 2 === 1)));
      });

    for (const parallelism of [1, 2, 5])
      test(`reduce emits every combination of a key in order, on ${parallelism} partitions`, async () => {
        const input = sales(400);
        const out = collect<Sale>();
        await runToEnd(
          engine,
          (job) =>
            job
              .source("sales", collection(input), { parallelism: 1 })
              .keyBy((sale) => sale.shop)
              .reduce("total", (a, b) => ({ id: b.id, shop: a.shop, amount: a.amount + b.amount }))
              .to("out", out, { parallelism: 1 }),
          { parallelism, settings: SMALL },
        );
        const totals = groupBy(out.results, (sale) => sale.shop);
        for (const [shop, own] of groupBy(input, (sale) => sale.shop))
          expect(totals.get(shop)).toEqual(runningTotals(own));
        expect(out.results).toHaveLength(input.length);
      });

    test("aggregate emits the running results of combined aggregates", async () => {
      const input = sales(300);
      const out = collect<{ key: string; value: { n: number; sum: number; top: number | undefined } }>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", collection(input), { parallelism: 1 })
            .keyBy((sale) => sale.shop)
            .aggregate(
              "figures",
              combine({
                n: count(),
                sum: sum((sale: Sale) => sale.amount),
                top: max((sale: Sale) => sale.amount),
              }),
            )
            .to("out", out, { parallelism: 1 }),
        { settings: SMALL },
      );
      const results = groupBy(out.results, (result) => result.key);
      for (const [shop, own] of groupBy(input, (sale) => sale.shop))
        expect(results.get(shop)?.map((result) => result.value)).toEqual(
          own.map((_, i) => {
            const amounts = own.slice(0, i + 1).map((sale) => sale.amount);
            return { n: i + 1, sum: amounts.reduce((a, b) => a + b), top: Math.max(...amounts) };
          }),
        );
    });

    for (const cacheEntries of [100, 200_000])
      test(`process keeps every kind of state per key, with a cache of ${cacheEntries} entries`, async () => {
        const input = sales(500, 120);
        const out = collect<Seen>();
        await runToEnd(
          engine,
          (job) =>
            job
              .source("sales", collection(input), { parallelism: 1 })
              .keyBy((sale) => sale.shop)
              .process("all-states", {
                state: {
                  n: value({ default: 0 }),
                  recent: list<number>(),
                  buckets: map<number, number>(),
                  best: reducing<number>((a, b) => Math.max(a, b)),
                },
                emits: emits<Seen>(),
                onRecord(sale, context) {
                  const { n, recent, buckets, best } = context.state;
                  n.set(n.get() + 1);
                  recent.append(sale.id);
                  if (recent.length > 3) recent.update(recent.get().slice(1));
                  const bucket = sale.amount % 5;
                  if (bucket === 4) buckets.delete(0);
                  else buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
                  best.add(sale.amount);
                  context.emit({
                    shop: context.key,
                    n: n.get(),
                    recent: [...recent.get()],
                    buckets: [...buckets.entries()].sort(([a], [b]) => a - b),
                    best: best.get() ?? -1,
                  });
                },
              })
              .to("out", out, { parallelism: 1 }),
          { settings: { ...SMALL, cacheEntries } },
        );
        expect(groupBy(out.results, (seen) => seen.shop)).toEqual(
          groupBy(seenOf(input), (seen) => seen.shop),
        );
      });

    test("event timers fire once per key, in order, and not after they were deleted", async () => {
      interface Tick {
        readonly key: string;
        readonly time: number;
      }
      const input = sales(300);
      const out = collect<Tick>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", collection(input), { timestamp: (sale) => sale.id * 10, parallelism: 1 })
            .keyBy((sale) => sale.shop)
            .process("ticks", {
              emits: emits<Tick>(),
              onRecord(sale, { timers, timestamp = 0 }) {
                timers.event(timestamp + 500);
                if (sale.amount % 3 === 0) timers.deleteEvent(timestamp + 500);
                // Far behind the end of the input: fires at the end all the same.
                if (sale.id % 50 === 0) timers.event(1_000_000 + sale.id);
              },
              onTimer(timer, context) {
                context.emit({ key: context.key, time: timer.time });
              },
            })
            .to("out", out, { parallelism: 1 }),
        { settings: { ...SMALL, timerSlice: 2 } },
      );
      const expected = input.flatMap(({ id, shop, amount }) => [
        ...(amount % 3 === 0 ? [] : [{ key: shop, time: id * 10 + 500 }]),
        ...(id % 50 === 0 ? [{ key: shop, time: 1_000_000 + id }] : []),
      ]);
      const byKey = (ticks: readonly Tick[]): Map<string, number[]> =>
        new Map(
          [...groupBy(ticks, (tick) => tick.key)].map(([key, own]) => [key, own.map((tick) => tick.time)]),
        );
      const times = byKey(expected);
      for (const own of times.values()) own.sort((a, b) => a - b);
      expect(byKey(out.results)).toEqual(times);
    });

    test("a processing timer is not held up by a later one that was set before it", async () => {
      const out = collect<string>();
      const seen = (what: string) => ({
        wait: () => waitFor(() => out.results.includes(what), { deadlineMs: DEADLINE_MS, describe: what }),
      });
      const script = [["hour"], seen("set hour"), ["soon", "deleted"], seen("fired soon")];
      await runToEnd(engine, (job) =>
        job
          .source("marks", scripted<string>([script]))
          .keyBy(() => "all")
          .process("alarm", {
            emits: emits<string>(),
            state: { names: map<number, string>() },
            onRecord(mark, context) {
              const at = context.nowMs + ({ hour: 3_600_000, soon: 50 }[mark] ?? 51);
              context.timers.processing(at);
              context.state.names.set(at, mark);
              if (mark === "deleted") context.timers.deleteProcessing(at);
              context.emit(`set ${mark}`);
            },
            onTimer(timer, context) {
              context.emit(`fired ${context.state.names.get(timer.time)}`);
            },
          })
          .to("out", out),
      );
      expect(out.results).toEqual(["set hour", "set soon", "set deleted", "fired soon"]);
    });

    test("a value with a time to live is forgotten after it", async () => {
      const out = collect<number>();
      const ttlMs = 80;
      const passed = async (): Promise<void> => {
        await waitFor(() => out.results.length === 2, { deadlineMs: DEADLINE_MS, describe: "two visits" });
        const expiredMs = Date.now() + ttlMs;
        await waitFor(() => Date.now() > expiredMs, {
          deadlineMs: DEADLINE_MS,
          describe: "the end of the life",
        });
      };
      await runToEnd(engine, (job) =>
        job
          .source("marks", scripted<string>([[["a", "a"], { wait: passed }, ["a"]]]))
          .keyBy((mark) => mark)
          .process("visits", {
            state: { visits: value({ default: 0, ttl: ttlMs }) },
            emits: emits<number>(),
            onRecord(_mark, context) {
              const { visits } = context.state;
              visits.set(visits.get() + 1);
              context.emit(visits.get());
            },
          })
          .to("out", out),
      );
      expect(out.results).toEqual([1, 2, 1]);
    });

    test("a key codec gives objects an identity, and user code the object back", async () => {
      const input = sales(200);
      interface Key {
        readonly shop: string;
        readonly odd: boolean;
      }
      const out = collect<{ key: Key; value: number }>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("sales", collection(input))
            .keyBy((sale): Key => ({ shop: sale.shop, odd: sale.amount % 2 === 1 }), {
              keyCodec: {
                encode: (key) => `${key.shop}/${key.odd}`,
                decode: (text) => {
                  const [shop = "", odd] = text.split("/");
                  return { shop, odd: odd === "true" };
                },
              },
            })
            .aggregate("n", count())
            .to("out", out),
        { settings: SMALL },
      );
      const expected = [...groupBy(input, (sale) => `${sale.shop}/${sale.amount % 2 === 1}`)].flatMap(
        ([, own]) =>
          own.map((_, i) => ({
            key: { shop: own[0]?.shop, odd: (own[0]?.amount ?? 0) % 2 === 1 },
            value: i + 1,
          })),
      );
      expect(sorted(out.results)).toEqual(sorted(expected));
    });

    test("two keyed operators on one keyed stream, and two sinks on one of them, see every record", async () => {
      const input = sales(250);
      const totals = collect<{ key: string; value: number }>();
      const best = [collect<Sale>(), collect<Sale>()] as const;
      const { run } = await runToEnd(
        engine,
        (job) => {
          const byShop = job
            .source("sales", collection(input), { parallelism: 1 })
            .keyBy((sale) => sale.shop);
          byShop
            .aggregate(
              "total",
              sum((sale) => sale.amount),
            )
            .to("totals", totals);
          const top = byShop.reduce("best", (a, b) => (a.amount >= b.amount ? a : b));
          top.to("best-0", best[0]);
          top.to("best-1", best[1]);
        },
        { parallelism: 3, settings: SMALL },
      );
      expect(run.plan.edges).toHaveLength(1);
      const sums: unknown[] = [];
      const tops: Sale[] = [];
      for (const [key, own] of groupBy(input, (sale) => sale.shop))
        own.forEach((_, i) => {
          const seen = own.slice(0, i + 1);
          sums.push({ key, value: seen.reduce((total, sale) => total + sale.amount, 0) });
          tops.push(seen.reduce((a, b) => (a.amount >= b.amount ? a : b)));
        });
      expect(sorted(totals.results)).toEqual(sorted(sums));
      for (const sink of best) expect(sorted(sink.results)).toEqual(sorted(tops));
    });

    test("side outputs of a keyed operator carry what its records and timers sent", async () => {
      const input = sales(120);
      const bySale = sideTag<number>("by-sale");
      const byTimer = sideTag<string>("by-timer");
      const main = collect<number>();
      const saleSide = collect<number>();
      const timerSide = collect<string>();
      await runToEnd(
        engine,
        (job) => {
          const split = job
            .source("sales", collection(input), { timestamp: (sale) => sale.id })
            .keyBy((sale) => sale.shop)
            .process("split", {
              emits: emits<number>(),
              onRecord(sale, context) {
                if (sale.amount % 2 === 0) context.emit(sale.id);
                else context.side(bySale, sale.id);
                context.timers.event(5_000);
              },
              onTimer(_timer, context) {
                context.side(byTimer, context.key);
              },
            });
          split.to("main", main);
          split
            .sideOutput(bySale)
            .keyBy((id) => id)
            .reduce("ids", (a) => a)
            .to("sale-side", saleSide);
          split.sideOutput(byTimer).to("timer-side", timerSide);
        },
        { settings: SMALL },
      );
      const even = (sale: Sale): boolean => sale.amount % 2 === 0;
      expect(sorted(main.results)).toEqual(sorted(input.filter(even).map((sale) => sale.id)));
      expect(sorted(saleSide.results)).toEqual(
        sorted(input.filter((sale) => !even(sale)).map((sale) => sale.id)),
      );
      expect(sorted(timerSide.results)).toEqual(sorted([...new Set(input.map((sale) => sale.shop))]));
    });
  });
}

interface Seen {
  readonly shop: string;
  readonly n: number;
  readonly recent: readonly number[];
  readonly buckets: readonly (readonly [number, number])[];
  readonly best: number;
}

/** What the process operator of the test emits, computed plainly. */
function seenOf(input: readonly Sale[]): Seen[] {
  const states = new Map<
    string,
    { n: number; recent: number[]; buckets: Map<number, number>; best: number }
  >();
  return input.map(({ id, shop, amount }) => {
    const state = states.get(shop) ?? { n: 0, recent: [], buckets: new Map<number, number>(), best: -1 };
    states.set(shop, state);
    state.n++;
    state.recent = [...state.recent, id].slice(-3);
    if (amount % 5 === 4) state.buckets.delete(0);
    else state.buckets.set(amount % 5, (state.buckets.get(amount % 5) ?? 0) + 1);
    state.best = Math.max(state.best, amount);
    return {
      shop,
      n: state.n,
      recent: state.recent,
      buckets: [...state.buckets].sort(([a], [b]) => a - b),
      best: state.best,
    };
  });
}

function runningTotals(own: readonly Sale[]): Sale[] {
  let total = 0;
  return own.map(({ id, shop, amount }) => {
    total += amount;
    return { id, shop, amount: total };
  });
}
