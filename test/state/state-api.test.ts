import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAddress, encodeAddress } from "../../src/core/address.ts";
import { NoAccumulatorError } from "../../src/core/aggregate.ts";
import { type Codec, msgpackCodec } from "../../src/core/codec.ts";
import { UnsupportedKeyError } from "../../src/core/key-group.ts";
import { InvalidOptionError, UnknownOptionError } from "../../src/core/options.ts";
import { collectList, count, mean } from "../../src/operators/aggregates.ts";
import { aggregating, list, map, reducing, stateLayout, value } from "../../src/state/descriptors.ts";
import { expiringCodec } from "../../src/state/expiring.ts";
import type { KeyedState } from "../../src/state/keyed-state.ts";
import { InvalidDurationError } from "../../src/time/duration.ts";
import { collectWrites, createKeyedState } from "../support/keyed-state.ts";

const RUNS = 2_000;

/** A state that may be used at once. */
function createState(): KeyedState {
  const state = createKeyedState();
  state.enter(0);
  return state;
}

describe("addresses", () => {
  const text = fc.string({ unit: "binary" });
  // Lone surrogates too: all of them are one character in UTF-8.
  const anyText = fc.oneof(
    text,
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    fc.constantFrom("", "0", "n5", "s", "2:n1", 'u"x"', "i5"),
  );
  const number = fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true }).map((n) => n + 0),
  );
  const namespace = fc.oneof(fc.constant(undefined), anyText, number);
  const key = fc.oneof(anyText, number, fc.boolean(), fc.bigInt(), fc.constant(null));

  test("K4 a storage field tells its namespace and key, also after UTF-8, and no two addresses share a field", () => {
    const address = fc.record({ namespace, key });
    fc.assert(
      fc.property(address, address, (a, b) => {
        const stored = (one: typeof a): string =>
          Buffer.from(encodeAddress(one.namespace, one.key), "utf8").toString("utf8");
        expect(decodeAddress(stored(a))).toEqual(a);
        expect(stored(a) === stored(b)).toBe(a.namespace === b.namespace && a.key === b.key);
      }),
      { numRuns: RUNS },
    );
  });
});

describe("descriptors", () => {
  test("name shape, codec and version in the layout, in the order of their names", () => {
    const layout = stateLayout({
      seen: map<string, number>({ ttl: "1h" }),
      all: list<number>({ version: 3 }),
      total: value({ default: 0 }),
      most: reducing<number>(Math.max),
      number: aggregating({
        ...count(),
        codec: { ...msgpackCodec, name: "own", version: 4 } as Codec<number>,
      }),
      open: value({ ttl: { after: "1h", time: "event" } }),
    });
    expect(layout).toEqual([
      { state: "all", shape: "list", codec: "msgpack", version: 3 },
      { state: "most", shape: "scalar", codec: "msgpack", version: 1 },
      { state: "number", shape: "scalar", codec: "own", version: 4 },
      {
        state: "open",
        shape: "scalar",
        codec: "expiring(msgpack, event time)",
        version: 1,
        expires: "event",
      },
      { state: "seen", shape: "map", codec: "expiring(msgpack)", version: 1 },
      { state: "total", shape: "scalar", codec: "msgpack", version: 1 },
    ]);
  });

  test("refuse options that do not exist or make no sense", () => {
    expect(() => value({ defualt: 1 } as never)).toThrow(UnknownOptionError);
    expect(() => list({ version: 0 })).toThrow(InvalidOptionError);
    expect(() => map({ ttl: "soon" as never })).toThrow(InvalidDurationError);
    expect(() => map({ ttl: { after: "1h", update: "never" as never } })).toThrow(InvalidOptionError);
    expect(() => reducing(5 as never)).toThrow(InvalidOptionError);
    expect(() => map({ ttl: { after: "1h", time: "ingestion" as never } })).toThrow(InvalidOptionError);
    expect(() => aggregating({ create: () => 0 } as never)).toThrow(InvalidOptionError);
    expect(() => aggregating(count(), { default: 0 } as never)).toThrow(UnknownOptionError);
  });

  test("a state name must fit storage and be taken once", () => {
    expect(() => createState().add("a b", value())).toThrow(InvalidOptionError);
    const state = createState();
    state.add("a", value());
    expect(() => state.add("a", list())).toThrow(InvalidOptionError);
  });
});

describe("state handles", () => {
  test("a default is read until something is written, and changing the default read changes nobody else's", () => {
    const state = createState();
    const { box, total } = state.addAll({
      box: value({ default: { items: [] as number[] } }),
      total: value({ default: 7 }),
    });
    state.setKey(1);
    box.get().items.push(1);
    expect(box.get()).toEqual({ items: [] });
    expect(total.get()).toBe(7);
    total.set(8);
    expect(total.get()).toBe(8);
    total.clear();
    expect(total.get()).toBe(7);
  });

  test("what is changed in place without a set is not committed; peek sees what get sees", () => {
    const state = createKeyedState({ encodesOnCommit: false });
    const { box, all, seen } = state.addAll({
      box: value<{ n: number }>(),
      all: list<{ n: number }>(),
      seen: map<string, { n: number }>(),
    });
    state.enter(0);
    state.setKey("k");
    expect([box.has(), box.peek(), all.peek(), seen.peek("a")]).toEqual([false, undefined, [], undefined]);
    box.set({ n: 1 });
    all.append({ n: 1 });
    seen.set("a", { n: 1 });
    const stored = collectWrites(state);
    const values = (): unknown[] =>
      stored.flatMap(({ scalars, maps, lists }) => [
        scalars.map((write) => write.values),
        maps.map((write) => [...write.entries]),
        lists.map((write) => write.appends),
      ]);
    const asStored = structuredClone(values());
    state.acknowledge();
    expect(box.peek(), "no copy").toBe(stored[0]?.scalars[0]?.values[0]);
    for (const item of [box.get(), all.get()[0], seen.get("a")]) (item as { n: number }).n = 2;
    expect([box.has(), box.peek(), all.peek(), seen.peek("a")]).toEqual([
      true,
      { n: 2 },
      [{ n: 2 }],
      { n: 2 },
    ]);
    expect([...seen.peekEntries()]).toEqual([["a", { n: 2 }]]);
    expect(collectWrites(state)).toEqual([]);
    expect(values()).toEqual(asStored);
  });

  test("a default is peeked at without a copy, and does not count as something stored", () => {
    const state = createState();
    const nothing = { items: [] as number[] };
    const box = state.add("box", value({ default: nothing }));
    state.setKey(1);
    expect(box.peek()).toBe(nothing);
    expect(box.has()).toBe(false);
  });

  test('map entry keys have types: 1 and "1" are two entries, objects are refused', () => {
    const state = createState();
    const seen = state.add("seen", map<unknown, number>());
    state.setKey("k");
    seen.set(1, 10);
    seen.set("1", 20);
    seen.set(null, 30);
    expect(seen.get(1)).toBe(10);
    expect(seen.get("1")).toBe(20);
    expect(seen.size).toBe(3);
    expect(() => seen.set({}, 1)).toThrow(UnsupportedKeyError);
    expect(() => seen.set(Number.NaN, 1)).toThrow(UnsupportedKeyError);
    seen.set(1, undefined);
    expect([...seen.keys()]).toEqual(["1", null]);
    state.setKey("other");
    expect(seen.size).toBe(0);
    expect([...seen.entries()]).toEqual([]);
  });

  test("an aggregating state reads as its aggregate's result; what it hands out is nobody else's", () => {
    const state = createState();
    const { average, all } = state.addAll({
      average: aggregating(mean((n: number) => n)),
      all: aggregating({ ...collectList<number>(), result: (list: number[]) => list }),
    });
    state.setKey(1);
    expect(average.get()).toBe(undefined);
    average.add(1);
    average.add(4);
    all.add(7);
    expect(average.get()).toBe(2.5);
    all.get()?.push(8);
    expect(all.get()).toEqual([7]);
    state.setKey(2);
    expect(average.get()).toBe(undefined);
    state.setKey(1);
    average.clear();
    expect(average.get()).toBe(undefined);
  });

  test("a fold that returns nothing is refused instead of clearing the state", () => {
    const state = createState();
    const { least, all } = state.addAll({
      least: reducing<number>(() => undefined as never),
      all: aggregating({ ...count(), add: () => undefined as never }),
    });
    state.setKey(1);
    least.add(1);
    expect(() => least.add(2)).toThrow(NoAccumulatorError);
    expect(() => all.add(1)).toThrow(NoAccumulatorError);
    expect(least.get()).toBe(1);
  });

  test("a commit carries the last value of a key once, only changed map entries, and only appended elements", () => {
    const state = createState();
    const { total, seen, all } = state.addAll({
      total: value<number>(),
      seen: map<string, number>(),
      all: list<number>(),
    });
    state.setKey("k");
    for (let n = 1; n <= 3; n++) total.set(n);
    seen.set("a", 1);
    seen.set("b", 2);
    all.appendAll([1, 2]);
    const first = collectWrites(state)[0];
    expect(first?.scalars).toMatchObject([{ state: "total", fields: ["sk"], values: [3] }]);
    expect(first?.maps).toMatchObject([
      {
        field: "sk",
        clear: false,
        entries: new Map([
          ["sa", 1],
          ["sb", 2],
        ]),
      },
    ]);
    expect(first?.lists).toMatchObject([{ field: "sk", clear: false, appends: [1, 2] }]);
    seen.delete("a");
    all.append(3);
    const second = collectWrites(state)[0];
    expect(second?.scalars).toEqual([]);
    expect(second?.maps).toMatchObject([{ clear: false, entries: new Map([["sa", undefined]]) }]);
    expect(second?.lists).toMatchObject([{ clear: false, appends: [3] }]);
    all.update([9]);
    expect(collectWrites(state)[0]?.lists).toMatchObject([{ clear: true, appends: [9] }]);
    expect(collectWrites(state)).toEqual([]);
  });

  test("namespaces divide the state of one key", () => {
    const state = createState();
    const cells = state.addCells<number>("panes", value<number>().codec);
    state.setKey("k");
    cells.useNamespace(10);
    cells.set(1);
    cells.useNamespace("10");
    cells.set(2);
    cells.useNamespace(10);
    expect(cells.get()).toBe(1);
    cells.useNamespace(undefined);
    expect(cells.get()).toBe(undefined);
    const fields = collectWrites(state).flatMap(({ scalars }) => scalars.flatMap((column) => column.fields));
    expect(fields).toEqual(["3:n10sk", "3:s10sk"]);
  });

  test("class instances pass when the state has a codec of its own", () => {
    class Money {
      readonly cents: number;
      constructor(cents: number) {
        this.cents = cents;
      }
    }
    const codec: Codec<Money> = {
      name: "money",
      version: 1,
      encode: ({ cents }) => Uint8Array.of(cents),
      decode: (bytes) => new Money(bytes[0] ?? 0),
    };
    const state = createState();
    const wallet = state.add("wallet", value<Money>({ codec, ttl: "1m" }));
    state.setKey("k");
    wallet.set(new Money(5));
    expect(wallet.get()).toEqual(new Money(5));
  });

  test("the expiry codec keeps value and expiry", () => {
    const codec = expiringCodec(value<unknown>().codec, "processing");
    const stamped = { value: { a: [1, "x"] }, expiresMs: 1_700_000_000_123 };
    expect(codec.decode(codec.encode(stamped))).toEqual(stamped);
  });

  test("the heap stays near the bound of the cache", () => {
    const state = createKeyedState({ cacheEntries: 100 });
    const total = state.add("total", value({ default: 0 }));
    for (let round = 0; round < 200; round++) {
      state.prepare();
      const keys = Array.from({ length: 10 }, (_, i) => round * 10 + i);
      state.wantKeys(keys);
      state.supply(state.takeLoads());
      state.enter(0);
      for (const key of keys) {
        state.setKey(key);
        total.set(total.get() + 1);
      }
      state.leave();
      collectWrites(state);
      state.acknowledge();
      expect(state.cached).toBeLessThanOrEqual(120);
    }
  });

  test("what was deleted leaves the heap once that is durable", () => {
    const state = createState();
    const { total, seen } = state.addAll({ total: value<number>(), seen: map<string, number>() });
    for (let key = 0; key < 50; key++) {
      state.setKey(key);
      total.set(1);
      seen.set("a", 1);
    }
    collectWrites(state);
    for (let key = 0; key < 50; key++) {
      state.setKey(key);
      total.clear();
      seen.clear();
    }
    state.leave();
    collectWrites(state);
    expect(state.cached).toBeGreaterThan(0);
    state.acknowledge();
    state.acknowledge();
    expect(state.cached).toBe(0);
  });
});
