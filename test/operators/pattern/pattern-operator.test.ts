import { describe, expect, test } from "vitest";
import { MAX_WATERMARK } from "../../../src/core/batch.ts";
import { type Codec, msgpackCodec } from "../../../src/core/codec.ts";
import { type Pattern, pattern } from "../../../src/dataflow/pattern.ts";
import type { Captures } from "../../../src/dataflow/pattern-types.ts";
import { LATE_TAG, MissingTimestampError } from "../../../src/operators/event-time.ts";
import { DEAD_LETTER_TAG, type DeadLetter } from "../../../src/operators/operator.ts";
import { PatternSkipError } from "../../../src/operators/pattern/errors.ts";
import type { MatchContext } from "../../../src/operators/pattern/match-context.ts";
import { type PatternDefinition, TIMED_OUT_TAG } from "../../../src/operators/pattern/pattern-definition.ts";
import { patternOperator } from "../../../src/operators/pattern/pattern-operator.ts";
import {
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
} from "../../../src/operators/pattern/skip-strategy.ts";
import { sideTag } from "../../../src/operators/side-tag.ts";
import { type HarnessOptions, KeyedHarness } from "../../support/keyed-harness.ts";

const is =
  (letter: string) =>
  (record: string): boolean =>
    record.startsWith(letter);

const text = (match: object): string =>
  Object.entries(match)
    .map(([name, records]) => `${name}=${(records as string[]).join(",")}`)
    .join(" ");

function harnessOf<C extends Captures>(
  what: Pattern<string, C, string>,
  definition: Partial<PatternDefinition> = {},
  options: HarnessOptions = {},
): KeyedHarness {
  return new KeyedHarness(
    patternOperator({
      shape: what.shape,
      time: "event",
      codec: undefined,
      select: text,
      decodeKey: undefined,
      ...definition,
    }),
    { sides: [LATE_TAG, TIMED_OUT_TAG, DEAD_LETTER_TAG], ...options },
  );
}

const ab = pattern<string>().begin("a", is("a")).next("b", is("b"));

describe("patternOperator", () => {
  test("takes records in the order of their timestamps, and of their arrival where those are equal", () => {
    const harness = harnessOf(ab);
    harness.records(["k", "b2", 2], ["k", "a1", 1], ["k", "a3", 3], ["k", "b3", 3]);
    expect(harness.emitted()).toEqual([]);
    harness.advance(3);
    expect(harness.outputs.get("")).toEqual([
      { value: "a=a1 b=b2", timestamp: 2 },
      { value: "a=a3 b=b3", timestamp: 3 },
    ]);
  });

  test("keeps keys apart", () => {
    const harness = harnessOf(ab, { select: (match, { key }) => `${key}: ${text(match)}` });
    harness.records(["k", "a1", 1], ["l", "b2", 2], ["k", "b3", 3], [1, "a1", 1], ["1", "b2", 2]);
    harness.advance(9);
    expect(harness.emitted()).toEqual(["k: a=a1 b=b3"]);
  });

  test("counts late records and sends them to the side output", () => {
    const harness = harnessOf(ab);
    harness.advance(10);
    harness.records(["k", "a", 10], ["k", "a", 11]);
    expect(harness.emitted(LATE_TAG)).toEqual(["a"]);
    expect(harness.metrics.late).toBe(1);
  });

  test("refuses a record without a timestamp in event time", () => {
    expect(() => harnessOf(ab).records(["k", "a"])).toThrow(MissingTimestampError);
  });

  test("sends partial matches to the side output when their time is over", () => {
    const what = ab.followedBy("c", is("c")).within(10);
    const harness = harnessOf(what);
    harness.records(["k", "a1", 1], ["k", "b2", 2]);
    harness.advance(10);
    expect(harness.emitted(TIMED_OUT_TAG)).toEqual([]);
    harness.advance(11);
    const captures = { a: ["a1"], b: ["b2"], c: [] };
    expect(harness.outputs.get(TIMED_OUT_TAG)).toEqual([
      { value: { captures, startTimestamp: 1, timestamp: 11 }, timestamp: 11 },
    ]);
  });

  test("runs with the same records that wait for different ones are one partial match", () => {
    const what = pattern<string>().begin("a", is("a")).oneOrMore().followedBy("b", is("b")).within(10);
    const harness = harnessOf(what);
    harness.records(["k", "a1", 1], ["k", "a2", 2]);
    harness.advance(11);
    const told = harness.emitted(TIMED_OUT_TAG) as { captures: object }[];
    expect(told.map(({ captures }) => text(captures)).sort()).toEqual(["a=a1 b=", "a=a1,a2 b="]);
  });

  test("a record exactly at the limit of time is too late", () => {
    const harness = harnessOf(ab.within(10));
    harness.records(["k", "a1", 1], ["k", "b", 11], ["l", "a1", 1], ["l", "b", 10]);
    harness.advance(20);
    expect(harness.emitted()).toEqual(["a=a1 b=b"]);
  });

  test("a limit since the previous record is the stage's own", () => {
    const what = pattern<string>()
      .begin("a", is("a"))
      .followedBy("b", is("b"))
      .within(3, { since: "previous" })
      .followedBy("c", is("c"));
    const harness = harnessOf(what);
    harness.records(["k", "a1", 1], ["k", "b4", 4], ["l", "a1", 1], ["l", "b3", 3], ["l", "c99", 99]);
    harness.advance(100);
    expect(harness.emitted()).toEqual(["a=a1 b=b3 c=c99"]);
  });

  test("notFollowedBy at the end fires when the watermark shows that nothing came", () => {
    const what = pattern<string>().begin("order", is("o")).notFollowedBy("payment", is("p")).within(10);
    const harness = harnessOf(what);
    harness.records(["k", "o1", 1], ["l", "o2", 2], ["l", "p5", 5]);
    harness.advance(10);
    expect(harness.emitted()).toEqual([]);
    harness.advance(11);
    expect(harness.outputs.get("")).toEqual([{ value: "order=o1", timestamp: 11 }]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual(["order=o1"]);
    expect(harness.emitted(TIMED_OUT_TAG)).toEqual([]);
  });

  test("in processing time records are taken as they come, and limits go by the clock", () => {
    const what = pattern<string>().begin("a", is("a")).notFollowedBy("b", is("b")).within(1_000);
    const harness = harnessOf(what, { time: "processing" });
    harness.records(["k", "a1"], ["l", "a2"]);
    harness.advanceClock(500);
    harness.records(["l", "b"]);
    harness.commit();
    harness.crash();
    harness.advanceClock(500);
    expect(harness.outputs.get("")).toEqual([{ value: "a=a1", timestamp: undefined }]);
    const plain = harnessOf(ab, { time: "processing" });
    plain.records(["k", "a", 7], ["k", "b", 3]);
    expect(plain.outputs.get("")).toEqual([{ value: "a=a b=b", timestamp: 3 }]);
  });

  test("in processing time the end of the input is the end of all limits", () => {
    const what = pattern<string>().begin("a", is("a")).notFollowedBy("b", is("b")).within(1_000);
    const harness = harnessOf(what, { time: "processing" });
    harness.records(["k", "a1"]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual(["a=a1"]);
  });

  test("an iterable is several results, undefined none, and text one", () => {
    const emit = (select: () => unknown): unknown[] => {
      const harness = harnessOf(ab, { select });
      harness.records(["k", "a", 1], ["k", "b", 2]);
      harness.advance(2);
      return harness.emitted();
    };
    expect(emit(() => [1, 2])).toEqual([1, 2]);
    expect(
      emit(function* () {
        yield "x";
      }),
    ).toEqual(["x"]);
    expect(emit(() => undefined)).toEqual([]);
    expect(emit(() => "text")).toEqual(["text"]);
    expect(emit(() => ({ plain: true }))).toEqual([{ plain: true }]);
    expect(emit(() => null)).toEqual([null]);
  });

  test("the function gets key, time and a way to side outputs", () => {
    const seen: unknown[] = [];
    const tag = sideTag<string>("extra");
    const select = (_: object, context: MatchContext<unknown>): void => {
      seen.push([context.key, context.timestamp, context.watermark, context.nowMs]);
      context.side(tag, "beside");
    };
    const harness = harnessOf(ab, { select, decodeKey: (key) => `decoded ${key}` }, { sides: ["extra"] });
    harness.records(["k", "a", 1], ["k", "b", 2]);
    harness.advance(5);
    expect(seen).toEqual([["decoded k", 2, 5, 1_000_000]]);
    expect(harness.outputs.get("extra")).toEqual([{ value: "beside", timestamp: 2 }]);
  });

  test("async functions and conditions are refused", () => {
    const fail = (harness: KeyedHarness): void => {
      harness.records(["k", "a", 1], ["k", "b", 2]);
      harness.advance(2);
    };
    expect(() => fail(harnessOf(ab, { select: () => Promise.resolve(1) }))).toThrow(/promise|async/i);
    const asking = pattern<string>().begin("a", (() => Promise.resolve(true)) as unknown as () => boolean);
    expect(() => fail(harnessOf(asking))).toThrow(/promise|async/i);
  });

  test("a record for which a condition throws takes no other record with it", () => {
    const what = pattern<string>()
      .begin("a", is("a"))
      .followedBy("b", (record) => {
        if (record === "bad") throw new Error("cannot judge");
        return record.startsWith("b");
      });
    const harness = harnessOf(what, {}, { onError: "deadLetter" });
    harness.records(["k", "a1", 1], ["k", "bad", 2], ["k", "a2", 2], ["k", "b2", 2], ["k", "b3", 3]);
    harness.commit();
    harness.advance(5, 1);
    expect(harness.emitted()).toEqual(["a=a1 b=b2", "a=a2 b=b2"]);
    const letters = harness.emitted(DEAD_LETTER_TAG) as DeadLetter[];
    expect(letters.map(({ record, error }) => [record, error.message])).toEqual([["bad", "cannot judge"]]);
  });

  test("nothing that a failed record did is left", () => {
    const what = pattern<string>()
      .begin("a", is("a"))
      .followedByAny("b", is("b"))
      .followedBy("c", (record, { a }) => {
        if (a[0] === "a2" && record === "b") throw new Error("cannot judge");
        return record.startsWith("c");
      });
    const harness = harnessOf(what, {}, { onError: "skip" });
    // The second b is taken behind a1 before the run behind a2 and b fails on it.
    harness.records(
      ["k", "a1", 1],
      ["k", "a2", 2],
      ["k", "b1", 3],
      ["k", "b", 4],
      ["l", "x", 5],
      ["k", "c", 6],
    );
    harness.advance(9);
    expect(harness.emitted()).toEqual(["a=a1 b=b1 c=c", "a=a2 b=b1 c=c"]);
    expect(harness.metrics.skipped).toBe(1);
  });

  test("a match whose function throws when its time is over does not come again", () => {
    const what = pattern<string>().begin("a", is("a")).notFollowedBy("b", is("b")).within(5);
    const select = (match: object): string => {
      if (text(match) === "a=a1") throw new Error("no");
      return text(match);
    };
    const harness = harnessOf(what, { select }, { onError: "skip" });
    harness.records(["k", "a1", 1], ["k", "a2", 2]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual(["a=a2"]);
    harness.commit();
    expect(
      Object.values(harness.backend.contents()).filter((stored) => (stored as Map<string, unknown>).size > 0),
    ).toEqual([]);
  });

  test.each(["skip", "deadLetter"] as const)(
    "%s: of the matches whose time is over together, only the one whose function throws is lost",
    (onError) => {
      const what = pattern<string>().begin("a", is("a")).notFollowedBy("b", is("b")).within(5);
      const select = (match: object): string[] => {
        if (text(match) !== "a=a2") return [text(match)];
        throw new Error("no");
      };
      for (const time of ["event", "processing"] as const) {
        const harness = harnessOf(what, { select, time }, { onError });
        harness.records(["k", "a1", 1], ["k", "a2", 1], ["k", "a3", 1], ["l", "a4", 1]);
        if (time === "processing") harness.advanceClock(5);
        else harness.advance(6, 1);
        expect(harness.emitted().sort()).toEqual(["a=a1", "a=a3", "a=a4"]);
        expect(harness.metrics.skipped + harness.metrics.deadLetters).toBe(1);
        harness.commit();
        harness.crash();
        harness.advance(MAX_WATERMARK);
        expect(harness.emitted()).toHaveLength(3);
        const letters = harness.emitted(DEAD_LETTER_TAG) as DeadLetter[];
        expect(letters.map(({ record }) => record)).toEqual(
          onError === "skip" ? [] : [{ key: "k", captures: { a: ["a2"] } }],
        );
      }
    },
  );

  test("a match by time that fails right before a record does not take the record with it", () => {
    const what = pattern<string>().begin("a", is("a")).notFollowedBy("b", is("b")).within(5);
    const select = (match: object): string => {
      if (text(match) === "a=a1") throw new Error("no");
      return text(match);
    };
    const event = harnessOf(what, { select }, { onError: "skip" });
    event.records(["k", "a1", 1], ["k", "a6", 6]);
    event.advance(50);
    expect(event.emitted()).toEqual(["a=a6"]);
    expect(event.metrics.skipped).toBe(1);
    const processing = harnessOf(what, { select, time: "processing" }, { onError: "skip" });
    processing.records(["k", "a1"]);
    processing.clock.advance(5);
    processing.records(["k", "a6"]);
    processing.advanceClock(50);
    expect(processing.emitted()).toEqual(["a=a6"]);
    expect(processing.metrics.skipped).toBe(1);
  });

  test("a record that fails leaves alone what was over before it came", () => {
    const what = pattern<string>()
      .begin("a", is("a"))
      .notFollowedBy("b", (record) => {
        if (record === "bad") throw new Error("cannot judge");
        return record.startsWith("b");
      })
      .within(5);
    const harness = harnessOf(what, {}, { onError: "skip" });
    harness.records(["k", "a1", 1], ["k", "a4", 4], ["k", "bad", 6], ["k", "a7", 7]);
    harness.advance(50);
    expect(harness.outputs.get("")).toEqual([
      { value: "a=a1", timestamp: 6 },
      { value: "a=a4", timestamp: 9 },
      { value: "a=a7", timestamp: 12 },
    ]);
    expect(harness.metrics.skipped).toBe(1);
  });

  test("at the end of the input a held match that fails rules out what it rules out, and the others are told", () => {
    const what = pattern<string>()
      .begin("a", () => true)
      .followedBy("b", (record, { a }) => record === `after ${a[0]}`)
      .afterMatch(skipToNext());
    const select = (match: object): string => {
      if (text(match) === "a=y b=after y") throw new Error("no");
      return text(match);
    };
    const harness = harnessOf(what, { select }, { onError: "skip" });
    harness.records(["k", "x", 1], ["k", "y", 2], ["k", "z", 3], ["k", "after y", 4], ["k", "after z", 5]);
    harness.advance(MAX_WATERMARK);
    expect(harness.emitted()).toEqual(["a=z b=after z"]);
    expect(harness.metrics.skipped).toBe(1);
  });

  test("records that wait behind others are kept, and taken once, through commits, crashes and tiny caches", () => {
    for (const codec of [undefined, msgpackCodec as Codec<unknown>, { ...msgpackCodec, name: "own" }])
      for (const onError of ["fail", "skip"] as const) {
        const what = pattern<string>().begin("a", is("a"));
        const harness = harnessOf(what, { codec }, { cacheEntries: 0, onError });
        for (let i = 40; i > 0; i--) harness.records(["k", `a${i}`, i * 250]);
        harness.commit();
        for (let watermark = 0; watermark <= 10_000; watermark += 170) {
          harness.advance(watermark, 1);
          if (watermark % 3 === 0) harness.records(["k", `a${watermark + 1}-`, watermark + 1]);
          harness.commit();
          if (watermark % 4 === 0) harness.crash();
        }
        harness.advance(MAX_WATERMARK);
        const told = harness.outputs.get("") ?? [];
        expect(told.map(({ timestamp }) => timestamp)).toEqual(
          told.map(({ timestamp }) => timestamp as number).sort((x, y) => x - y),
        );
        const extra = Array.from({ length: 59 }, (_, i) => i * 170).filter((at) => at % 3 === 0).length;
        expect(new Set(told.map(({ value }) => value)).size).toBe(told.length);
        expect(told).toHaveLength(40 + extra);
      }
  });

  test("what waits in a list is not stored again when others of it are taken", () => {
    const harness = harnessOf(pattern<string>().begin("a", is("a")));
    harness.records(...Array.from({ length: 100 }, (_, i) => ["k", "a", i] as const));
    harness.commit();
    harness.advance(10);
    const lists = harness.collect().flatMap(({ lists }) => lists);
    expect(lists.map(({ clear, appends }) => [clear, appends])).toEqual([[false, [[10]]]]);
  });

  test("records are stored with the codec that was given", () => {
    const shout: Codec<unknown> = {
      name: "shout",
      version: 1,
      encode: (value) => msgpackCodec.encode(`${value}!`),
      decode: (bytes) => (msgpackCodec.decode(bytes) as string).slice(0, -1),
    };
    const harness = harnessOf(ab, { codec: shout }, { cacheEntries: 0 });
    harness.records(["k", "a", 1], ["k", "b", 9]);
    harness.advance(1);
    harness.commit();
    harness.crash();
    harness.advance(9);
    expect(harness.emitted()).toEqual(["a=a b=b"]);
  });

  test("conditions that ask for the record only are evaluated once per record", () => {
    let asked = 0;
    const what = pattern<string>()
      .begin("a", is("a"))
      .followedByAny("b", (record) => {
        asked++;
        return record.startsWith("b");
      });
    const harness = harnessOf(what);
    harness.records(["k", "a1", 1], ["k", "a2", 2], ["k", "a3", 3], ["k", "b", 4]);
    harness.advance(9);
    expect(asked).toBe(3);
    expect(harness.emitted()).toHaveLength(3);
  });
});

describe("after a match", () => {
  const aab = pattern<string>().begin("a", is("a")).oneOrMore().followedBy("b", is("b"));
  const found = (what: Pattern<string, Captures, string>, ...records: string[]): unknown[] => {
    const harness = harnessOf(what);
    for (const [i, record] of records.entries()) harness.records(["k", record, i]);
    harness.advance(MAX_WATERMARK);
    return harness.emitted();
  };

  test.each([
    [skipToNext(), ["a=a1,a2 b=b1", "a=a2 b=b1"]],
    [skipPastLastEvent(), ["a=a1,a2 b=b1"]],
    [skipToFirst("b"), ["a=a1,a2 b=b1"]],
    [skipToLast("a"), ["a=a1,a2 b=b1", "a=a2 b=b1"]],
  ] as const)("%o", (skip, expected) => {
    expect(found(aab.afterMatch(skip) as never, "a1", "a2", "b1")).toEqual(expected);
  });

  test("a match waits for those that began earlier, and is told at the end of the input if they never end", () => {
    const what = pattern<string>()
      .begin("first", () => true)
      .followedBy("second", (record, { first }) => record === `after ${first[0]}`);
    const harness = harnessOf(what.afterMatch(skipToNext()));
    harness.records(["k", "x", 1], ["k", "y", 2], ["k", "after y", 3]);
    harness.advance(50);
    expect(harness.emitted()).toEqual([]);
    harness.commit();
    harness.crash();
    harness.advance(MAX_WATERMARK);
    expect(harness.outputs.get("")).toEqual([{ value: "first=y second=after y", timestamp: 51 }]);
  });

  test("onMiss fail: nothing to skip to, or only the beginning, is an error", () => {
    const missing = pattern<string>()
      .begin("a", is("a"))
      .followedBy("b", is("b"))
      .optional()
      .followedBy("c", is("c"));
    expect(() => found(missing.afterMatch(skipToFirst("b", { onMiss: "fail" })) as never, "a", "c")).toThrow(
      PatternSkipError,
    );
    expect(() => found(missing.afterMatch(skipToLast("a", { onMiss: "fail" })) as never, "a", "c")).toThrow(
      /skipToLast\("a"\)/,
    );
    expect(found(missing.afterMatch(skipToFirst("b")) as never, "a", "c")).toEqual(["a=a b= c=c"]);
  });
});
