import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvariantError } from "../../src/core/errors.ts";
import { collectList, mean } from "../../src/operators/aggregates.ts";
import { aggregating, list, map, reducing, value } from "../../src/state/descriptors.ts";
import type { KeyedState, StateHandles } from "../../src/state/keyed-state.ts";
import { collectWrites, createKeyedState } from "../support/keyed-state.ts";
import { ModelBackend } from "../support/model-backend.ts";

interface Box {
  n: number;
  deep: { list: number[] };
}

const states = {
  box: value<Box>(),
  total: value({ default: 0 }),
  names: list<Box>(),
  seen: map<string | number, Box | number>(),
  most: reducing<number>((a, b) => Math.max(a, b)),
  mean: aggregating(mean((n: number) => n)),
  bag: aggregating(collectList<Box>()),
};
type Handles = StateHandles<typeof states>;

/** What one key holds, in plain JavaScript. */
interface Plain {
  box: Box | undefined;
  total: number;
  names: Box[];
  seen: Map<string | number, Box | number>;
  most: number | undefined;
  /** What was added to the mean. */
  mean: number[];
  bag: Box[];
}
const emptyPlain = (): Plain => ({
  box: undefined,
  total: 0,
  names: [],
  seen: new Map(),
  most: undefined,
  mean: [],
  bag: [],
});
const meanOf = (all: readonly number[]): number | undefined =>
  all.length === 0 ? undefined : all.reduce((a, b) => a + b) / all.length;
const bagOf = (all: readonly Box[]): readonly Box[] | undefined => (all.length === 0 ? undefined : all);

type Op = { readonly kind: string; readonly n: number; readonly entry: string | number };
type Step =
  | {
      readonly kind: "batch";
      readonly records: readonly { key: string | number; ops: readonly Op[]; throws: boolean }[];
    }
  | { readonly kind: "collect"; readonly applied: boolean }
  | { readonly kind: "acknowledge" }
  | { readonly kind: "crash" }
  | { readonly kind: "abandonedPrefetch"; readonly key: string | number };

const KINDS = {
  value: [
    "setBox",
    "changeBox",
    "changeBoxOnly",
    "clearBox",
    "peekBox",
    "addTotal",
    "clearTotal",
    "addMost",
    "clearMost",
  ],
  aggregate: ["addMean", "readMean", "clearMean", "addBag", "readBag", "changeBagOnly", "clearBag"],
  list: ["append", "changeElements", "changeElementsOnly", "updateList", "clearList", "readList", "peekList"],
  map: [
    "setEntry",
    "setBoxEntry",
    "changeEntry",
    "changeEntryOnly",
    "changeAllEntriesOnly",
    "deleteEntry",
    "clearMap",
    "readMap",
    "peekMap",
  ],
};
// A sequence with few kinds of operations goes deep, one with all kinds mixes them.
const kinds = fc.constantFrom(
  KINDS.value,
  KINDS.aggregate,
  KINDS.list,
  KINDS.map,
  Object.values(KINDS).flat(),
);
const key = fc.constantFrom<string | number>(1, "1", 2, "k", 3, 4);

function opOf(kindsOfRun: readonly string[]): fc.Arbitrary<Op> {
  return fc.record({
    kind: fc.constantFrom(...kindsOfRun),
    n: fc.integer({ min: 0, max: 9 }),
    entry: fc.constantFrom<string | number>("a", "b", 1, "1"),
  });
}

function stepOf(kindsOfRun: readonly string[]): fc.Arbitrary<Step> {
  const record = fc.record({ key, ops: fc.array(opOf(kindsOfRun), { maxLength: 6 }), throws: fc.boolean() });
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant("batch" as const),
        records: fc.array(record, { maxLength: 6 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("collect" as const), applied: fc.boolean() }) },
    { weight: 3, arbitrary: fc.constant({ kind: "acknowledge" as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("abandonedPrefetch" as const), key }) },
  );
}

const steps = kinds.chain((kindsOfRun) => fc.array(stepOf(kindsOfRun), { maxLength: 40, size: "max" }));
const opPair = kinds.chain((kindsOfRun) =>
  fc.tuple(fc.array(opOf(kindsOfRun), { maxLength: 12 }), fc.array(opOf(kindsOfRun), { maxLength: 12 })),
);

const newBox = (n: number): Box => ({ n, deep: { list: [n] } });
const changeBox = (box: Box): void => {
  box.n++;
  box.deep.list.push(box.n);
};

/** Runs one operation on both sides; whatever is read must be the same. */
function perform(handles: Handles, plain: Plain, { kind, n, entry }: Op, doomed: boolean): void {
  const { box, total, names, seen, most, mean, bag } = handles;
  switch (kind) {
    case "setBox":
      box.set(newBox(n));
      plain.box = newBox(n);
      break;
    case "changeBox": {
      const current = box.get();
      expect(current).toEqual(plain.box);
      if (current === undefined || plain.box === undefined) break;
      changeBox(current);
      box.set(current);
      changeBox(plain.box);
      break;
    }
    case "changeBoxOnly": {
      // Not made durable by a set: allowed to matter only in a record that is taken back.
      const current = box.get();
      if (doomed && current !== undefined) changeBox(current);
      if (doomed && plain.box !== undefined) changeBox(plain.box);
      break;
    }
    case "clearBox":
      box.clear();
      plain.box = undefined;
      break;
    case "peekBox":
      expect(box.peek()).toEqual(plain.box);
      expect(box.has()).toBe(plain.box !== undefined);
      expect(total.peek()).toBe(plain.total);
      break;
    case "addTotal":
      expect(total.get()).toBe(plain.total);
      total.set(total.get() + n);
      plain.total += n;
      break;
    case "clearTotal":
      total.clear();
      plain.total = 0;
      break;
    case "append":
      names.append(newBox(n));
      plain.names.push(newBox(n));
      break;
    case "changeElements": {
      const items = names.get();
      for (const item of items) changeBox(item);
      names.update(items);
      for (const item of plain.names) changeBox(item);
      break;
    }
    case "changeElementsOnly":
      if (doomed) for (const item of [...names.get(), ...plain.names]) changeBox(item);
      break;
    case "updateList":
      names.update([newBox(n), newBox(n + 1)]);
      plain.names = [newBox(n), newBox(n + 1)];
      break;
    case "clearList":
      names.clear();
      plain.names = [];
      break;
    case "readList":
      expect(names.get()).toEqual(plain.names);
      expect(names.length).toBe(plain.names.length);
      break;
    case "peekList":
      expect(names.peek()).toEqual(plain.names);
      break;
    case "setEntry":
      seen.set(entry, n);
      plain.seen.set(entry, n);
      break;
    case "setBoxEntry":
      seen.set(entry, newBox(n));
      plain.seen.set(entry, newBox(n));
      break;
    case "changeEntry": {
      const current = seen.get(entry);
      const expected = plain.seen.get(entry);
      expect(current).toEqual(expected);
      if (typeof current !== "object" || typeof expected !== "object") break;
      changeBox(current);
      seen.set(entry, current);
      changeBox(expected);
      break;
    }
    case "changeEntryOnly": {
      const current = seen.get(entry);
      const expected = plain.seen.get(entry);
      if (doomed && typeof current === "object") changeBox(current);
      if (doomed && typeof expected === "object") changeBox(expected);
      break;
    }
    case "changeAllEntriesOnly":
      if (!doomed) break;
      for (const current of seen.values()) if (typeof current === "object") changeBox(current);
      for (const current of plain.seen.values()) if (typeof current === "object") changeBox(current);
      break;
    case "deleteEntry":
      expect(seen.delete(entry)).toBe(plain.seen.delete(entry));
      break;
    case "clearMap":
      seen.clear();
      plain.seen.clear();
      break;
    case "readMap":
      expect(seen.size).toBe(plain.seen.size);
      expect(seen.has(entry)).toBe(plain.seen.has(entry));
      expect(new Map(seen.entries())).toEqual(plain.seen);
      break;
    case "peekMap":
      expect(seen.peek(entry)).toEqual(plain.seen.get(entry));
      expect(new Map(seen.peekEntries())).toEqual(plain.seen);
      break;
    case "addMost":
      plain.most = plain.most === undefined ? n : Math.max(plain.most, n);
      expect(most.add(n)).toBe(plain.most);
      break;
    case "clearMost":
      most.clear();
      plain.most = undefined;
      break;
    case "addMean":
      mean.add(n);
      plain.mean.push(n);
      break;
    case "readMean":
      expect(mean.get()).toEqual(meanOf(plain.mean));
      break;
    case "clearMean":
      mean.clear();
      plain.mean = [];
      break;
    case "addBag":
      bag.add(newBox(n));
      plain.bag.push(newBox(n));
      break;
    case "readBag":
      expect(bag.get()).toEqual(bagOf(plain.bag));
      break;
    case "changeBagOnly":
      // The list that is handed out is another one than the next record is added to.
      bag.get()?.push(newBox(99));
      break;
    case "clearBag":
      bag.clear();
      plain.bag = [];
      break;
    default:
      throw new Error(kind);
  }
}

interface Setting {
  readonly journaling: boolean;
  readonly shares: boolean;
  readonly cacheEntries: number;
}

/** A keyed state over a model backend, beside the same state in plain JavaScript. */
class Comparison {
  readonly #setting: Setting;
  readonly #backend: ModelBackend;
  #state!: KeyedState;
  #handles!: Handles;
  #plain = new Map<string | number, Plain>();
  /** The plain state as of each staged epoch, and as of the last applied one. */
  #stagedPlain: Map<string | number, Plain>[] = [];
  #appliedPlain = new Map<string | number, Plain>();
  #unacknowledged = 0;
  readonly #keysUsed = new Set<string | number>();

  constructor(setting: Setting) {
    this.#setting = setting;
    this.#backend = new ModelBackend(setting.shares);
    this.#start(true);
  }

  #start(startsEmpty: boolean): void {
    this.#state = createKeyedState({
      startsEmpty,
      cacheEntries: this.#setting.cacheEntries,
      encodesOnCommit: !this.#setting.shares,
      journaling: this.#setting.journaling,
      armCleanup: () => {
        throw new Error("no time to live here");
      },
    });
    this.#handles = this.#state.addAll(states);
    this.#unacknowledged = 0;
  }

  #prefetch(keys: readonly (string | number)[]): void {
    this.#state.prepare();
    if (this.#state.complete) return;
    this.#state.wantKeys(keys);
    const loads = this.#state.takeLoads();
    this.#backend.load(loads);
    this.#state.supply(loads);
  }

  run(step: Step): void {
    switch (step.kind) {
      case "batch":
        this.#batch(step.records);
        break;
      case "collect":
        this.#collect();
        if (step.applied) this.#applyAll();
        break;
      case "acknowledge":
        if (this.#unacknowledged === 0) break;
        if (this.#unacknowledged === this.#backend.staged) this.#applyOne();
        this.#unacknowledged--;
        this.#state.acknowledge();
        break;
      case "crash":
        this.#backend.dropStaged();
        this.#stagedPlain = [];
        this.#plain = structuredClone(this.#appliedPlain);
        this.#start(false);
        break;
      case "abandonedPrefetch": {
        // The fetch fails or comes too late: nothing of it may be taken for known.
        this.#state.prepare();
        this.#state.wantKeys([step.key]);
        const loads = this.#state.takeLoads();
        this.#batch([{ key: step.key, ops: [{ kind: "addTotal", n: 1, entry: "a" }], throws: false }]);
        this.#backend.load(loads);
        this.#state.supply(loads);
        break;
      }
    }
    this.#backend.checkUnchanged();
  }

  #batch(records: readonly { key: string | number; ops: readonly Op[]; throws: boolean }[]): void {
    const { journaling } = this.#setting;
    this.#prefetch(records.map((record) => record.key));
    this.#state.enter(0);
    for (const { key, ops, throws } of records) {
      this.#keysUsed.add(key);
      this.#state.setKey(key);
      const doomed = throws && journaling;
      const before = this.#plain.get(key) ?? emptyPlain();
      const plain = structuredClone(before);
      if (journaling) this.#state.beginRecord();
      for (const op of ops) perform(this.#handles, plain, op, doomed);
      if (doomed) this.#state.rollback();
      this.#plain.set(key, doomed ? before : plain);
    }
    this.#state.leave();
  }

  #collect(): void {
    this.#backend.stage(collectWrites(this.#state));
    this.#stagedPlain.push(structuredClone(this.#plain));
    this.#unacknowledged++;
  }

  #applyOne(): void {
    this.#backend.apply();
    this.#appliedPlain = this.#stagedPlain.shift() ?? this.#appliedPlain;
  }

  #applyAll(): void {
    while (this.#backend.staged > 0) this.#applyOne();
  }

  check(): void {
    // S3: what is read now, with whatever was evicted.
    this.#compare();
    // S2: what is read by somebody who has only storage.
    this.#collect();
    this.#applyAll();
    this.#start(false);
    this.#compare();
  }

  #compare(): void {
    for (const key of this.#keysUsed) {
      this.#prefetch([key]);
      this.#state.enter(0);
      this.#state.setKey(key);
      const { box, total, names, seen, most, mean, bag } = this.#handles;
      const plain = this.#plain.get(key) ?? emptyPlain();
      const peeked = {
        box: box.peek(),
        total: total.peek(),
        names: [...names.peek()],
        seen: new Map(seen.peekEntries()),
      };
      const read = {
        box: box.get(),
        total: total.get(),
        names: [...names.get()],
        seen: new Map(seen.entries()),
        most: most.get(),
        mean: mean.get(),
        bag: bag.get(),
      };
      this.#state.leave();
      expect(read).toMatchObject(peeked);
      expect(read).toEqual({ ...plain, mean: meanOf(plain.mean), bag: bagOf(plain.bag) });
    }
  }
}

const setting: fc.Arbitrary<Setting> = fc.record({
  journaling: fc.boolean(),
  shares: fc.boolean(),
  cacheEntries: fc.constantFrom(0, 1, 3, 8, 1_000),
});
const RUNS = 500;

describe("KeyedState", () => {
  test("S1 S2 S3 S5 H6 reads and storage equal plain JavaScript, for any records, failures, caches, commits and crashes", () => {
    fc.assert(
      fc.property(setting, steps, (chosen, all) => {
        const comparison = new Comparison(chosen);
        for (const one of all) comparison.run(one);
        comparison.check();
      }),
      { numRuns: RUNS },
    );
  });

  test("S1 a record that is taken back leaves nothing to collect", () => {
    fc.assert(
      fc.property(opPair, ([kept, undone]) => {
        const collected = (undo: boolean): unknown => {
          const state = createKeyedState({ journaling: true });
          const handles = state.addAll(states);
          const plain = emptyPlain();
          state.enter(0);
          state.setKey("k");
          state.beginRecord();
          for (const one of kept) perform(handles, plain, one, false);
          if (undo) {
            state.beginRecord();
            const doomed = structuredClone(plain);
            for (const one of undone) perform(handles, doomed, one, true);
            state.rollback();
          }
          state.leave();
          return { writes: JSON.stringify(collectWrites(state), sorted), cached: state.cached };
        };
        expect(collected(true)).toEqual(collected(false));
      }),
      { numRuns: RUNS },
    );
  });

  test("H6 a load that is supplied late or twice does not replace what the heap has", () => {
    const state = createKeyedState({ startsEmpty: false });
    const { total } = state.addAll({ total: value({ default: 0 }) });
    state.prepare();
    state.wantKeys(["a"]);
    const loads = state.takeLoads();
    for (const load of loads) load.results = [5];
    state.supply(loads);
    state.enter(0);
    state.setKey("a");
    expect(total.get()).toBe(5);
    total.set(6);
    state.leave();
    for (const load of loads) load.results = [99];
    state.supply(loads);
    state.enter(0);
    state.setKey("a");
    expect(total.get()).toBe(6);
  });

  test("a batch must not run before what it asked for was supplied", () => {
    const state = createKeyedState({ startsEmpty: false });
    state.addAll({ total: value({ default: 0 }) });
    state.prepare();
    state.wantKeys(["a"]);
    state.takeLoads();
    expect(() => state.enter(0)).toThrow(InvariantError);
  });

  test("one load carries all keys of one key group, each once", () => {
    const state = createKeyedState({ startsEmpty: false });
    state.addAll({ total: value({ default: 0 }), names: list<string>() });
    state.prepare();
    state.wantKeys([...Array(2_000).keys(), ...Array(2_000).keys()]);
    const loads = state.takeLoads();
    expect(new Set(loads.map((load) => `${load.state}/${load.keyGroup}`)).size).toBe(loads.length);
    for (const name of ["total", "names"])
      expect(loads.filter((load) => load.state === name).flatMap((load) => load.fields)).toHaveLength(2_000);
  });
});

function sorted(_name: string, item: unknown): unknown {
  return item instanceof Map ? [...item].sort(([a], [b]) => (a < b ? -1 : 1)) : item;
}
