// Codecs of users that throw, or give what is no bytes: the job must learn which operator, state and key it was.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeAddress } from "../../src/core/address.ts";
import { type Codec, msgpackCodec } from "../../src/core/codec.ts";
import { encodeKey } from "../../src/core/key-group.ts";
import type { StateWrites } from "../../src/core/ports/state-backend.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { CommitEncoder } from "../../src/state/commit-encoder.ts";
import { map, value } from "../../src/state/descriptors.ts";
import { expiringCodec } from "../../src/state/expiring.ts";
import { epoch, load, request, writes } from "../conformance/state-backend.ts";
import { createKeyedState } from "../support/keyed-state.ts";
import type { RedisJob } from "../support/redis-job.ts";
import { createRedisJob } from "../support/state-worlds.ts";

const refusing: Codec<unknown> = {
  name: "money",
  version: 2,
  encode: (amount) => {
    if (amount === "bad") throw new RangeError("too rich");
    return amount === "text" ? ("5" as unknown as Uint8Array) : msgpackCodec.encode(amount);
  },
  decode: (bytes) => {
    const amount = msgpackCodec.decode(bytes);
    if (amount === "unreadable") throw new TypeError("no such layout");
    return amount;
  },
};

const scalar = (codec: Codec<unknown>, amount: unknown, field = encodeAddress(undefined, "JFK")) =>
  writes(3, { scalars: [{ state: "total", codec, fields: [field], values: [amount] }] });

describe("encoding a commit", () => {
  const keys = new JobKeys("j");
  const encoder = new CommitEncoder(keys, keys.incarnation(1));
  const encode = (...state: StateWrites[]) => encoder.encode("p.0", "meta", "f", "h", epoch(1, { state }));
  const failureOf = (state: StateWrites): unknown => {
    try {
      encode(state);
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test("a codec that throws is told with operator, state, key and its reason, which stays the cause", () => {
    expect(failureOf(scalar(refusing, "bad"))).toMatchObject({
      name: "StateCodecError",
      code: "STATE_CODEC",
      retry: "never",
      message:
        'operator "count", state "total", key "JFK": codec "money" could not encode the value (too rich); ' +
        "correct its encode, or store only values that it takes",
      details: { operator: "count", state: "total", place: 'key "JFK"', codec: "money", step: "encode" },
      cause: expect.any(RangeError),
    });
  });

  test("the place says the namespace, the entry of a map, and no more than the beginning of a long key", () => {
    const entries = new Map([[encodeKey(7), "bad"]]);
    const ofMap = {
      state: "seen",
      codec: refusing,
      field: encodeAddress(undefined, 5),
      clear: false,
      entries,
    };
    const ofList = { ...ofMap, state: "log", appends: ["bad"] };
    expect(failureOf(scalar(refusing, "bad", encodeAddress(60_000, 1)))).toMatchObject({
      details: { place: "key 1, namespace 60000" },
    });
    expect(failureOf(writes(3, { maps: [ofMap] }))).toMatchObject({
      details: { state: "seen", place: "key 5, entry 7" },
    });
    expect(failureOf(writes(3, { lists: [ofList] }))).toMatchObject({
      details: { state: "log", place: "key 5" },
    });
    const long = failureOf(scalar(refusing, "bad", encodeAddress(undefined, "k".repeat(10_000)))) as Error;
    expect(long.message.length).toBeLessThan(500);
  });

  test("what is no bytes is refused instead of stored as garbage, with a time to live too", () => {
    expect(failureOf(scalar(refusing, "text"))).toMatchObject({
      code: "STATE_CODEC",
      message: expect.stringContaining('encode returned "5" (string) and no Uint8Array'),
    });
    expect(
      failureOf(scalar(expiringCodec(refusing, "processing"), { value: "text", expiresMs: 5 })),
    ).toMatchObject({
      code: "STATE_CODEC",
      message: expect.stringContaining('encode returned "5" (string) and no Uint8Array'),
    });
  });

  test("a value that the default codec refuses keeps its own code and gets the place", () => {
    expect(failureOf(scalar(msgpackCodec, { at: [new URL("x:y")] }))).toMatchObject({
      code: "NOT_SERIALISABLE",
      message: expect.stringMatching(
        /^operator "count", state "total", key "JFK": at\.0 is an instance of class URL/,
      ),
    });
  });

  test("nothing of a refused epoch is left in the next call", () => {
    const clean = encode(scalar(refusing, 1)).args;
    failureOf(scalar(refusing, "bad"));
    expect(encode(scalar(refusing, 1)).args).toEqual(clean);
  });
});

describe("copies for user code", () => {
  test("name operator, state and key when the codec fails", () => {
    const state = createKeyedState({ journaling: true });
    const { total, seen } = state.addAll({
      total: value<unknown>({ codec: { ...refusing, encode: () => refusing.encode("bad") } }),
      seen: map<string, unknown>({
        codec: { ...refusing, decode: () => refusing.decode(msgpackCodec.encode("unreadable")) },
      }),
    });
    state.enter(0);
    state.setKey("JFK");
    state.beginRecord();
    total.set({ n: 1 });
    seen.set("a", { n: 1 });
    state.beginRecord();
    expect(() => total.get()).toThrow(
      'operator "op", state "total", key "JFK": codec "money" could not encode and decode the value (too rich)',
    );
    expect(() => seen.get("a")).toThrow('state "seen", key "JFK": codec "money"');
  });

  test("of a default with a time to live name the user's codec", () => {
    const state = createKeyedState();
    const codec = { ...refusing, encode: () => refusing.encode("bad") };
    const total = state.add("total", value<unknown>({ codec, default: { n: 0 }, ttl: "1m" }));
    state.enter(0);
    state.setKey(1);
    expect(() => total.get()).toThrow('state "total", key 1: codec "money"');
  });
});

describe("reading state back from Redis", () => {
  let job: RedisJob;
  beforeEach(async () => {
    job = await createRedisJob("codec");
  });
  afterEach(() => job.close());

  test("a codec that cannot decode is told with operator, state, key and entry, for every shape", async () => {
    const { backend } = await job.open();
    const handle = await backend.attach(request("count.0"));
    const field = encodeAddress(undefined, "JFK");
    const stored = { codec: refusing, field, clear: false };
    await handle.commit(
      epoch(1, {
        state: [
          writes(3, {
            scalars: [{ state: "total", codec: refusing, fields: [field], values: ["unreadable"] }],
            maps: [{ ...stored, state: "seen", entries: new Map([[encodeKey("a"), "unreadable"]]) }],
            lists: [{ ...stored, state: "log", appends: [1, "unreadable"] }],
          }),
        ],
      }),
    );
    for (const [shape, state, place] of [
      ["scalar", "total", 'key "JFK"'],
      ["map", "seen", 'key "JFK", entry "a"'],
      ["list", "log", 'key "JFK"'],
    ] as const)
      await expect(
        handle.load([{ ...load(shape, state, 3, [field]), codec: refusing }]),
      ).rejects.toMatchObject({
        code: "STATE_CODEC",
        retry: "never",
        message:
          `operator "count", state "${state}", ${place}: codec "money" could not decode what is stored ` +
          "(no such layout); correct its decode so that it reads all that it ever wrote, or start the job with fresh",
        cause: expect.any(TypeError),
      });
  });
});
