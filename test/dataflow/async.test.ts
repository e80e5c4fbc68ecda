import { describe, expect, test } from "vitest";
import { explain } from "../../src/dataflow/explain.ts";
import { defineJob, type Job, type JobBuilder } from "../../src/dataflow/job.ts";
import { InvalidJobError, type JobProblem } from "../../src/dataflow/job-problem.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

/** For calls that the compiler refuses: users of JavaScript make them all the same. */
// biome-ignore lint/suspicious/noExplicitAny: the point of these tests is what happens to wrong types
const untyped = (value: unknown): any => value;
const bids = (job: JobBuilder) => job.source("bids", testSource<Bid>());

function problemsOf(build: (job: JobBuilder) => void): readonly JobProblem[] {
  try {
    defineJob("test", build);
  } catch (error) {
    if (error instanceof InvalidJobError) return error.problems;
    throw error;
  }
  return [];
}

const asyncMap = (options: unknown) => (job: JobBuilder) =>
  bids(job)
    .asyncMap("ask", async (bid) => bid, untyped(options))
    .to("out", testSink());
const load = async (): Promise<never[]> => [];
const lookup = (options: unknown) => (job: JobBuilder) =>
  bids(job)
    .lookup("row", untyped(options), (bid) => bid)
    .to("out", testSink());

describe("asyncMap and lookup, checked before anything runs", () => {
  test.each([
    ["order", { order: "sorted" }, '"ordered" or "unordered"'],
    ["concurrency", { concurrency: 0 }, "whole number of at least 1"],
    ["start", { start: "later" }, '"immediately" or "committed"'],
    ["timeout", { timeout: 0 }, "longer than zero"],
    ["timeout", { timeout: "soon" }, "is not a duration"],
    ["codec", { codec: {} }, "a Codec"],
    ["attempts", { retry: {} }, "whole number of at least 1"],
    ["attempts", { retry: { attempts: 0 } }, "whole number of at least 1"],
    ["backoff", { retry: { attempts: 2, backoff: -1 } }, "must not be negative"],
    ["when", { retry: { attempts: 2, when: true } }, "a function (error, attempt)"],
  ])("option %s of asyncMap: %j is refused", (option, options, remedy) => {
    const [problem, ...others] = problemsOf(asyncMap(options));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: "INVALID_OPTION" });
    expect(problem?.message).toContain('asyncMap "ask"');
    expect(problem?.message).toContain(`"${option}"`);
    expect(problem?.message).toContain(remedy);
  });

  test.each([
    ["kind", { kind: "right" }, '"inner" or "left"'],
    ["ttl", { cache: { maxEntries: 3 } }, "is of type undefined"],
    ["maxEntries", { cache: { ttl: "1m", maxEntries: 0 } }, "whole number of at least 1"],
    ["cacheMissing", { cache: { ttl: "1m", cacheMissing: 1 } }, "true or false"],
    ["maxKeys", { maxKeys: 0 }, "whole number of at least 1"],
    ["capacity", { capacity: 1.5 }, "whole number of at least 1"],
  ])("option %s of lookup: %j is refused", (option, options, remedy) => {
    const [problem, ...others] = problemsOf(lookup({ key: (bid: Bid) => bid.auction, load, ...options }));
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: "INVALID_OPTION" });
    expect(problem?.message).toContain(`"${option}"`);
    expect(problem?.message).toContain(remedy);
  });

  test.each([
    ["order", { order: "sorted" }, '"ordered" or "sequential" or "unordered"'],
    ["capacity", { capacity: 0 }, "whole number of at least 1"],
    ["concurrency", { concurrency: -1 }, "whole number of at least 1"],
  ])("option %s of asyncMap behind a keyBy: %j is refused", (option, options, remedy) => {
    const problems = problemsOf((job) =>
      bids(job)
        .keyBy((bid) => bid.auction)
        .asyncMap("ask", async (bid) => bid, untyped(options))
        .to("out", testSink()),
    );
    expect(problems.map(({ code }) => code)).toEqual(["INVALID_OPTION"]);
    expect(problems[0]?.message).toContain(`"${option}"`);
    expect(problems[0]?.message).toContain(remedy);
  });

  test("what only goes with keys is refused without them", () => {
    expect(problemsOf(asyncMap({ order: "sequential" })).map(({ code }) => code)).toEqual(["INVALID_OPTION"]);
    expect(problemsOf(asyncMap({ capacity: 5 })).map(({ code }) => code)).toEqual(["UNKNOWN_OPTION"]);
  });

  test("names that nobody reads are refused, at every level", () => {
    for (const build of [
      asyncMap({ concurency: 3 }),
      asyncMap({ retry: { attempts: 2, backOff: 3 } }),
      lookup({ key: () => 1, load, start: "committed" }),
      lookup({ key: () => 1, load, cache: { ttl: 1, size: 3 } }),
    ])
      expect(problemsOf(build).map(({ code }) => code)).toEqual(["UNKNOWN_OPTION"]);
  });

  test("what is no function, or a generator, is refused with an example", () => {
    for (const fn of [undefined, "fetch", async function* () {}]) {
      const problems = problemsOf((job) => bids(job).asyncMap("ask", untyped(fn)).to("out", testSink()));
      expect(problems.map(({ code }) => code)).toEqual(["INVALID_FUNCTION"]);
      expect(problems[0]?.message).toContain("for example async (record)");
    }
    expect(problemsOf(lookup({ key: async () => 1 })).map(({ code, message }) => [code, message])).toEqual([
      ["INVALID_FUNCTION", expect.stringContaining('option "key" is async')],
      ["INVALID_FUNCTION", expect.stringContaining('option "load" is undefined')],
    ]);
    expect(problemsOf(lookup(undefined)).length).toBeGreaterThan(0);
  });

  test("dead letters follow the same rules as everywhere", () => {
    expect(problemsOf(asyncMap({ onError: "deadLetter" })).map(({ code }) => code)).toEqual([
      "DEAD_LETTERS_UNREAD",
    ]);
    const read = problemsOf((job) =>
      bids(job)
        .asyncMap("ask", async (bid) => bid)
        .deadLetters()
        .to("out", testSink()),
    );
    expect(read.map(({ code }) => code)).toEqual(["DEAD_LETTERS_NEVER_SENT"]);
  });
});

describe("the plan of operators that wait", () => {
  const job = (options: { readonly parallelism?: number; readonly concurrency?: number } = {}): Job =>
    defineJob("waits", (builder) =>
      bids(builder)
        .map("cents", (bid) => ({ ...bid, cents: bid.price * 100 }))
        .asyncMap("ask", async (bid) => bid.cents, options)
        .to("out", testSink()),
    );

  test("they are chained to what they read, and what they store is part of the layout", () => {
    const plan = job().plan({ parallelism: 1 });
    expect(plan.stages.map((stage) => stage.operators.map(({ name, type }) => [name, type]))).toEqual([
      [
        ["cents", "stateless"],
        ["ask", "async"],
        ["out", "sink"],
      ],
    ]);
    expect(explain(plan)).toContain("ask: asyncMap, state held (map, msgpack 1)");
  });

  test("another parallelism puts them behind a rebalance; their other options may change while state lives", () => {
    const plan = job({ parallelism: 4 }).plan({ parallelism: 1 });
    expect(plan.stages.map(({ id, partitions }) => [id, partitions])).toEqual([
      ["bids", 1],
      ["ask", 4],
    ]);
    const hash = (concurrency: number): string => job({ concurrency }).plan({ parallelism: 1 }).hash;
    expect(hash(5)).toBe(hash(6));
  });

  test("behind a keyBy they share its shuffle with other operators, and are another operator than without keys", () => {
    const keyed = defineJob("waits", (builder) => {
      const stream = bids(builder).keyBy((bid) => bid.auction);
      stream.asyncMap("ask", async (bid) => bid.price).to("out", testSink());
      stream.reduce("last", (_, bid) => bid).to("lasts", testSink());
    }).plan({ parallelism: 3 });
    expect(keyed.stages.map(({ id, partitions }) => [id, partitions])).toEqual([
      ["bids", 3],
      ["ask", 3],
    ]);
    expect(keyed.edges.map(({ partitioning }) => partitioning.kind)).toEqual(["key"]);
    expect(explain(keyed)).toContain("ask: keyed asyncMap, state held (map, msgpack 1)");
  });
});
