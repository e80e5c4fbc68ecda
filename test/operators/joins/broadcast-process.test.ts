import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatch } from "../../../src/core/batch.ts";
import { keyGroupOf, keyGroupRange } from "../../../src/core/key-group.ts";
import {
  type BroadcastContext,
  type BroadcastDefinition,
  broadcastProcessOperator,
  type KeyedBroadcastContext,
} from "../../../src/operators/joins/broadcast-process.ts";
import { connectedProcessOperator } from "../../../src/operators/joins/connected-process.ts";
import { list, map, value } from "../../../src/state/descriptors.ts";
import { StateOutsideRecordError } from "../../../src/state/key-scope.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife, type Life } from "../../support/operator-life.ts";
import { type Event, events, type Item, live } from "./two-input-life.ts";

const RUNS = 150;

const state = { seen: value({ default: 0 }) };
const broadcast = { rules: map<number, { id: number }>(), count: value({ default: 0 }) };

/** Rules are put under what they drew, some remove theirs, and some throw after they changed everything. */
const definition: BroadcastDefinition<unknown, Item, Item, string, typeof state, typeof broadcast> = {
  state,
  broadcast,
  onRecord(item, context) {
    const { seen } = context.state;
    seen.set(seen.get() + 1);
    context.timers.event(item.timestamp + 3);
    const { rules, count } = context.broadcast;
    const known = [...rules.entries()].map(([rule, { id }]) => `${rule}=${id}`).sort();
    context.emit(`${item.id} ${seen.get()} ${count.get()} ${known.join(" ")}`);
  },
  onBroadcast(item, context) {
    const { rules, count } = context.broadcast;
    const rule = rules.get(item.drawn);
    if (rule !== undefined) rule.id = item.id;
    rules.set(item.drawn, rule ?? { id: item.id });
    count.set(count.get() + 1);
    context.emit(`rule ${item.id}`);
    if (item.drawn === 5) throw new Error("refused");
    if (item.drawn === 4) rules.delete(3);
  },
  onTimer(timer, context) {
    context.emit(`timer ${String(context.key)} ${timer.time} ${context.broadcast.count.get()}`);
  },
};

/** The same by plain variables. */
function byDefinition(all: readonly Event[], mayThrow: boolean): string[] {
  const rules = new Map<number, number>();
  const seen = new Map<unknown, number>();
  const timers = new Map<string, { key: unknown; time: number }>();
  const emitted: string[] = [];
  let count = 0;
  for (const event of all) {
    if (event.kind === "watermark") {
      const due = [...timers].filter(([, { time }]) => time <= event.watermark);
      for (const [name, { key, time }] of due) {
        timers.delete(name);
        emitted.push(`timer ${String(key)} ${time} ${count}`);
      }
      continue;
    }
    for (const { id, input, key, timestamp, drawn } of event.items) {
      if (input === 0) {
        seen.set(key, (seen.get(key) ?? 0) + 1);
        timers.set(`${typeof key} ${key} ${timestamp + 3}`, { key, time: timestamp + 3 });
        const known = [...rules].map(([rule, by]) => `${rule}=${by}`).sort();
        emitted.push(`${id} ${seen.get(key)} ${count} ${known.join(" ")}`);
      } else if (!(mayThrow && drawn === 5)) {
        rules.set(drawn, id);
        count++;
        emitted.push(`rule ${id}`);
        if (drawn === 4) rules.delete(3);
      }
    }
  }
  return emitted;
}

function withoutThrowing(all: readonly Event[]): Event[] {
  return all.map((event) =>
    event.kind === "batch" ? { ...event, items: event.items.filter(({ drawn }) => drawn !== 5) } : event,
  );
}

describe("broadcastProcessOperator", () => {
  test("J6 broadcast and keyed state behave as plain variables, with throwing rules, commits, crashes and tiny caches", () => {
    fc.assert(
      fc.property(events, anyLife, (all, lived: Life) => {
        const input = lived.journaling ? all : withoutThrowing(all);
        const harness = live(broadcastProcessOperator(definition), input, lived);
        expect(harness.emitted().sort()).toEqual(byDefinition(input, lived.journaling).sort());
      }),
      { numRuns: RUNS },
    );
  });

  test("broadcast records come without keys, and are stored in a key group of the partition", () => {
    for (const [partition, partitions] of [
      [0, 1],
      [2, 3],
      [255, 256],
    ] as const) {
      const keyGroups = keyGroupRange(partition, partitions);
      const harness = new KeyedHarness((context) =>
        broadcastProcessOperator(definition)({ ...context, keyGroups }),
      );
      harness.operator.fromInput?.(1);
      harness.batch(createBatch([{ id: 1, drawn: 2 }]));
      harness.commit();
      const groups = Object.keys(harness.backend.contents()).map((address) => Number(address.split("/")[1]));
      expect(groups).toEqual([keyGroups.first, keyGroups.first]);
    }
    expect(keyGroupOf(0)).not.toBe(0);
  });

  test("a broadcast record reaches no key, also not through the context of a keyed record; it emits while it is processed", () => {
    let kept: KeyedBroadcastContext<unknown, unknown, { n: ReturnType<typeof value<number>> }, object>;
    let keptBroadcast: BroadcastContext<unknown, object> | undefined;
    const tries: Readonly<Record<string, () => void>> = {
      state: () => kept.state.n.set(1),
      event: () => kept.timers.event(5),
      processing: () => kept.timers.processing(5),
      emit: () => kept.emit(1),
    };
    const operator = broadcastProcessOperator({
      broadcast,
      state: { n: value<number>() },
      onRecord(_item: Item, context) {
        kept = context as never;
      },
      onBroadcast(what: string, context) {
        keptBroadcast = context;
        context.emit(`${what} begins`);
        tries[what]?.();
      },
    });
    const harness = new KeyedHarness(operator, { onError: "skip" });
    harness.records(["k", {}, 1]);
    harness.operator.fromInput?.(1);
    // Whatever keys a batch has: of the second input they mean nothing.
    harness.records(["k", "state", 1], ["k", "event", 1], ["k", "processing", 1], ["k", "emit", 1]);
    harness.batch(createBatch(["good"]));
    harness.commit();
    expect(harness.metrics.skipped).toBe(4);
    expect(harness.emitted()).toEqual(["good begins"]);
    expect(harness.backend.contents()).toEqual({});
    expect(() => keptBroadcast?.emit(1)).toThrow(StateOutsideRecordError);
  });

  test("broadcast state is read through views that cannot write, and belongs to its record alone", () => {
    let kept: { get(): number } | undefined;
    const operator = broadcastProcessOperator({
      broadcast,
      onRecord(_item: Item, context) {
        kept = context.broadcast.count;
        context.emit(`${"set" in context.broadcast.rules} ${"set" in context.broadcast.count}`);
      },
      onBroadcast() {},
    });
    const harness = new KeyedHarness(operator);
    harness.records(["k", {}, 1]);
    expect(harness.emitted()).toEqual(["false false"]);
    expect(() => kept?.get()).toThrow(StateOutsideRecordError);
  });
});

describe("connectedProcessOperator", () => {
  test("both inputs share keyed state and timers, also after a restart", () => {
    const operator = connectedProcessOperator({
      state: { all: list<string>() },
      onFirst(record: string, { state, timers }) {
        state.all.append(`1${record}`);
        timers.event(10);
      },
      onSecond(record: string, { state, timers }) {
        state.all.append(`2${record}`);
        timers.processing(2_000_000);
      },
      onTimer(timer, context) {
        context.emit(`${context.key} ${timer.kind} ${context.state.all.get().join()}`);
      },
    });
    const harness = new KeyedHarness(operator, { cacheEntries: 0 });
    harness.records(["k", "a", 1]);
    harness.commit();
    harness.crash();
    harness.operator.fromInput?.(1);
    harness.records(["k", "b", 1], ["l", "c", 1]);
    harness.advance(10);
    harness.advanceClock(1_000_000);
    expect(harness.emitted()).toEqual(["k event 1a,2b", "k processing 1a,2b", "l processing 2c"]);
  });

  test("keys are decoded, and timers in event time are refused where none would fire", () => {
    const operator = connectedProcessOperator(
      {
        onFirst: (_record: string, context) => context.emit(context.key),
        onSecond: (_record: string, context) => context.timers.event(5),
      },
      {
        decodeKey: (text) => JSON.parse(text as string),
        refuseEventTimers: () => {
          throw new Error("never");
        },
      },
    );
    const harness = new KeyedHarness(operator);
    harness.records(["[1]", "a", 1], ["[1]", "a", 1], ["[2]", "a", 1]);
    expect(harness.emitted()).toEqual([[1], [1], [2]]);
    harness.operator.fromInput?.(1);
    expect(() => harness.records(["[1]", "a", 1])).toThrow("never");
  });
});
