import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeKey,
  encodeKey,
  hashKey,
  KEY_GROUPS,
  keyGroupOf,
  keyGroupRange,
  partitionOfKeyGroup,
  UnsupportedKeyError,
} from "../../src/core/key-group.ts";

const primitiveKey = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.integer(),
  fc.double({ noNaN: true }),
  fc.boolean(),
  fc.bigInt(),
  fc.constant(null),
);

describe("key groups", () => {
  test("K1 the hash of a key never changes: these values stand in stored jobs", () => {
    const known: [unknown, number][] = [
      ["", 11],
      ["JFK", 253],
      ["ключ", 119],
      [0, 14],
      [1, 3],
      [-1, 170],
      [1_000_000_007, 122],
      [1.5, 156],
      [2 ** 40, 158],
      [true, 145],
      [false, 71],
      [null, 114],
      [123n, 3],
    ];
    expect(known.map(([key]) => [key, keyGroupOf(key)])).toEqual(known);
  });

  test("K1 equal keys share a group, whatever way they are made", () => {
    fc.assert(
      fc.property(primitiveKey, (key) => {
        const copy = decodeKey(encodeKey(key));
        expect(keyGroupOf(copy)).toBe(keyGroupOf(key));
      }),
    );
    expect(keyGroupOf(-0)).toBe(keyGroupOf(0));
  });

  test("K2 the ranges of all partitions cover every key group exactly once", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: KEY_GROUPS }), (partitions) => {
        const owners = new Array<number>(KEY_GROUPS).fill(0);
        for (let partition = 0; partition < partitions; partition++) {
          const { first, end } = keyGroupRange(partition, partitions);
          for (let group = first; group < end; group++) owners[group]!++;
        }
        expect(owners).toEqual(new Array(KEY_GROUPS).fill(1));
      }),
    );
  });

  test("K3 partitionOfKeyGroup agrees with keyGroupRange", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: KEY_GROUPS }),
        fc.integer({ min: 0, max: KEY_GROUPS - 1 }),
        (partitions, group) => {
          const { first, end } = keyGroupRange(partitionOfKeyGroup(group, partitions), partitions);
          expect(first <= group && group < end).toBe(true);
        },
      ),
    );
  });

  test("spreads sequential numbers and similar strings over all groups", () => {
    for (const keyOf of [(i: number) => i, (i: number) => `user-${i}`]) {
      const counts = new Array<number>(KEY_GROUPS).fill(0);
      for (let i = 0; i < 256_000; i++) counts[keyGroupOf(keyOf(i))]!++;
      expect(Math.min(...counts)).toBeGreaterThan(850);
      expect(Math.max(...counts)).toBeLessThan(1_150);
    }
  });

  test("a stored key is read back as it was, and different keys stay different", () => {
    fc.assert(
      fc.property(primitiveKey, primitiveKey, (left, right) => {
        const back = decodeKey(encodeKey(left));
        expect(Object.is(back, left) || (left === 0 && back === 0)).toBe(true);
        expect(encodeKey(left) === encodeKey(right)).toBe(left === right);
      }),
    );
  });

  test("refuses what has no stable identity, naming the operator and the remedy", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    for (const key of [undefined, Number.NaN, { id: 1 }, [1], () => 1, Symbol("x"), cycle, { id: 1n }]) {
      expect(() => hashKey(key, "by-user")).toThrow(UnsupportedKeyError);
      expect(() => encodeKey(key, "by-user")).toThrow(/by-user.*keyCodec/s);
    }
  });
});
