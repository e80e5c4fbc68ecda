import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK } from "../../src/core/batch.ts";
import { collectList } from "../../src/operators/aggregates.ts";
import { keyedProcessOperator, type ProcessDefinition } from "../../src/operators/keyed-process.ts";
import {
  aggregating,
  list,
  map,
  reducing,
  type TtlTime,
  type TtlUpdate,
  value,
} from "../../src/state/descriptors.ts";
import { StateWithoutEventTimeError } from "../../src/state/expiring.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";
import { createKeyedState } from "../support/keyed-state.ts";

const RUNS = 300;
const TTL_MS = 160;

type Command =
  | {
      readonly do:
        | "set"
        | "get"
        | "has"
        | "clear"
        | "append"
        | "items"
        | "put"
        | "entry"
        | "entries"
        | "size"
        | "drop"
        | "add"
        | "sum"
        | "fold"
        | "folded";
      readonly n: number;
    }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "restart" };

const states = (update: TtlUpdate, time: TtlTime) => {
  const ttl = { after: TTL_MS, update, time } as const;
  return {
    box: value<{ n: number }>({ ttl }),
    items: list<number>({ ttl }),
    seen: map<number, number>({ ttl }),
    total: reducing<number>((a, b) => a + b, { ttl }),
    bag: aggregating(collectList<number>(), { ttl }),
  };
};

interface Stamped<T> {
  value: T;
  expiresMs: number;
}

/** The same states by definition: every value beside the moment from which on it is gone. */
class PlainExpiring {
  readonly #prolongs: boolean;
  box: Stamped<number> | undefined;
  items: Stamped<number>[] = [];
  seen = new Map<number, Stamped<number>>();
  total: Stamped<number> | undefined;
  bag: Stamped<readonly number[]> | undefined;

  constructor(update: TtlUpdate) {
    this.#prolongs = update === "onReadAndWrite";
  }

  run(command: Command, nowMs: number): unknown {
    const stamp = <T>(stamped: T): Stamped<T> => ({ value: stamped, expiresMs: nowMs + TTL_MS });
    const read = <T>(stamped: Stamped<T> | undefined): T | undefined => {
      if (stamped === undefined || stamped.expiresMs <= nowMs) return undefined;
      if (this.#prolongs) stamped.expiresMs = Math.max(stamped.expiresMs, nowMs + TTL_MS);
      return stamped.value;
    };
    switch (command.do) {
      case "set":
        this.box = stamp(command.n);
        return undefined;
      case "get":
        return read(this.box);
      case "has":
        return this.box !== undefined && this.box.expiresMs > nowMs;
      case "clear":
        this.box = undefined;
        return undefined;
      case "append":
        this.items.push(stamp(command.n));
        return undefined;
      case "items":
        return this.items.filter((item) => item.expiresMs > nowMs).map((item) => read(item));
      case "put":
        this.seen.set(command.n, stamp(command.n));
        return undefined;
      case "entry":
        return read(this.seen.get(command.n));
      case "entries": {
        const living = [...this.seen].filter(([, stamped]) => stamped.expiresMs > nowMs);
        return new Map(living.map(([key, stamped]) => [key, read(stamped)]));
      }
      case "size":
        return [...this.seen.values()].filter((stamped) => stamped.expiresMs > nowMs).length;
      case "drop":
        this.seen.delete(command.n);
        return undefined;
      case "add": {
        this.total = stamp((read(this.total) ?? 0) + command.n);
        return undefined;
      }
      case "sum":
        return read(this.total);
      case "fold":
        this.bag = stamp([...(read(this.bag) ?? []), command.n]);
        return undefined;
      case "folded":
        return read(this.bag);
      default:
        throw new Error(command.do);
    }
  }
}

const running = (
  update: TtlUpdate,
  time: TtlTime = "processing",
): ProcessDefinition<number, Command, unknown, ReturnType<typeof states>> => ({
  state: states(update, time),
  onRecord(command, context) {
    const { box, items, seen, total, bag } = context.state;
    const peeks = command.do !== "pass" && command.do !== "restart" && command.n % 2 === 1;
    switch (command.do) {
      case "set":
        box.set({ n: command.n });
        context.emit(undefined);
        break;
      case "get":
        context.emit((peeks ? box.peek() : box.get())?.n);
        break;
      case "has":
        context.emit(box.has());
        break;
      case "clear":
        box.clear();
        context.emit(undefined);
        break;
      case "append":
        items.append(command.n);
        context.emit(undefined);
        break;
      case "items":
        context.emit([...(peeks ? items.peek() : items.get())]);
        break;
      case "put":
        seen.set(command.n, command.n);
        context.emit(undefined);
        break;
      case "entry":
        context.emit(peeks ? seen.peek(command.n) : seen.get(command.n));
        break;
      case "entries":
        context.emit(new Map(peeks ? seen.peekEntries() : seen.entries()));
        break;
      case "size":
        context.emit(seen.size);
        break;
      case "drop":
        seen.delete(command.n);
        context.emit(undefined);
        break;
      case "add":
        total.add(command.n);
        context.emit(undefined);
        break;
      case "sum":
        context.emit(total.get());
        break;
      case "fold":
        bag.add(command.n);
        context.emit(undefined);
        break;
      case "folded":
        context.emit(bag.get());
        break;
    }
  },
});

const COMMANDS = [
  ...([
    "set",
    "get",
    "has",
    "clear",
    "append",
    "items",
    "put",
    "entry",
    "entries",
    "size",
    "drop",
    "add",
    "sum",
    "fold",
    "folded",
  ] as const),
];
const small = fc.integer({ min: 0, max: 3 });

type TimedCommand =
  | { readonly do: (typeof COMMANDS)[number]; readonly n: number; readonly at: number }
  | { readonly do: "timer"; readonly in: number }
  | { readonly do: "advance"; readonly by: number }
  | { readonly do: "restart" };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(...COMMANDS),
      n: small,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: TTL_MS }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
);

describe("states with a time to live", () => {
  test("E1 S5 read what is younger than the time to live and nothing else, over restarts, and leave nothing in storage", () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 40, size: "max" }),
        fc.constantFrom<TtlUpdate>("onWrite", "onReadAndWrite"),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(0, 1_000),
        fc.constantFrom("fail" as const, "skip" as const),
        (commands, update, fires, shares, cacheEntries, onError) => {
          const harness = new KeyedHarness(keyedProcessOperator(running(update)), {
            shares,
            cacheEntries,
            onError,
          });
          const plain = new PlainExpiring(update);
          for (const one of commands) {
            if (one.do === "pass") {
              // Cleanup timers may fire late: what is read does not depend on them.
              if (fires) harness.advanceClock(one.ms, 2);
              else harness.clock.advance(one.ms);
            } else if (one.do === "restart") {
              harness.commit();
              harness.crash();
            } else {
              harness.records([1, one, 1]);
              expect(harness.emitted().at(-1)).toEqual(plain.run(one, harness.clock.nowMs()));
            }
          }
          harness.advanceClock(TTL_MS + TTL_MS / 16);
          harness.commit();
          expect(harness.backend.contents()).toEqual({});
          expect(harness.operator.nextProcessingTime()).toBe(undefined);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("E1 in event time the same holds for the times of the records, in any order, between any watermarks", () => {
    const timed: fc.Arbitrary<TimedCommand> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constantFrom(...COMMANDS),
          n: small,
          at: fc.integer({ min: 0, max: 600 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant("timer" as const), in: fc.integer({ min: 1, max: 400 }) }),
      },
      {
        weight: 3,
        arbitrary: fc.record({ do: fc.constant("advance" as const), by: fc.integer({ min: 1, max: 200 }) }),
      },
      { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
    );
    fc.assert(
      fc.property(
        fc.array(timed, { maxLength: 40, size: "max" }),
        fc.constantFrom<TtlUpdate>("onWrite", "onReadAndWrite"),
        fc.boolean(),
        fc.constantFrom(0, 1_000),
        fc.constantFrom("fail" as const, "skip" as const),
        fc.constantFrom(1, 1_000),
        (commands, update, shares, cacheEntries, onError, slice) => {
          const { state, onRecord } = running(update, "event");
          const harness = new KeyedHarness(
            keyedProcessOperator<
              number,
              Command | { do: "timer"; at: number },
              unknown,
              NonNullable<typeof state>
            >({
              state: state!,
              onRecord(record, context) {
                if (record.do === "timer") context.timers.event(record.at);
                else onRecord(record, context as never);
              },
              // A timer sees what lives at its own time, however far the watermark jumped.
              onTimer: (timer, context) => context.emit([timer.time, context.state.box.get()?.n]),
            }),
            { shares, cacheEntries, onError },
          );
          const plain = new PlainExpiring(update);
          let watermark = 0;
          let latest = 0;
          const timers = new Set<number>();
          harness.advance(watermark, slice);
          for (const one of commands) {
            if (one.do === "restart") {
              harness.commit();
              harness.crash();
            } else if (one.do === "advance") {
              watermark += one.by;
              const before = harness.emitted().length;
              harness.advance(watermark, slice);
              const due = [...timers].filter((time) => time <= watermark).sort((a, b) => a - b);
              for (const time of due) timers.delete(time);
              expect(harness.emitted().slice(before)).toEqual(
                due.map((time) => [time, plain.run({ do: "get", n: 0 }, time)]),
              );
            } else if (one.do === "timer") {
              const at = watermark + one.in;
              timers.add(at);
              harness.records([1, { do: "timer", at }, watermark + 1]);
            } else {
              harness.records([1, one, one.at]);
              const now = Math.max(one.at, watermark);
              latest = Math.max(latest, now);
              expect(harness.emitted().at(-1)).toEqual(plain.run(one, now));
            }
          }
          harness.advance(Math.max(latest, watermark + 400) + TTL_MS + TTL_MS / 16, slice);
          // A timer may have prolonged what it read.
          harness.advance(Math.max(latest, watermark + 400) + 2 * (TTL_MS + TTL_MS / 16), slice);
          harness.commit();
          expect(harness.backend.contents()).toEqual({});
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("in event time, nothing grows old at the end of the input: its timers still see what lived before", () => {
    const harness = new KeyedHarness(
      keyedProcessOperator({
        state: { box: value<number>({ ttl: { after: TTL_MS, time: "event" } }) },
        onRecord(record: number, context) {
          context.state.box.set(record);
          context.timers.event(MAX_WATERMARK);
        },
        onTimer: (timer, context) => context.emit(context.state.box.get()),
      }),
    );
    harness.records(["a", 1, 1_000]);
    harness.records(["b", 2, 1_000 + TTL_MS]);
    harness.advance(1_000 + TTL_MS);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual([undefined, 2]);
  });

  test("in event time, timers of the end see all that is stored when no watermark came before, and after a restart", () => {
    const create = keyedProcessOperator({
      state: {
        box: value<number>({ ttl: { after: TTL_MS, time: "event" } }),
        late: value<number>({ ttl: { after: TTL_MS, time: "event", update: "onReadAndWrite" } }),
      },
      onRecord(record: number, context) {
        context.state.box.set(record);
        context.timers.event(MAX_WATERMARK);
      },
      onTimer(_timer, context) {
        context.state.late.set(context.state.box.get());
        context.emit(context.state.late.get());
      },
    });
    const short = new KeyedHarness(create);
    short.records(["a", 1, 1_000]);
    short.advance(MAX_WATERMARK);
    expect(short.emitted()).toEqual([1]);
    const restarted = new KeyedHarness(create);
    restarted.records(["a", 1, 1_000], ["b", 2, 1_001]);
    restarted.advance(1_001);
    restarted.slice(MAX_WATERMARK, 1);
    restarted.commit();
    restarted.crash();
    restarted.advance(MAX_WATERMARK);
    expect(restarted.emitted()).toEqual([1, 2]);
  });

  test("in event time, state cannot be used where there is no time yet", () => {
    const harness = new KeyedHarness(
      keyedProcessOperator({
        state: { box: value<number>({ ttl: { after: TTL_MS, time: "event" } }) },
        onRecord: (record: number, context) => context.state.box.set(record),
      }),
    );
    expect(() => harness.records(["a", 1])).toThrow(StateWithoutEventTimeError);
    harness.advance(5_000);
    harness.records(["a", 1]);
    harness.advance(5_000 + TTL_MS + TTL_MS / 16);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });

  test("any number of writes needs one cleanup timer per sixteenth of the time to live at most", () => {
    const harness = new KeyedHarness(keyedProcessOperator(running("onWrite")));
    let adds = 0;
    for (let i = 0; i < 1_000; i++) {
      harness.records([1, { do: "set", n: i }, 1]);
      harness.advanceClock(1);
      adds += harness.collect().reduce((sum, { timerAdds }) => sum + timerAdds.length, 0);
    }
    expect(adds).toBeLessThanOrEqual(2 + 1_000 / TTL_MS);
  });

  test("a list of any length is cleaned up", () => {
    const state = createKeyedState();
    const items = state.add("items", list<number>({ ttl: TTL_MS }));
    state.enter(0);
    state.setKey("k");
    items.appendAll(Array.from({ length: 300_000 }, (_, n) => n));
    expect(state.expire("items")).toBe(TTL_MS);
  });
});
