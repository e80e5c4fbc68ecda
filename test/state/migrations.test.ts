import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Codec, msgpackCodec } from "../../src/core/codec.ts";
import { InvalidOptionError, UnknownOptionError } from "../../src/core/options.ts";
import { decodeValue } from "../../src/state/codec-calls.ts";
import {
  aggregating,
  list,
  map,
  reducing,
  type StateOptions,
  stateLayout,
  value,
} from "../../src/state/descriptors.ts";
import type { KeyedState, StateHandles } from "../../src/state/keyed-state.ts";
import { type Migrations, migratingCodec, migrations } from "../../src/state/migrations.ts";
import { PackBuffer } from "../../src/state/pack-buffer.ts";
import { bodyOf, versionOf } from "../../src/state/versioned-bytes.ts";
import { collectWrites, createKeyedState } from "../support/keyed-state.ts";
import { ModelBackend } from "../support/model-backend.ts";

const RUNS = 300;
const text: Codec<unknown> = {
  name: "text",
  version: 1,
  encode: (each) => Buffer.from(String(each)),
  decode: (bytes) => Number(Buffer.from(bytes).toString()),
};

describe("versioned bytes", () => {
  test("version and value come back, for any version and value", () => {
    const version = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 2 ** 31 - 1 }));
    fc.assert(
      fc.property(version, fc.uint8Array({ maxLength: 40 }), (written, bytes) => {
        const pack = new PackBuffer();
        pack.versioned(written, bytes);
        const packed = pack.take();
        const stored = packed.subarray((packed[0] as number) < 0xc0 ? 1 : 5);
        expect(versionOf(stored)).toBe(written);
        expect([...bodyOf(stored)]).toEqual([...bytes]);
        expect(stored.length - bytes.length).toBe(written < 128 ? 1 : Math.ceil(Math.log2(written + 1) / 7));
      }),
    );
  });

  test("what has no version is no value", () => {
    expect(versionOf(new Uint8Array())).toBeNaN();
    expect(versionOf(Uint8Array.of(255, 255))).toBeNaN();
  });
});

describe("migrations", () => {
  const chain = migrations<number>()
    .to((n) => ({ n }))
    .to(({ n }) => [n, n] as const);

  test("end at a version, which is that of the state", () => {
    expect(chain.version).toBe(3);
    expect(stateLayout({ pair: value({ migrate: chain }) })).toEqual([
      { state: "pair", shape: "scalar", codec: "msgpack", version: 3, older: { 1: "msgpack", 2: "msgpack" } },
    ]);
    expect(stateLayout({ pairs: map({ migrate: chain, ttl: "1h" }) })).toMatchObject([
      { codec: "expiring(msgpack)", version: 3, older: { 1: "expiring(msgpack)", 2: "expiring(msgpack)" } },
    ]);
    expect(value({ migrate: chain, version: 3 }).codec.version).toBe(3);
    expect(migrations({ from: 7 }).to(String).version).toBe(8);
  });

  test("are refused when they end elsewhere, or are none", () => {
    expect(() => value({ migrate: chain, version: 2 })).toThrow(
      'value state: option "version" is 2; give 3, the version at which its migrations end, or migrations that end at 2',
    );
    expect(() => list({ migrate: ((n: number) => n) as never })).toThrow(InvalidOptionError);
    expect(() => migrations({ from: 0 })).toThrow(InvalidOptionError);
    expect(() => migrations({ form: 1 } as never)).toThrow(UnknownOptionError);
    expect(() => migrations().to(5 as never)).toThrow(InvalidOptionError);
    expect(() => value({ version: 2 ** 31 })).toThrow(InvalidOptionError);
    const twice = migrations<unknown>().to(String, { codec: text as Codec<string> });
    expect(() => value({ migrate: twice })).toThrow("no codec for the last version of the chain");
    // A version or a chain around a codec that migrates would hide what that reads.
    const codec = migratingCodec(msgpackCodec, chain as Migrations<unknown>);
    expect(value({ codec, version: 3 }).codec.older).toBeDefined();
    for (const options of [{ version: 4 }, { migrate: migrations<unknown>({ from: 3 }).to((each) => each) }])
      expect(() => value({ codec, ...options })).toThrow(
        "leave version and migrate out: its migrations end at version 3",
      );
  });

  test("a codec without a version is refused where a state is made of it", () => {
    const codec = { ...msgpackCodec, version: undefined as never };
    const state = createKeyedState();
    expect(() => state.addCells("cells", { ...codec, version: 1.5 })).toThrow(InvalidOptionError);
  });

  const stored = (version: number, codec: Codec<unknown>, content: unknown): Uint8Array =>
    Buffer.concat([Buffer.of(version), codec.encode(content)]);
  const read = (codec: Codec<unknown>, bytes: Uint8Array): unknown =>
    decodeValue(codec, bytes, "op", "pair", "sJFK");

  test("each version is read by its own codec and then step by step", () => {
    const mixed = migrations<unknown>({ codec: text })
      .to((n) => ({ n }))
      .to(({ n }) => [n, n]);
    const codec = migratingCodec(msgpackCodec, mixed);
    expect(read(codec, stored(1, text, 5))).toEqual([5, 5]);
    expect(read(codec, stored(2, msgpackCodec, { n: 6 }))).toEqual([6, 6]);
    expect(read(codec, stored(3, msgpackCodec, [7, 8]))).toEqual([7, 8]);
  });

  test("a newer value, one without a migration and a failing migration are told with operator, state and key", () => {
    const codec = migratingCodec<unknown>(
      msgpackCodec,
      migrations<unknown>({ from: 2 }).to(() => undefined),
    );
    const place = 'operator "op", state "pair", key "JFK"';
    const failure = (bytes: Uint8Array): unknown => {
      try {
        return read(codec, bytes);
      } catch (error) {
        return error;
      }
    };
    expect(failure(stored(4, msgpackCodec, 1))).toMatchObject({
      code: "STATE_NEWER",
      retry: "never",
      message: `${place}: stored in version 4, this process reads up to version 3; run the newer version of the job`,
    });
    expect(failure(stored(1, msgpackCodec, 1))).toMatchObject({
      code: "MIGRATION_MISSING",
      retry: "never",
      message: expect.stringContaining(
        `${place}: values of version 1 may be stored, this process writes version 3`,
      ),
    });
    expect(failure(stored(2, msgpackCodec, 1))).toMatchObject({
      code: "STATE_MIGRATION",
      retry: "never",
      message: expect.stringContaining(
        `${place}: the migration from version 2 to 3 failed (it returned undefined)`,
      ),
    });
    expect(failure(Buffer.of())).toMatchObject({
      code: "STATE_CODEC",
      message: expect.stringContaining("no version stands in front of it"),
    });
  });
});

// Every version doubles what the one before it stored, and adds one.
const step = (n: number): number => n * 2 + 1;

function statesOf(version: number) {
  const options = (): StateOptions<number> => {
    let chain: Migrations<number> = migrations<number>();
    while (chain.version < version) chain = chain.to(step);
    return version === 1 ? {} : { migrate: chain };
  };
  return {
    one: value<number>(options()),
    many: list<number>(options()),
    named: map<number, number>(options()),
    most: reducing<number>((a, b) => Math.max(a, b), options()),
    sum: aggregating(
      {
        create: () => 0,
        add: (a: number, n: number) => a + n,
        merge: (a: number, b: number) => a + b,
        result: (a: number) => a,
        immutable: true,
      },
      options(),
    ),
  };
}

interface Plain {
  one: number | undefined;
  many: number[];
  named: Map<number, number>;
  most: number | undefined;
  sum: number | undefined;
}

type Command =
  | {
      readonly do: "set" | "append" | "put" | "drop" | "rise" | "add" | "read" | "fail";
      readonly key: number;
      readonly n: number;
    }
  | { readonly do: "commit" }
  | { readonly do: "restart"; readonly versions: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom("set", "append", "put", "drop", "rise", "add", "read", "fail"),
      key: fc.integer({ min: 0, max: 3 }),
      n: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: "commit" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("restart" as const), versions: fc.integer({ min: 0, max: 2 }) }),
  },
);

class World {
  readonly #backend = new ModelBackend();
  readonly #cacheEntries: number;
  readonly #journaling: boolean;
  #version = 1;
  #state!: KeyedState;
  #handles!: StateHandles<ReturnType<typeof statesOf>>;
  #plain = new Map<number, Plain>();
  #committed = new Map<number, Plain>();

  constructor(cacheEntries: number, journaling: boolean) {
    this.#cacheEntries = cacheEntries;
    this.#journaling = journaling;
    this.#start(true);
  }

  #start(startsEmpty: boolean): void {
    this.#state = createKeyedState({
      startsEmpty,
      cacheEntries: this.#cacheEntries,
      journaling: this.#journaling,
    });
    this.#handles = this.#state.addAll(statesOf(this.#version));
  }

  run(command: Command): void {
    if (command.do === "commit") this.commit();
    else if (command.do === "restart") this.#restart(command.versions);
    else this.#visit(command.key, () => this.#perform(command));
  }

  /** A crash; what goes on has so many versions more, and sees everything as if it had been migrated at once. */
  #restart(versions: number): void {
    this.#version += versions;
    this.#plain = structuredClone(this.#committed);
    for (let i = 0; i < versions; i++) for (const plain of this.#plain.values()) migrateAll(plain);
    this.#committed = structuredClone(this.#plain);
    this.#start(false);
  }

  commit(): void {
    this.#backend.stage(collectWrites(this.#state));
    this.#backend.apply();
    this.#state.acknowledge();
    this.#committed = structuredClone(this.#plain);
  }

  #visit(key: number, act: () => void): void {
    this.#state.prepare();
    this.#state.wantKeys([key]);
    const loads = this.#state.takeLoads();
    this.#backend.load(loads);
    this.#state.supply(loads);
    this.#state.enter(0);
    this.#state.setKey(key);
    if (this.#journaling) this.#state.beginRecord();
    act();
    this.#state.leave();
  }

  #perform({ do: what, key, n }: Extract<Command, { key: number }>): void {
    const { one, many, named, most, sum } = this.#handles;
    const plain = this.#plainOf(key);
    switch (what) {
      case "set":
        one.set(n);
        plain.one = n;
        break;
      case "append":
        many.append(n);
        plain.many.push(n);
        break;
      case "put":
        named.set(n, key);
        plain.named.set(n, key);
        break;
      case "drop":
        named.delete(n);
        plain.named.delete(n);
        break;
      case "rise":
        most.add(n);
        plain.most = Math.max(plain.most ?? n, n);
        break;
      case "add":
        sum.add(n);
        plain.sum = (plain.sum ?? 0) + n;
        break;
      case "fail":
        // A record that is taken back takes no migration back.
        if (!this.#journaling) break;
        one.set(99);
        many.append(99);
        named.set(n, 99);
        this.#state.rollback();
        break;
      default:
        expect({
          one: one.get(),
          many: [...many.get()],
          named: new Map(named.entries()),
          most: most.get(),
          sum: sum.get(),
        }).toEqual(plain);
    }
  }

  #plainOf(key: number): Plain {
    let plain = this.#plain.get(key);
    if (plain === undefined) {
      plain = { one: undefined, many: [], named: new Map(), most: undefined, sum: undefined };
      this.#plain.set(key, plain);
    }
    return plain;
  }

  check(): void {
    const before = this.#backend.versions();
    for (const version of before.keys()) expect(version).toBeLessThanOrEqual(this.#version);
    for (const key of this.#plain.keys()) this.run({ do: "read", key, n: 0 });
    this.commit();
    const after = [...this.#backend.versions().keys()];
    expect(after.every((version) => version === this.#version)).toBe(true);
    this.#restart(0);
    for (const key of this.#plain.keys()) this.run({ do: "read", key, n: 0 });
    // What is of this version already is not written again.
    expect(collectWrites(this.#state)).toEqual([]);
  }
}

function migrateAll(plain: Plain): void {
  const of = (n: number | undefined): number | undefined => (n === undefined ? undefined : step(n));
  plain.one = of(plain.one);
  plain.many = plain.many.map(step);
  plain.named = new Map([...plain.named].map(([name, n]) => [name, step(n)]));
  plain.most = of(plain.most);
  plain.sum = of(plain.sum);
}

describe("state in several versions", () => {
  test("S4 any mix of versions in storage reads as if all of it had been migrated at once, and is stored anew when read", () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 40, size: "max" }),
        fc.constantFrom(0, 2, 1_000),
        fc.boolean(),
        (commands, cacheEntries, journaling) => {
          const world = new World(cacheEntries, journaling);
          for (const one of commands) world.run(one);
          world.check();
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("what is never read keeps its version", () => {
    const backend = new ModelBackend();
    const visit = (state: KeyedState, keys: readonly number[], act: () => void): void => {
      state.prepare();
      state.wantKeys(keys);
      const loads = state.takeLoads();
      backend.load(loads);
      state.supply(loads);
      state.enter(0);
      for (const key of keys) {
        state.setKey(key);
        act();
      }
      state.leave();
      backend.stage(collectWrites(state));
      backend.apply();
    };
    const first = createKeyedState();
    const { one } = first.addAll(statesOf(1));
    visit(first, [1, 2, 3], () => one.set(5));
    const second = createKeyedState({ startsEmpty: false });
    second.addAll(statesOf(2));
    visit(second, [2], () => {});
    expect(backend.versions()).toEqual(
      new Map([
        [1, 2],
        [2, 1],
      ]),
    );
  });
});
