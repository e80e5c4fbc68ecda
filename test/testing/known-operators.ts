// Operators of many kinds for the laws of the test kit, and random calls for them.
import fc from "fast-check";
import {
  count,
  emits,
  evictors,
  type KeyedStream,
  list,
  map,
  type OperatorStream,
  pattern,
  type Stream,
  session,
  sliding,
  triggers,
  tumbling,
  value,
} from "../../src/index.ts";

export interface Item {
  readonly id: number;
  readonly key: string;
  readonly at: number;
}

export type Build = (
  first: KeyedStream<string, Item>,
  second: Stream<Item>,
) => OperatorStream<unknown> & { late?(): Stream<Item> };

/** With one input, and with two. */
export const operators: Readonly<Record<string, Build>> = {
  sliding: (items) => items.window(sliding(10, 4)).aggregate("op", count()),
  "session with lateness": (items) =>
    items
      .window(session(5))
      .allowedLateness(7)
      .apply("op", (key, window, own) => [[key, window, own]]),
  "triggers and evictors": (items) =>
    items
      .window(tumbling(20))
      .trigger(triggers.afterWatermark({ early: triggers.afterCount(2), late: triggers.afterCount(1) }))
      .allowedLateness(10)
      .evict(evictors.count(3))
      .apply("op", (key, { start }, own, { pane }) => [[key, start, own.map(({ id }) => id), pane]]),
  "on the clock": (items) =>
    items
      .window(tumbling(16).processingTime())
      .trigger(triggers.continuousProcessingTime(5))
      .discarding()
      .apply("op", (key, { start }, own) => [`${key} ${start} ${own.map(({ id }) => id)}`]),
  "timers and every kind of state": (items) =>
    items.process("op", {
      state: { seen: value<number>({ ttl: 30 }), ids: list<number>(), timers: map<number, number>() },
      emits: emits<string>(),
      onRecord({ id, at }, context) {
        const { state, timers, nowMs } = context;
        state.seen.set((state.seen.get() ?? 0) + 1);
        state.ids.append(id);
        if (id % 5 === 0) state.ids.clear();
        state.timers.set(at + (id % 7), id);
        timers.event(at + (id % 7));
        timers.processing(nowMs + (id % 11));
        context.emit(`${id}: ${state.seen.get()} ${state.ids.get()}`);
      },
      onTimer({ kind, time }, context) {
        const { key, state, timers } = context;
        context.emit(
          `${key} ${kind} ${time}: ${state.seen.get()} ${state.ids.get()} ${state.timers.get(time)}`,
        );
        state.timers.delete(time);
        if (kind === "processing" && time % 3 === 0) timers.processing(time + 4);
      },
    }),
  pattern: (items) =>
    items.pattern(
      "op",
      pattern<Item>()
        .begin("even", ({ id }) => id % 2 === 0)
        .followedBy("later", (item, { even }) => item.at > (even[0]?.at ?? 0))
        .within(20),
      ({ even, later }) => [even[0]?.id, later[0]?.id],
    ),
  "top-N": (items) => items.topN("op", 2, { by: ({ at }) => at % 5 }),
  "first and last": (items) => items.deduplicate("op", { keep: "last", by: "eventTime" }),
  "interval join": (items, others) =>
    items.intervalJoin(
      "op",
      others.keyBy(({ key }) => key),
      { lower: -4, upper: 6, kind: "full" },
      (left: Item | undefined, right: Item | undefined) => [left?.id, right?.id],
    ),
  "two inputs": (items, others) => connected(items, others),
  "timestamps on the way": (items, others) =>
    connected(items, others.assignTimestamps("times", { timestamp: ({ at }) => at + 1, outOfOrderness: 3 })),
};

export const takesTwo: ReadonlySet<string> = new Set([
  "interval join",
  "two inputs",
  "timestamps on the way",
]);

/** Both sides are kept; event time shows what has come until then. */
function connected(items: KeyedStream<string, Item>, others: Stream<Item>): OperatorStream<string> {
  return items.connect(others.keyBy(({ key }) => key)).process("op", {
    state: { first: list<number>(), second: list<number>() },
    emits: emits<string>(),
    onFirst({ id, at }, { state, timers }) {
      state.first.append(id);
      timers.event(at);
    },
    onSecond: ({ id }, { state }) => state.second.append(id),
    onTimer({ time }, context) {
      const { key, state } = context;
      context.emit(`${key} ${time}: ${state.first.get()} | ${state.second.get()}`);
    },
  });
}

export type Call =
  | { readonly kind: "push"; readonly input: 0 | 1; readonly items: readonly Item[] }
  | { readonly kind: "watermark"; readonly time: number }
  | { readonly kind: "clock"; readonly by: number };

/** Items around a rising watermark: most are in time, some late. */
export const anyCalls: fc.Arbitrary<readonly Call[]> = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          input: fc.constantFrom<0 | 1>(0, 1),
          items: fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: -6, max: 16 })), {
            minLength: 1,
            maxLength: 4,
          }),
        }),
      },
      { weight: 2, arbitrary: fc.record({ ahead: fc.integer({ min: 1, max: 12 }) }) },
      { weight: 1, arbitrary: fc.record({ by: fc.integer({ min: 1, max: 12 }) }) },
    ),
    { minLength: 1, maxLength: 14, size: "max" },
  )
  .map((drawn) => {
    let id = 0;
    let watermark = 0;
    return drawn.map((one): Call => {
      if ("by" in one) return { kind: "clock", by: one.by };
      if ("ahead" in one) {
        watermark += one.ahead;
        return { kind: "watermark", time: watermark };
      }
      const items = one.items.map(([key, ahead]) => ({ id: id++, key, at: watermark + ahead }));
      return { kind: "push", input: one.input, items };
    });
  });
