import { describe, expect, test } from "vitest";
import { msgpackCodec } from "../../src/core/codec.ts";
import { defineJob } from "../../src/dataflow/job.ts";
import type { JobPlan } from "../../src/plan/plan.ts";
import { decideLayouts, layoutsOf, type StoredLayouts } from "../../src/plan/state-versions.ts";
import { list, map, type StateDescriptors, value } from "../../src/state/descriptors.ts";
import { migrations } from "../../src/state/migrations.ts";
import { type Bid, testSink, testSource } from "../dataflow/fixtures.ts";

const other = { ...msgpackCodec, name: "other" };
const double = (n: number): number => n * 2;

function planOf(state: StateDescriptors): JobPlan {
  return defineJob("bids", (job) => {
    job
      .source("bids", testSource<Bid>())
      .keyBy((bid) => bid.auction)
      .process("track", { state, onRecord() {} })
      .to("out", testSink());
  }).plan({ parallelism: 2 });
}

/** The registry that a plan of these states leaves, as it comes back. */
function storedBy(state: StateDescriptors): StoredLayouts {
  return JSON.parse(JSON.stringify(layoutsOf(planOf(state)))) as StoredLayouts;
}

const v1 = { last: value<number>(), all: list<number>() };
const v2 = { ...v1, last: value({ migrate: migrations<number>().to(double) }) };
const v3 = { ...v1, last: value({ migrate: migrations<number>().to(double).to(double) }) };
const where = 'operator "track", state "last"';

describe("decideLayouts", () => {
  test("the registry of a new job names shape, version and codec of every state", () => {
    expect(storedBy({ ...v2, seen: map({ ttl: "1h" }) })).toEqual({
      "track/all": { shape: "list", version: 1, codecs: { 1: "msgpack" } },
      "track/last": { shape: "scalar", version: 2, codecs: { 2: "msgpack" } },
      "track/seen": { shape: "map", version: 1, codecs: { 1: "expiring(msgpack)" } },
    });
  });

  test("the same states are the same, in any order", () => {
    expect(decideLayouts(storedBy(v1), planOf({ all: v1.all, last: v1.last }))).toEqual({ kind: "same" });
  });

  test("a higher version with a migration raises the registry, which remembers what may still be stored", () => {
    const once = decideLayouts(storedBy(v1), planOf(v2));
    expect(once).toEqual({
      kind: "raise",
      layouts: {
        "track/all": { shape: "list", version: 1, codecs: { 1: "msgpack" } },
        "track/last": { shape: "scalar", version: 2, codecs: { 1: "msgpack", 2: "msgpack" } },
      },
    });
    const { layouts } = once as { layouts: StoredLayouts };
    expect(decideLayouts(layouts, planOf(v2))).toEqual({ kind: "same" });
    const twice = decideLayouts(layouts, planOf(v3)) as { layouts: StoredLayouts };
    expect(twice.layouts["track/last"]?.codecs).toEqual({ 1: "msgpack", 2: "msgpack", 3: "msgpack" });
    // The step from 1 is still needed: nothing says that all of version 1 has been read since.
    const from2 = { ...v1, last: value({ migrate: migrations<number>({ from: 2 }).to(double) }) };
    expect(decideLayouts(layouts, planOf(from2))).toEqual({
      kind: "no-migration",
      gap: { where, stored: 1, own: 3 },
    });
  });

  test("versions may be skipped", () => {
    expect(decideLayouts(storedBy(v1), planOf(v3))).toMatchObject({
      kind: "raise",
      layouts: { "track/last": { version: 3, codecs: { 1: "msgpack", 3: "msgpack" } } },
    });
  });

  test("an older job is refused, whatever else has changed", () => {
    const newer = { kind: "newer", gap: { where, stored: 3, own: 2 } };
    expect(decideLayouts(storedBy(v3), planOf(v2))).toEqual(newer);
    expect(decideLayouts(storedBy({ ...v3, more: value() }), planOf(v2))).toEqual(newer);
  });

  test("a higher version without a migration is refused", () => {
    expect(decideLayouts(storedBy(v1), planOf({ ...v1, last: value({ version: 2 }) }))).toEqual({
      kind: "no-migration",
      gap: { where, stored: 1, own: 2 },
    });
  });

  test("a state may be added; one that is stored may neither go nor change its shape", () => {
    const added = decideLayouts(storedBy(v1), planOf({ ...v1, more: map() }));
    expect(added).toMatchObject({ kind: "raise", layouts: { "track/more": { shape: "map", version: 1 } } });
    expect(decideLayouts(storedBy(v1), planOf({ last: list<number>() }))).toEqual({
      kind: "changed",
      changes: [
        'operator "track", state "all" is stored but not declared: it was removed, or a newer version of the job has added it',
        'operator "track", state "last" is a list, it was a scalar',
      ],
    });
  });

  test("another codec needs another version, and the earlier one must be named where it was used", () => {
    expect(decideLayouts(storedBy(v1), planOf({ ...v1, last: value({ codec: other }) }))).toEqual({
      kind: "changed",
      changes: [`${where} is stored with codec msgpack in version 1, which is read with other`],
    });
    const migrate = migrations<number>().to(double);
    expect(
      decideLayouts(storedBy(v1), planOf({ ...v1, last: value({ codec: other, migrate }) })),
    ).toMatchObject({
      kind: "changed",
    });
    const named = migrations<unknown>({ codec: msgpackCodec }).to(String);
    expect(
      decideLayouts(storedBy(v1), planOf({ ...v1, last: value({ codec: other, migrate: named }) })),
    ).toMatchObject({ kind: "raise", layouts: { "track/last": { codecs: { 1: "msgpack", 2: "other" } } } });
  });
});
