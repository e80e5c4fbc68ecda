import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../../src/core/batch.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import { MissingJoinTimestampError } from "../../../src/operators/joins/join-time.ts";
import { temporalJoinOperator } from "../../../src/operators/joins/temporal-join.ts";
import { DEAD_LETTER_TAG } from "../../../src/operators/operator.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife, type Life, undisturbed } from "../../support/operator-life.ts";
import { type Event, events, give, type Item, live } from "./two-input-life.ts";

const RUNS = 250;

type Kind = "inner" | "left";

const operatorOf = (kind: Kind) =>
  temporalJoinOperator({
    kind,
    join: (fact: Item, version: Item | undefined, context) => [
      context.key,
      fact.id,
      version?.id,
      context.leftTimestamp,
      context.rightTimestamp,
      context.timestamp,
    ],
  });

/** Versions are rows, or changes, as the test drew them; facts are the items themselves. */
function recordOf(item: Item): unknown {
  if (item.input === 0) return item;
  if (item.drawn === 0) return { op: "-D", row: item };
  if (item.drawn === 1) return { op: "-U", row: item };
  return item.drawn === 2 ? { op: "+U", row: item } : item;
}

const removes = (item: Item): boolean => item.drawn <= 1;

/** Each fact in time, at the moment when the watermark reaches it, with the newest version of its key at or before it. */
function byDefinition(kind: Kind, all: readonly Event[]): { joined: unknown[][]; late: number[] } {
  let watermark = MIN_WATERMARK;
  let waiting: Item[] = [];
  let versions: Item[] = [];
  const joined: unknown[][] = [];
  const late: number[] = [];
  const newest = (key: unknown, at: number): Item | undefined =>
    versions
      .filter((one) => one.key === key && one.timestamp <= at)
      // Of one time, the one that came last.
      .reduce<Item | undefined>((a, b) => (a === undefined || b.timestamp >= a.timestamp ? b : a), undefined);
  // A removal that has taken effect is forgotten, with all that it removed.
  const forget = (): void => {
    for (const removal of versions.filter(removes)) {
      if (newest(removal.key, watermark) !== removal) continue;
      versions = versions.filter((one) => one.key !== removal.key || one.timestamp > watermark);
    }
  };
  for (const event of all) {
    if (event.kind === "batch") {
      for (const item of event.items) {
        forget();
        if (item.input === 1) {
          versions.push(item);
        } else if (item.timestamp <= watermark) late.push(item.id);
        else waiting.push(item);
      }
    } else {
      watermark = Math.max(watermark, event.watermark);
      for (const fact of waiting.filter(({ timestamp }) => timestamp <= watermark)) {
        const found = newest(fact.key, fact.timestamp);
        const version = found !== undefined && removes(found) ? undefined : found;
        if (version === undefined && kind === "inner") continue;
        const { id, key, timestamp } = fact;
        joined.push([key, id, version?.id, timestamp, version?.timestamp, timestamp]);
      }
      waiting = waiting.filter(({ timestamp }) => timestamp > watermark);
    }
    forget();
  }
  return { joined, late };
}

const sorted = (joined: readonly unknown[]): string[] => joined.map((one) => JSON.stringify(one)).sort();

function check(kind: Kind, all: readonly Event[], lived: Life): void {
  const harness = live(operatorOf(kind), all, lived, { recordOf, sides: [LATE_TAG] });
  const expected = byDefinition(kind, all);
  expect(sorted(harness.emitted())).toEqual(sorted(expected.joined));
  expect(harness.emitted(LATE_TAG).map((item) => (item as Item).id)).toEqual(expected.late);
  // Nothing but one valid version per key is left.
  const left = Object.keys(harness.backend.contents());
  expect(left.filter((address) => !address.includes("/valid/"))).toEqual([]);
  expect(left.length).toBeLessThanOrEqual(3);
}

describe("temporalJoinOperator", () => {
  test("J4 each fact meets the newest version at or before its time, for any interleaving, lateness and removals", () => {
    fc.assert(
      fc.property(fc.constantFrom<Kind>("inner", "left"), events, (kind, all) =>
        check(kind, all, undisturbed),
      ),
      { numRuns: RUNS },
    );
  });

  test("J4 the same with commits and crashes anywhere, with tiny caches and shared storage", () => {
    fc.assert(fc.property(fc.constantFrom<Kind>("inner", "left"), events, anyLife, check), { numRuns: RUNS });
  });

  test("a version of a fact's own time is valid for it, although it comes after the fact", () => {
    const harness = new KeyedHarness(operatorOf("inner"));
    give(harness, 1, [{ id: 1, key: "k", timestamp: 10 } as Item]);
    give(harness, 0, [{ id: 2, key: "k", timestamp: 20 } as Item]);
    give(harness, 1, [{ id: 3, key: "k", timestamp: 20 } as Item]);
    harness.advance(19);
    expect(harness.emitted()).toEqual([]);
    harness.advance(20);
    expect(harness.outputs.get("")).toEqual([{ value: ["k", 2, 3, 20, 20, 20], timestamp: 20 }]);
  });

  test("a fact at 1,000 versions looks at one of them", () => {
    const harness = new KeyedHarness(operatorOf("inner"));
    const versions = Array.from({ length: 1_000 }, (_, id) => ({ id, key: "k", timestamp: id }) as Item);
    give(harness, 1, versions.toReversed());
    give(harness, 0, [{ id: -1, key: "k", timestamp: 700.5 } as Item]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual([["k", -1, 701, 701, 701, 701]]);
    harness.commit();
    expect(Object.keys(harness.backend.contents())).toHaveLength(1);
  });

  test("facts that cannot be joined are a dead letter; their version takes effect all the same", () => {
    const failing = temporalJoinOperator({
      kind: "left",
      join: (fact: { id: number }, version: { id: number } | undefined) => {
        if (fact.id === 13) throw new Error("no luck");
        return [fact.id, version?.id];
      },
    });
    const harness = new KeyedHarness(failing, { onError: "deadLetter", sides: [DEAD_LETTER_TAG] });
    const unlucky = { id: 13, key: "k", timestamp: 10 } as Item;
    give(harness, 0, [unlucky, { id: 14, key: "k", timestamp: 11 } as Item]);
    give(harness, 1, [{ id: 1, key: "k", timestamp: 10 } as Item]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual([[14, 1]]);
    expect(harness.emitted(DEAD_LETTER_TAG)).toMatchObject([
      { record: { key: "k", facts: [unlucky], timestamp: 10 }, position: "event time 10" },
    ]);
  });

  test("a record without timestamp is an error of the job, on either side", () => {
    for (const input of [0, 1]) {
      const harness = new KeyedHarness(operatorOf("inner"));
      harness.operator.fromInput?.(input);
      expect(() => harness.records(["k", 1])).toThrow(MissingJoinTimestampError);
    }
  });
});
