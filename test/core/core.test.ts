import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { msgpackCodec } from "../../src/core/codec.ts";
import { EngineError, InvariantError, invariant, toError } from "../../src/core/errors.ts";
import { channelId, parsePartitionId, partitionId } from "../../src/core/ids.ts";
import { defineLifecycle, IllegalTransitionError } from "../../src/core/lifecycle.ts";
import { fitsMessagePack, NotSerialisableError } from "../../src/core/plain-data.ts";

describe("msgpackCodec", () => {
  test("keeps plain data, Map, Set, Date, bigint and bytes", () => {
    const value = {
      text: "x",
      nested: [{ a: 1 }, { a: 2 }],
      map: new Map<unknown, unknown>([
        [1, "one"],
        ["k", new Set([1, 2])],
      ]),
      date: new Date(5),
      big: 12345678901234567890n,
      bytes: new Uint8Array([1, 2, 3]),
      nothing: null,
      missing: undefined,
    };
    const back = msgpackCodec.decode(msgpackCodec.encode(value)) as typeof value;
    expect({ ...back, bytes: [...back.bytes] }).toEqual({ ...value, bytes: [1, 2, 3] });
  });

  test("B1 any plain data comes back exactly: minus zero, lone surrogates, odd property names", () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: false,
      stringUnit: "binary",
    } as Parameters<typeof fc.anything>[0]);
    fc.assert(
      fc.property(anything, (value) => {
        expect(msgpackCodec.decode(msgpackCodec.encode(value))).toStrictEqual(value);
      }),
    );
    for (const odd of [-0, "\ud800", { toJSON: 1, constructor: 2 }, JSON.parse('{"__proto__": 1}'), [[-0]]])
      expect(msgpackCodec.decode(msgpackCodec.encode(odd))).toStrictEqual(odd);
  });

  test("what is no plain data is refused instead of changed", () => {
    class Money {}
    expect(() => msgpackCodec.encode({ price: new Money() })).toThrow(NotSerialisableError);
  });
});

describe("fitsMessagePack", () => {
  test("names where the value cannot be stored", () => {
    class Money {}
    expect(() => fitsMessagePack([{ a: [1, { price: new Money() }] }], 'operator "x"')).toThrow(
      /operator "x": a\.1\.price is an instance of class Money/,
    );
    expect(() => fitsMessagePack([() => 1], "here")).toThrow(NotSerialisableError);
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(() => fitsMessagePack([loop], "here")).toThrow(/self is a reference to one of its own parents/);
  });

  test("accepts the same object twice when it is no cycle", () => {
    const shared = { a: 1 };
    expect(fitsMessagePack([shared, shared, new Map([[1, shared]])], "here")).toBe(true);
  });
});

describe("errors", () => {
  test("an invariant says which law broke and that it is a bug", () => {
    expect(() => invariant(false, "W1 grows", { a: 1 })).toThrow(InvariantError);
    expect(() => invariant(false, "W1 grows", { a: 1 })).toThrow(/W1 grows.*report/);
  });

  test("keeps its cause, its class name and the default that nothing is retried", () => {
    const cause = new Error("inner");
    const error = new EngineError("SOME_CODE", "message", { cause });
    expect({ name: error.name, retry: error.retry, cause: error.cause }).toEqual({
      name: "EngineError",
      retry: "never",
      cause,
    });
    expect(toError("text").message).toBe("text");
    expect(toError(cause)).toBe(cause);
  });
});

describe("ids", () => {
  test("a partition id names its stage although the stage's name holds a dot-free dash", () => {
    expect(parsePartitionId(partitionId("count-by-user", 12))).toEqual({ stage: "count-by-user", index: 12 });
    expect(channelId("count-in", 0, 3)).toBe("count-in:0>3");
  });
});

describe("defineLifecycle", () => {
  const door = defineLifecycle("door", { open: ["closed"], closed: ["open", "locked"], locked: ["closed"] });

  test("allows the edges of the table and refuses all others", () => {
    const states = ["open", "closed", "locked"] as const;
    for (const from of states)
      for (const to of states) {
        const state = door.create("front", from);
        if (door.edges[from].includes(to as never)) {
          state.to(to);
          expect(state.current).toBe(to);
        } else {
          expect(() => state.to(to)).toThrow(IllegalTransitionError);
          expect(state.current).toBe(from);
        }
      }
  });
});

describe("ManualClock", () => {
  test("runs what is due in the order of time and lets actions schedule more", () => {
    const clock = new ManualClock(1_000);
    const seen: string[] = [];
    clock.after(20, () => seen.push(`b@${clock.nowMs()}`));
    clock.after(10, () => {
      seen.push(`a@${clock.nowMs()}`);
      clock.after(5, () => seen.push(`c@${clock.nowMs()}`));
    });
    clock.after(15, () => seen.push("cancelled"))();
    clock.advance(30);
    expect(seen).toEqual(["a@1010", "c@1015", "b@1020"]);
    expect(clock.nowMs()).toBe(1_030);
  });
});
