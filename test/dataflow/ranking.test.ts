import { describe, expect, test } from "vitest";
import { explainPlan } from "../../src/dataflow/explain.ts";
import { defineJob } from "../../src/dataflow/job.ts";
import { InvalidJobError, type JobProblem } from "../../src/dataflow/job-problem.ts";
import type { KeyedStream } from "../../src/dataflow/keyed-stream.ts";
import type { OperatorStream } from "../../src/dataflow/stream.ts";
import { collectList, combine, count, max, topN } from "../../src/operators/aggregates.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

/** For calls that the compiler refuses: users of JavaScript make them all the same. */
// biome-ignore lint/suspicious/noExplicitAny: the point of these tests is what happens to wrong types
const untyped = (value: unknown): any => value;

type Call = (keyed: KeyedStream<number, Bid>) => OperatorStream<unknown>;

function build(call: Call, timed = true): ReturnType<typeof defineJob> {
  return defineJob("test", (job) => {
    const bids = job.source("bids", testSource<Bid>(), timed ? { timestamp: (bid: Bid) => bid.at } : {});
    call(bids.keyBy((bid) => bid.auction)).to("out", testSink());
  });
}

function problemsOf(call: Call, timed = true): readonly JobProblem[] {
  try {
    build(call, timed);
  } catch (error) {
    if (error instanceof InvalidJobError) return error.problems;
    throw error;
  }
  return [];
}

const by = (bid: Bid): number => bid.price;

describe("arguments of ranking and over-windows", () => {
  test.each<[what: string, call: Call, code: string, text: RegExp]>([
    ["no number", (keyed) => keyed.topN("x", untyped(undefined), { by }), "INVALID_OPTION", /at least 1/],
    [
      "zero rows",
      (keyed) => keyed.topN("x", 0, { by }),
      "INVALID_OPTION",
      /"n" is 0; give a whole number of at least 1/,
    ],
    ["no order", (keyed) => keyed.topN("x", 1, untyped({})), "INVALID_OPTION", /"by" is undefined/],
    [
      "an async order",
      (keyed) => keyed.topN("x", 1, { by: untyped(async () => 1) }),
      "INVALID_OPTION",
      /plain function/,
    ],
    [
      "a direction",
      (keyed) => keyed.topN("x", 1, { by, order: untyped("up") }),
      "INVALID_OPTION",
      /"asc" or "desc"/,
    ],
    ["no directions", (keyed) => keyed.topN("x", 1, { by, order: [] }), "INVALID_OPTION", /"order"/],
    [
      "ties",
      (keyed) => keyed.topN("x", 1, { by, ties: untyped("none") }),
      "INVALID_OPTION",
      /"first" or "last"/,
    ],
    [
      "numbering",
      (keyed) => keyed.topN("x", 1, { by, numbering: untyped("ntile") }),
      "INVALID_OPTION",
      /"denseRank"/,
    ],
    [
      "a misspelt option",
      (keyed) => keyed.topN("x", 1, untyped({ by, tie: "first" })),
      "UNKNOWN_OPTION",
      /"tie"/,
    ],
    [
      "no options",
      (keyed) => keyed.deduplicate("x", untyped(undefined)),
      "INVALID_OPTION",
      /"keep" is undefined/,
    ],
    [
      "keep",
      (keyed) => keyed.deduplicate("x", untyped({ keep: "all" })),
      "INVALID_OPTION",
      /"first" or "last"/,
    ],
    [
      "a time to live of a last record",
      (keyed) => keyed.deduplicate("x", untyped({ keep: "last", ttl: "1h" })),
      "INVALID_OPTION",
      /only together with keep: "first"/,
    ],
    [
      "a time to live",
      (keyed) => keyed.deduplicate("x", { keep: "first", ttl: 0 }),
      "INVALID_OPTION",
      /longer than zero/,
    ],
    ["no aggregate", (keyed) => keyed.aggregateChanges("x", untyped(1)), "INVALID_AGGREGATE", /count\(\)/],
    [
      "one that forgets nothing",
      (keyed) => keyed.aggregateChanges("x", topN(2, by)),
      "INVALID_AGGREGATE",
      /cannot take records back/,
    ],
    [
      "a part that forgets nothing",
      (keyed) => keyed.aggregateChanges("x", combine({ n: count(), best: topN(2, by) })),
      "INVALID_AGGREGATE",
      /part "best" .* cannot take records back/,
    ],
    [
      "an interval",
      (keyed) => keyed.materialize("x", { every: untyped("often") }),
      "INVALID_OPTION",
      /"every"/,
    ],
    ["no frame", (keyed) => keyed.over("x", untyped({}), count()), "INVALID_OPTION", /either rows or range/],
    [
      "two frames",
      (keyed) => keyed.over("x", untyped({ rows: 1, range: 1 }), count()),
      "INVALID_OPTION",
      /either rows or range/,
    ],
    ["negative rows", (keyed) => keyed.over("x", { rows: -1 }, count()), "INVALID_OPTION", /at least 0/],
    ["a range", (keyed) => keyed.over("x", { range: untyped("long") }, count()), "INVALID_OPTION", /"range"/],
    [
      "an order of frames",
      (keyed) => keyed.over("x", { rows: 1, order: untyped("time") }, count()),
      "INVALID_OPTION",
      /"arrival"/,
    ],
    [
      "nothing to fold",
      (keyed) => keyed.over("x", { rows: 1 }, untyped({})),
      "INVALID_AGGREGATE",
      /count\(\)/,
    ],
  ])("%s is refused with a sentence", (_what, call, code, text) => {
    const problems = problemsOf(call);
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    expect(problems[0]?.message).toMatch(text);
    expect(problems[0]?.message).toMatch(
      /^(topN|deduplicate|aggregateChanges|materialize|over) "x" is (given|refused)/,
    );
  });

  test("what waits for event time needs timestamps, the rest does not", () => {
    const waits: Call[] = [
      (keyed) => keyed.deduplicate("x", { keep: "first" }),
      (keyed) => keyed.over("x", { rows: 1 }, count()),
      (keyed) => keyed.materialize("x", { every: "1m" }),
    ];
    for (const call of waits) {
      expect(problemsOf(call, true)).toEqual([]);
      expect(problemsOf(call, false).map((problem) => problem.code)).toEqual(["WINDOW_WITHOUT_TIMESTAMPS"]);
    }
    const free: Call[] = [
      (keyed) => keyed.deduplicate("x", { keep: "first", by: "arrival" }),
      (keyed) => keyed.deduplicate("x", { keep: "last", by: "arrival", emit: "append" }),
      (keyed) => keyed.topN("x", 3, { by }),
      (keyed) => keyed.aggregateChanges("x", max(by)),
      (keyed) => keyed.materialize("x"),
      (keyed) => keyed.over("x", { range: "1h", order: "arrival" }, collectList()),
    ];
    for (const call of free) expect(problemsOf(call, false)).toEqual([]);
  });

  test("another frame, order or number of rows is another operator", () => {
    const label = (call: Call): string => {
      const stage = explainPlan(build(call).plan({ parallelism: 1 })).stages.at(-1);
      return JSON.stringify(stage);
    };
    expect(label((keyed) => keyed.topN("x", 3, { by, order: "asc" }))).toContain(
      "top 3 by rowNumber asc, ties first",
    );
    expect(label((keyed) => keyed.over("x", { range: "1h" }, count()))).toContain(
      "aggregate over a range of 1h by event time",
    );
    expect(label((keyed) => keyed.over("x", { rows: 9, order: "arrival" }, count()))).toContain(
      "9 rows before by arrival",
    );
    expect(label((keyed) => keyed.deduplicate("x", { keep: "last" }))).toContain(
      "last record by event time, emits changes",
    );
    expect(label((keyed) => keyed.materialize("x", { every: "1m" }))).toContain("rows of a table every 1m");
  });
});
