import { describe, expect, test } from "vitest";
import { KeyMap } from "../../src/core/key-map.ts";

interface Entry {
  readonly key: unknown;
  readonly version: number;
}

/** Both do the same, and answer the same. */
class Pair {
  readonly map = new Map<unknown, Entry>();
  readonly keyMap = new KeyMap<Entry>();
  #version = 0;

  set(key: unknown): void {
    const entry = { key, version: this.#version++ };
    this.map.set(key, entry);
    this.keyMap.set(key, entry);
  }

  delete(key: unknown): void {
    if (this.keyMap.delete(key) !== this.map.delete(key)) throw new Error(`delete ${String(key)}`);
  }

  compare(keys: Iterable<unknown>): void {
    for (const key of keys)
      if (this.keyMap.get(key) !== this.map.get(key) || this.keyMap.has(key) !== this.map.has(key))
        throw new Error(`get ${String(key)}`);
    expect(this.keyMap.size).toBe(this.map.size);
  }
}

/** More than one Map takes. */
const MANY = 300_000;
const keyOf = (n: number): unknown => (n % 3 === 0 ? n : n % 3 === 1 ? `key-${n}` : n + 0.5);
const all = Array.from({ length: MANY }, (_, n) => keyOf(n));

describe("KeyMap", () => {
  test("answers as a Map does, while it grows large, changes, and becomes empty", { timeout: 60_000 }, () => {
    const pair = new Pair();
    const sample = all.filter((_, n) => n % 50 === 0);
    // Scattered, and the same in every run.
    const olderThan = (n: number): unknown => all[n === 0 ? 0 : (Math.imul(n, 0x9e3779b1) >>> 0) % n];
    for (const [n, key] of all.entries()) {
      pair.set(key);
      // Old ones are changed, deleted and set again while entries move.
      if (n % 4 === 0) pair.set(olderThan(n));
      if (n % 5 === 0) pair.delete(olderThan(n + 1));
      if (n % 20_000 === 0) pair.compare(sample);
    }
    pair.compare(all);
    expect(new Set(pair.keyMap.values())).toEqual(new Set(pair.map.values()));
    for (const key of all) pair.delete(key);
    pair.compare(all);
    expect([...pair.keyMap.values()]).toEqual([]);
    for (let n = 0; n < 10; n++) pair.set(n);
    pair.compare(all);
    expect([...pair.keyMap.values()]).toHaveLength(10);
  });

  test("1 and the text 1 are different keys, 0 and -0 the same", () => {
    const pair = new Pair();
    for (const key of all) pair.set(key);
    for (const key of [1, "1", true, "true", null, 0, -0, 5n]) pair.set(key);
    pair.compare([1, "1", true, "true", null, 0, -0, 5n, 5, "5"]);
    pair.delete(-0);
    pair.compare([0, -0]);
  });

  test("a walk survives what is removed and moved meanwhile", () => {
    const { keyMap } = new Pair();
    for (let n = 0; n < 262_143; n++) keyMap.set(n, { key: n, version: 0 });
    const seen = new Set<unknown>();
    let added = 262_143;
    for (const { key } of keyMap.values()) {
      seen.add(key);
      if ((key as number) % 7 === 0) keyMap.delete(key);
      if (added < 350_000) keyMap.set(added, { key: added++, version: 0 });
    }
    // What was there all the time was seen.
    for (let n = 0; n < 262_143; n++) if (n % 7 !== 0 && !seen.has(n)) throw new Error(`${n} was not seen`);
  });
});
