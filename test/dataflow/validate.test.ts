import { describe, expect, test } from "vitest";
import { defineJob, type JobBuilder } from "../../src/dataflow/job.ts";
import { InvalidJobError, type JobProblem, type JobProblemCode } from "../../src/dataflow/job-problem.ts";
import type { LogicalGraph } from "../../src/dataflow/logical-graph.ts";
import type { StreamNode } from "../../src/dataflow/nodes/logical-node.ts";
import { createStatelessNode } from "../../src/dataflow/nodes/stateless-node.ts";
import type { Stream } from "../../src/dataflow/stream.ts";
import { findProblems } from "../../src/dataflow/validate.ts";
import { count } from "../../src/operators/aggregates.ts";
import { sideTag } from "../../src/operators/side-tag.ts";
import { aggregating, value } from "../../src/state/descriptors.ts";
import { monotonic } from "../../src/time/watermark-strategies.ts";
import { sliding, tumbling } from "../../src/time/windows.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

/** What is wrong with a job, as the user sees it. */
function problemsOf(build: (job: JobBuilder) => void, name = "test"): readonly JobProblem[] {
  try {
    defineJob(name, build);
  } catch (error) {
    if (error instanceof InvalidJobError) return error.problems;
    throw error;
  }
  return [];
}

function codesOf(build: (job: JobBuilder) => void): readonly JobProblemCode[] {
  return problemsOf(build).map((problem) => problem.code);
}

/** The only problem of a job. */
function problemOf(build: (job: JobBuilder) => void): JobProblem {
  const problems = problemsOf(build);
  expect(problems).toHaveLength(1);
  return problems[0] as JobProblem;
}

/** For calls that the compiler refuses: users of JavaScript make them all the same. */
// biome-ignore lint/suspicious/noExplicitAny: the point of these tests is what happens to wrong types
const untyped = (value: unknown): any => value;

const bids = (job: JobBuilder) => job.source("bids", testSource<Bid>());
const timed = { timestamp: (bid: Bid) => bid.at };

describe("a valid job", () => {
  test("has no problems, and its graph is frozen", () => {
    const job = defineJob("totals", (builder) => {
      const stream = builder.source("bids", testSource<Bid>(), {
        ...timed,
        outOfOrderness: "5s",
        idleAfter: "1m",
      });
      const letters = stream.map("parse", (bid) => ({ ...bid, cents: bid.price * 100 }), {
        onError: "deadLetter",
      });
      letters.deadLetters().to("rejected", testSink());
      letters
        .keyBy((bid) => bid.auction)
        .window(tumbling("1m"))
        .aggregate("total", count())
        .to("out", testSink());
    });
    expect(job.name).toBe("totals");
    expect(Object.isFrozen(job)).toBe(true);
    expect(Object.isFrozen(job.graph)).toBe(true);
    expect(Object.isFrozen(job.graph.nodes)).toBe(true);
    for (const node of job.graph.nodes) expect(Object.isFrozen(node)).toBe(true);
  });

  test("does not change when the options object that it was given changes", () => {
    const options = { parallelism: 2 };
    const job = defineJob("frozen", (builder) => {
      bids(builder)
        .map("id", (bid) => bid, options)
        .to("out", testSink());
    });
    options.parallelism = 1000;
    expect(job.plan({ parallelism: 2 }).stages.map((stage) => stage.partitions)).toEqual([2]);
  });
});

describe("the error", () => {
  test("reports all problems at once, each in one sentence", () => {
    const build = (): unknown =>
      defineJob("broken", (job) => {
        const stream = job.source(
          "bids",
          testSource<Bid>(),
          untyped({ outOfOrdernes: "5s", parallelism: 0 }),
        );
        stream.map("bids", (bid) => bid).to("a sink", testSink());
        stream.keyBy((bid) => bid.auction);
      });
    expect(build).toThrow(InvalidJobError);
    expect(build).toThrow(
      [
        'job "broken" has 5 problems:',
        '  - sink "a sink": this name cannot stand in Redis keys and file names; use 1 to 100 letters, digits, _ and -, starting with a letter or a digit',
        '  - 2 parts of the job are named "bids" (source "bids", map "bids"); give each source, operator and sink a name of its own',
        '  - source "bids": there is no option "outOfOrdernes"; the options are timestamp, outOfOrderness, watermarks, idleAfter, alignment, parallelism, onError',
        '  - source "bids": parallelism is 0; give a whole number from 1 to 256',
        '  - nothing reads the keyBy of source "bids"; add reduce, aggregate, process or a window, or remove it',
      ].join("\n"),
    );
  });

  test("with one problem is that sentence, behind the name of the job", () => {
    expect(() => defineJob("empty", () => {})).toThrow(
      'job "empty": the job has no source; add one with job.source("name", ...) and end its stream in a sink with .to(...)',
    );
  });

  test("tells programs the code and the problems", () => {
    try {
      defineJob("empty", () => {});
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidJobError);
      const invalid = error as InvalidJobError;
      expect(invalid.code).toBe("INVALID_JOB");
      expect(invalid.retry).toBe("never");
      expect(invalid.has("EMPTY_JOB")).toBe(true);
      expect(invalid.has("CYCLE")).toBe(false);
    }
  });
});

describe("the build function", () => {
  test("must be a function", () => {
    expect(() => defineJob("x", untyped({}))).toThrow(/the second argument is no function/);
  });

  test("must not be async: what it adds later would be lost", () => {
    expect(() =>
      defineJob(
        "x",
        untyped(async () => {}),
      ),
    ).toThrow(/the build function is async/);
  });

  test("cannot be left and continued: a late call is refused", () => {
    let late: Stream<Bid> | undefined;
    defineJob("x", (job) => {
      late = bids(job);
      late.to("out", testSink());
    });
    expect(() => late?.map((bid) => bid)).toThrow(
      /a stateless was added after the build function had returned/,
    );
  });

  test("may throw an error of its own, which comes out as it is", () => {
    expect(() =>
      defineJob("x", (job) => {
        bids(job)
          .keyBy((bid) => bid.auction)
          .window(sliding("1s", "2s"));
      }),
    ).toThrow(/the slide of 2000 ms is longer/);
  });
});

describe("names", () => {
  test("the job's name is checked like all others", () => {
    const write = (job: JobBuilder): void => bids(job).to("out", testSink());
    expect(problemsOf(write, "my job")[0]).toMatchObject({ code: "INVALID_NAME", subject: "job" });
    expect(problemsOf(write, "")[0]).toMatchObject({ code: "MISSING_NAME", subject: "job" });
    expect(problemsOf(write, untyped(null))[0]).toMatchObject({ code: "MISSING_NAME" });
  });

  test.each([
    [
      "aggregate",
      (job: JobBuilder) =>
        bids(job)
          .keyBy((b) => b.auction)
          .aggregate(untyped(count()), untyped(undefined)),
    ],
    [
      "reduce",
      (job: JobBuilder) =>
        bids(job)
          .keyBy((b) => b.auction)
          .reduce(untyped(""), (a) => a),
    ],
    [
      "process",
      (job: JobBuilder) =>
        bids(job)
          .keyBy((b) => b.auction)
          .process(untyped(undefined), { onRecord() {} }),
    ],
  ])("a stateful operator without a name is refused: %s", (kind, build) => {
    const problems = problemsOf((job) => (build(job) as Stream<unknown>).to("out", testSink()));
    expect(problems.find((problem) => problem.code === "MISSING_NAME")?.message).toContain(
      `give the name as the first argument, for example ${kind}("my-${kind}", ...)`,
    );
  });

  test.each(["", "a b", "ä", "-x", "a.b", "x".repeat(101)])("%j cannot be the name of a sink", (name) => {
    expect(["MISSING_NAME", "INVALID_NAME"]).toContain(
      problemOf((job) => bids(job).to(name, testSink())).code,
    );
  });

  test("derived names count per kind and step over names that are taken", () => {
    const job = defineJob("derived", (builder) => {
      bids(builder)
        .map("map-1", (bid) => bid)
        .map((bid) => bid)
        .flatMap((bid) => [bid])
        .filter(() => true, { name: "named" })
        .filter(() => true)
        .to("out", testSink());
    });
    const names = job.graph.nodes.map((node) => ("name" in node ? node.name : ""));
    expect(names).toEqual(["bids", "map-1", "map-2", "flat-map-1", "named", "filter-1", "out"]);
  });
});

describe("arguments", () => {
  const cases: readonly (readonly [JobProblemCode, string, (job: JobBuilder) => void])[] = [
    ["INVALID_SOURCE", "source", (job) => job.source("s", untyped([1, 2])).to("out", testSink())],
    ["INVALID_SOURCE", "no source", (job) => job.source("s", untyped(undefined)).to("out", testSink())],
    ["INVALID_SINK", "sink", (job) => bids(job).to("out", untyped(console.log))],
    ["INVALID_FUNCTION", "map", (job) => bids(job).map(untyped(5)).to("out", testSink())],
    [
      "INVALID_FUNCTION",
      "async map",
      (job) =>
        bids(job)
          .map("m", async (bid) => bid)
          .to("out", testSink<unknown>()),
    ],
    [
      "INVALID_FUNCTION",
      "generator filter",
      (job) =>
        bids(job)
          .filter(untyped(function* () {}))
          .to("out", testSink()),
    ],
    [
      "INVALID_FUNCTION",
      "key",
      (job) => bids(job).keyBy(untyped("auction")).aggregate("a", count()).to("out", testSink()),
    ],
    [
      "INVALID_FUNCTION",
      "reduce",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .reduce("r", untyped("sum"))
          .to("out", testSink()),
    ],
    [
      "INVALID_FUNCTION",
      "window reduce",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .window(tumbling(1).processingTime())
          .reduce("r", untyped(1))
          .to("out", testSink()),
    ],
    [
      "INVALID_FUNCTION",
      "timestamp",
      (job) => job.source("s", testSource(), untyped({ timestamp: "at" })).to("out", testSink()),
    ],
    [
      "INVALID_AGGREGATE",
      "aggregate",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .aggregate("a", untyped(count))
          .to("out", testSink()),
    ],
    [
      "INVALID_WINDOW",
      "window",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .window(untyped("1m"))
          .aggregate("a", count())
          .to("out", testSink()),
    ],
    [
      "INVALID_DEFINITION",
      "definition",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .process(
            "p",
            untyped(() => {}),
          )
          .to("out", testSink()),
    ],
    [
      "INVALID_DEFINITION",
      "part",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .process("p", untyped({ onRecord() {}, onTimers() {} }))
          .to("out", testSink()),
    ],
    [
      "INVALID_FUNCTION",
      "onRecord",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .process("p", untyped({ onRecord: async () => {} }))
          .to("out", testSink()),
    ],
    [
      "INVALID_STATE",
      "state",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .process("p", untyped({ state: { total: 0 }, onRecord() {} }))
          .to("out", testSink()),
    ],
    [
      "INVALID_STATE",
      "state name",
      (job) =>
        bids(job)
          .keyBy((b) => b.bidder)
          .process("p", { state: { "a:b": value<number>() }, onRecord() {} })
          .to("out", testSink()),
    ],
    [
      "INVALID_KEY_CODEC",
      "codec",
      (job) =>
        bids(job)
          .keyBy((b) => b, untyped({ keyCodec: JSON }))
          .aggregate("a", count())
          .to("out", testSink()),
    ],
    [
      "INVALID_SIDE_TAG",
      "tag",
      (job) => {
        const mapped = bids(job).map((bid) => bid);
        mapped.to("out", testSink());
        mapped.sideOutput(untyped("late")).to("side", testSink());
      },
    ],
    ["INVALID_STREAM", "union", (job) => bids(job).union(untyped([])).to("out", testSink())],
    [
      "INVALID_STREAM",
      "keyed union",
      (job) =>
        bids(job)
          .union(untyped(bids(job).keyBy((b) => b.auction)))
          .to("out", testSink()),
    ],
  ];
  test.each(cases)("%s: a wrong %s is named", (code, _what, build) => {
    expect(codesOf(build)).toContain(code);
  });

  test("a generator function is fine where an iterable is expected", () => {
    expect(
      problemsOf((job) =>
        bids(job)
          .flatMap(function* (bid) {
            yield bid;
          })
          .to("out", testSink()),
      ),
    ).toEqual([]);
  });
});

describe("options", () => {
  test.each([
    [
      "source",
      (job: JobBuilder) => job.source("s", testSource(), untyped({ watermark: 1 })).to("out", testSink()),
    ],
    [
      "map",
      (job: JobBuilder) =>
        bids(job)
          .map("m", (bid) => bid, untyped({ name: "n" }))
          .to("out", testSink()),
    ],
    [
      "keyBy",
      (job: JobBuilder) =>
        bids(job)
          .keyBy((b) => b.auction, untyped({ codec: 1 }))
          .aggregate("a", count())
          .to("out", testSink()),
    ],
    [
      "aggregate",
      (job: JobBuilder) =>
        bids(job)
          .keyBy((b) => b.auction)
          .aggregate("a", count(), untyped({ ttl: 1 }))
          .to("out", testSink()),
    ],
    ["sink", (job: JobBuilder) => bids(job).to("out", testSink(), untyped({ onError: "skip" }))],
  ])("an unknown option of %s is refused with the known ones", (_what, build) => {
    const problem = problemOf(build);
    expect(problem.code).toBe("UNKNOWN_OPTION");
    expect(problem.message).toMatch(/there is no option ".*"; the options? (are|is) /);
  });

  test.each([
    ["onError", { onError: "ignore" }, /option "onError" is "ignore"; give "fail", "skip" or "deadLetter"/],
    [
      "outOfOrderness",
      { ...timed, outOfOrderness: "5 minutes" },
      /option "outOfOrderness": "5 minutes" is not a duration/,
    ],
    ["outOfOrderness", { ...timed, outOfOrderness: -1 }, /must not be negative/],
    ["idleAfter", { ...timed, idleAfter: 0 }, /option "idleAfter": 0 must be longer than zero/],
    [
      "watermarks",
      { ...timed, watermarks: "monotonic" },
      /option "watermarks" is "monotonic"; give a strategy/,
    ],
    ["both", { ...timed, watermarks: monotonic(), outOfOrderness: 5 }, /give it or `watermarks`, not both/],
    [
      "alignment",
      { ...timed, alignment: "g" },
      /option "alignment": option "options" is "g"; give an object/,
    ],
    [
      "alignment",
      { ...timed, alignment: { group: "", maxDrift: 5 } },
      /"alignment.group" is ""; give a name/,
    ],
    [
      "alignment",
      { ...timed, alignment: { group: "g" } },
      /"alignment.maxDrift": undefined is of type undefined/,
    ],
    ["options", 7, /option "options" is 7; give an object with/],
  ])("%s: a value that means nothing is refused", (_name, options, sentence) => {
    const problem = problemOf((job) =>
      job.source("s", testSource<Bid>(), untyped(options)).to("out", testSink()),
    );
    expect(problem.code).toBe("INVALID_OPTION");
    expect(problem.message).toMatch(sentence);
  });

  test("what only matters with timestamps is refused without them", () => {
    const problem = problemOf((job) =>
      job.source("s", testSource(), { outOfOrderness: "1s" }).to("out", testSink()),
    );
    expect(problem.message).toBe(
      'source "s": option "outOfOrderness" does nothing without timestamps; add the option `timestamp`, or remove it',
    );
  });

  test.each([0, 257, 1.5, Number.NaN, "2", -1])("a parallelism of %j is out of range", (parallelism) => {
    const problem = problemOf((job) =>
      bids(job)
        .map("m", (bid) => bid, { parallelism: untyped(parallelism) })
        .to("out", testSink()),
    );
    expect(problem.code).toBe("PARALLELISM_OUT_OF_RANGE");
    expect(problem.message).toMatch(/^map "m": parallelism is .*; give a whole number from 1 to 256$/);
  });

  test.each([1, 256])("a parallelism of %d is fine", (parallelism) => {
    expect(
      problemsOf((job) =>
        bids(job)
          .map("m", (bid) => bid, { parallelism })
          .to("out", testSink()),
      ),
    ).toEqual([]);
  });

  test("a source or a sink is not asked for more partitions than it can bear", () => {
    const problems = problemsOf((job) =>
      job
        .source("s", testSource({ maxParallelism: 2, description: "two files" }), { parallelism: 3 })
        .to("out", testSink({ maxParallelism: 1, description: "one file" }), { parallelism: 2 }),
    );
    expect(problems.map((problem) => problem.message)).toEqual([
      'source "s": parallelism is 3, but two files allows at most 2; lower it to 2 or leave the option out',
      'sink "out": parallelism is 2, but one file allows at most 1; lower it to 1 or leave the option out',
    ]);
  });
});

describe("structure", () => {
  test("a job without a sink is refused, and its open end named", () => {
    expect(problemsOf((job) => bids(job).map("m", (bid) => bid))).toEqual([
      {
        code: "NO_SINK",
        subject: "test",
        message: 'the job has no sink, so nobody would see its results; end a stream with .to("name", sink)',
      },
      {
        code: "UNREAD_STREAM",
        subject: 'map "m"',
        message:
          'nobody reads the records of the map "m"; end it in a sink with .to("name", sink), or remove it',
      },
    ]);
  });

  test("an operator of which only a side output is read is fine", () => {
    const tag = sideTag<string>("side");
    expect(
      problemsOf((job) =>
        bids(job)
          .map("m", (bid, context) => context.side(tag, bid.bidder))
          .sideOutput(tag)
          .to("out", testSink()),
      ),
    ).toEqual([]);
  });

  test("a stream of another job is refused", () => {
    let foreign: Stream<Bid> | undefined;
    defineJob("other", (job) => {
      foreign = bids(job);
      foreign.to("out", testSink());
    });
    const problem = problemOf((job) =>
      bids(job)
        .union(foreign as Stream<Bid>)
        .to("out", testSink()),
    );
    expect(problem).toEqual({
      code: "FOREIGN_STREAM",
      subject: 'source "bids"',
      message:
        'union of source "bids" and source "bids" reads source "bids" of job "other", whose records never come here; ' +
        "define the source inside this job, or send the records through a sink of the other job and a source of this one",
    });
  });

  test("a cycle in a graph that was put together by other means is found", () => {
    const owner = { job: "loop" };
    const loop: { -readonly [Name in keyof StreamNode]: StreamNode[Name] } & { input?: StreamNode } = {
      ...createStatelessNode(owner, "map", "a", untyped(undefined), (record: never) => record, undefined),
    };
    const b = createStatelessNode(
      owner,
      "map",
      "b",
      loop as StreamNode,
      (record: never) => record,
      undefined,
    );
    loop.input = b;
    const graph: LogicalGraph = { job: "loop", owner, nodes: [loop as StreamNode, b] };
    const cycles = findProblems(graph).filter((problem) => problem.code === "CYCLE");
    expect(cycles.map((problem) => problem.message)).toEqual([
      'records would run in a circle: map "a" reads map "b" reads map "a"; let the last one read something else: a job has no loops',
    ]);
  });

  test("the same stream twice in a union is refused, also through another union", () => {
    const problem = problemOf((job) => {
      const a = bids(job);
      const b = a.filter("b", () => true);
      a.union(b.union(a)).to("out", testSink());
    });
    expect(problem.code).toBe("REPEATED_UNION_INPUT");
    expect(problem.subject).toBe('source "bids"');
  });

  test("rebalance and broadcast that contradict each other or a keyBy are refused", () => {
    expect(codesOf((job) => bids(job).rebalance().broadcast().to("out", testSink()))).toEqual([
      "REPEATED_ROUTING",
    ]);
    expect(
      codesOf((job) =>
        bids(job)
          .broadcast()
          .keyBy((bid) => bid.auction)
          .aggregate("a", count())
          .to("out", testSink()),
      ),
    ).toEqual(["BROADCAST_BEFORE_KEY_BY"]);
  });
});

describe("event time", () => {
  const windowed = (job: JobBuilder, options: object, facts = {}): void =>
    job
      .source("bids", testSource<Bid>(facts), options)
      .keyBy((bid) => bid.auction)
      .window(tumbling("1m"))
      .aggregate("total", count())
      .to("out", testSink());

  test("a window over a source without timestamps is refused", () => {
    expect(problemOf((job) => windowed(job, {}))).toEqual({
      code: "WINDOW_WITHOUT_TIMESTAMPS",
      subject: "total",
      message:
        'window "total" waits for event time, but source "bids" has no timestamps, so it would never close; ' +
        "give the source a `timestamp` option, for example { timestamp: (record) => record.at }, or its records one with assignTimestamps, or use a window with .processingTime()",
    });
  });

  test("state that grows old in event time is refused over a source without timestamps: it would never go", () => {
    const tracking = (job: JobBuilder, options: object): void =>
      job
        .source("bids", testSource<Bid>(), options)
        .keyBy((bid) => bid.auction)
        .process("track", {
          state: {
            seen: value<number>({ ttl: { after: "1h", time: "event" } }),
            all: aggregating(count(), { ttl: "1h" }),
          },
          onRecord() {},
        })
        .to("out", testSink());
    expect(problemOf((job) => tracking(job, {}))).toEqual({
      code: "INVALID_STATE",
      subject: "track",
      message:
        'process "track": state "seen" has a time to live in event time, but source "bids" has no timestamps, so it would be kept for ever; ' +
        "give the source a `timestamp` option or its records one with assignTimestamps, or let it grow old in processing time",
    });
    expect(problemsOf((job) => tracking(job, timed))).toEqual([]);
  });

  test("assignTimestamps gives event time to what stands behind it, and to nothing else", () => {
    const branches = (job: JobBuilder, before: boolean): void => {
      const bids = job.source("bids", testSource<Bid>(), { idleAfter: "1m" });
      const timed = bids.assignTimestamps("times", { timestamp: (bid) => bid.at, outOfOrderness: "5s" });
      (before ? bids : timed)
        .keyBy((bid) => bid.auction)
        .window(tumbling("1m"))
        .aggregate("total", count())
        .to("out", testSink());
      timed.to("timed", testSink());
    };
    expect(problemsOf((job) => branches(job, false))).toEqual([]);
    expect(problemsOf((job) => branches(job, true)).map((problem) => problem.code)).toEqual([
      "WINDOW_WITHOUT_TIMESTAMPS",
    ]);
  });

  test.each<[string, unknown, string, RegExp]>([
    ["no options", undefined, "INVALID_FUNCTION", /option "timestamp" is undefined; give a function/],
    [
      "an async function",
      { timestamp: async () => 5 },
      "INVALID_FUNCTION",
      /is async, but its result is needed/,
    ],
    ["an unknown one", { timestamp: () => 5, idleAfter: "1s" }, "UNKNOWN_OPTION", /no option "idleAfter"/],
    [
      "both forms of disorder",
      { timestamp: () => 5, outOfOrderness: 1, watermarks: monotonic() },
      "INVALID_OPTION",
      /"outOfOrderness".*it or `watermarks`, not both/,
    ],
    [
      "no length of time",
      { timestamp: () => 5, outOfOrderness: -1 },
      "INVALID_OPTION",
      /-1 must not be negative/,
    ],
  ])("assignTimestamps with %s is refused", (_name, options, code, sentence) => {
    const problem = problemOf((job) =>
      job.source("bids", testSource<Bid>()).assignTimestamps("times", untyped(options)).to("out", testSink()),
    );
    expect(problem.code).toBe(code);
    expect(problem.message).toMatch(/^assignTimestamps "times"/);
    expect(problem.message).toMatch(sentence);
  });

  test("a timestamp option, or a source that brings timestamps itself, is enough", () => {
    expect(problemsOf((job) => windowed(job, timed))).toEqual([]);
    expect(problemsOf((job) => windowed(job, {}, { timestamped: true }))).toEqual([]);
  });

  test("a window over processing time needs none", () => {
    expect(
      problemsOf((job) =>
        bids(job)
          .keyBy((bid) => bid.auction)
          .window(tumbling("1m").processingTime())
          .aggregate("total", count())
          .to("out", testSink()),
      ),
    ).toEqual([]);
  });

  test("one source without timestamps in a union holds all windows back: it is the one that is named", () => {
    const problem = problemOf((job) =>
      job
        .source("with", testSource<Bid>(), timed)
        .union(job.source("without", testSource<Bid>()).map((bid) => bid))
        .keyBy((bid) => bid.auction)
        .window(tumbling("1m"))
        .reduce("best", (a) => a)
        .to("out", testSink()),
    );
    expect(problem.message).toContain('source "without" has no timestamps');
  });
});

describe("dead letters", () => {
  test("a policy without a reader is refused: records would vanish", () => {
    const problem = problemOf((job) =>
      bids(job)
        .map("m", (bid) => bid, { onError: "deadLetter" })
        .to("out", testSink()),
    );
    expect(problem.message).toBe(
      'map "m" sends dead letters that nobody reads; end its .deadLetters() in a sink, or choose onError "skip" to count and drop such records',
    );
  });

  test("a reader without the policy is refused: nothing would ever come", () => {
    const problem = problemOf((job) => {
      const source = job.source("bids", testSource<Bid>(), { onError: "skip" });
      source.to("out", testSink());
      source.deadLetters().to("letters", testSink());
    });
    expect(problem.message).toBe(
      'the dead letters of source "bids" are read but never sent, because its onError is "skip"; add the option { onError: "deadLetter" }',
    );
  });
});
