import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyedProcessOperator, type ProcessDefinition } from "../../src/operators/keyed-process.ts";
import { list, map, reducing, type TtlUpdate, value } from "../../src/state/descriptors.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";

const RUNS = 300 * Number(process.env["WEIR_TEST_CAMPAIGN"] ?? 1);
const TTL_MS = 160;

type Command =
  | {
      readonly do:
        | "set"
        | "get"
        | "clear"
        | "append"
        | "items"
        | "put"
        | "entry"
        | "size"
        | "drop"
        | "add"
        | "sum";
      readonly n: number;
    }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "restart" };

const states = (update: TtlUpdate) => {
  const ttl = { after: TTL_MS, update } as const;
  return {
    box: value<{ n: number }>({ ttl }),
    items: list<number>({ ttl }),
    seen: map<number, number>({ ttl }),
    total: reducing<number>((a, b) => a + b, { ttl }),
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

  constructor(update: TtlUpdate) {
    this.#prolongs = update === "onReadAndWrite";
  }

  run(command: Command, nowMs: number): unknown {
    const stamp = <T>(stamped: T): Stamped<T> => ({ value: stamped, expiresMs: nowMs + TTL_MS });
    const read = <T>(stamped: Stamped<T> | undefined): T | undefined => {
      if (stamped === undefined || stamped.expiresMs <= nowMs) return undefined;
      if (this.#prolongs) stamped.expiresMs = nowMs + TTL_MS;
      return stamped.value;
    };
    switch (command.do) {
      case "set":
        this.box = stamp(command.n);
        return undefined;
      case "get":
        return read(this.box);
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
      default:
        throw new Error(command.do);
    }
  }
}

const running = (
  update: TtlUpdate,
): ProcessDefinition<number, Command, unknown, ReturnType<typeof states>> => ({
  state: states(update),
  onRecord(command, context) {
    const { box, items, seen, total } = context.state;
    switch (command.do) {
      case "set":
        box.set({ n: command.n });
        context.emit(undefined);
        break;
      case "get":
        context.emit(box.get()?.n);
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
        context.emit([...items.get()]);
        break;
      case "put":
        seen.set(command.n, command.n);
        context.emit(undefined);
        break;
      case "entry":
        context.emit(seen.get(command.n));
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
    }
  },
});

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "set",
        "get",
        "clear",
        "append",
        "items",
        "put",
        "entry",
        "size",
        "drop",
        "add",
        "sum",
      ),
      n: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: TTL_MS }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "restart" as const }) },
);

describe("states with a time to live", () => {
  test("E1 read what is younger than the time to live and nothing else, over restarts, and leave nothing in storage", () => {
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
});
