// What is wrong with a join is found when the job is described; what is right becomes a plan that says what it is.
import { describe, expect, test } from "vitest";
import type { CoGroupedWindows } from "../../src/dataflow/co-group.ts";
import { defineJob, type JobBuilder } from "../../src/dataflow/job.ts";
import { InvalidJobError, type JobProblem } from "../../src/dataflow/job-problem.ts";
import type { JoinTtlOptions } from "../../src/dataflow/joins.ts";
import type { KeyedStream } from "../../src/dataflow/keyed-stream.ts";
import { evictors, triggers } from "../../src/operators/triggers.ts";
import { list, map, value } from "../../src/state/descriptors.ts";
import type { Duration } from "../../src/time/duration.ts";
import { tumbling } from "../../src/time/windows.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

type Keyed = KeyedStream<number, Bid>;

const keyOf = (bid: Bid): number => bid.auction;
const pair = (left: unknown, right: unknown): readonly unknown[] => [left, right];

function problemsOf(build: (job: JobBuilder) => void): readonly JobProblem[] {
  try {
    defineJob("test", build);
  } catch (error) {
    if (error instanceof InvalidJobError) return error.problems;
    throw error;
  }
  return [];
}

/** A job with two keyed streams and what `build` makes of them. */
function withTwo(build: (left: Keyed, right: Keyed, job: JobBuilder) => { to: Keyed | unknown } | unknown) {
  return (job: JobBuilder): void => {
    const time = { timestamp: (bid: Bid) => bid.at };
    const left = job.source("left", testSource<Bid>(), time).keyBy(keyOf);
    const right = job.source("right", testSource<Bid>(), time).keyBy(keyOf);
    const result = build(left, right, job) as { to(name: string, sink: unknown): void };
    result.to("out", testSink());
  };
}

const messages = (build: Parameters<typeof withTwo>[0]): readonly string[] =>
  problemsOf(withTwo(build)).map(({ code, message }) => `${code}: ${message}`);

describe("joins", () => {
  test("bounds, kinds, functions and unknown options are judged together, in one sentence each", () => {
    const join = (options: object, fn: unknown = pair) =>
      messages((left, right) => left.intervalJoin("near", right, options as never, fn as never));
    expect(join({ lower: 0, upper: "1s" })).toEqual([]);
    expect(join({ lower: "5 minutes", upper: 0 })[0]).toMatch(
      /^INVALID_OPTION: intervalJoin "near": option "lower": "5 minutes" is not a duration/,
    );
    expect(join({ upper: 0 })[0]).toMatch(/^INVALID_OPTION: intervalJoin "near": option "lower": undefined/);
    expect(join({ lower: 5 as Duration, upper: 4 })).toEqual([
      'INVALID_OPTION: intervalJoin "near": option "upper" is 4; give a bound that leaves a time at or after the lower one',
    ]);
    expect(join({ lower: 5, upper: 5, upperExclusive: true })).toHaveLength(1);
    expect(join({ lower: 5, upper: 5, lowerExclusive: true })).toHaveLength(1);
    expect(join({ lower: 0, upper: Number.MAX_SAFE_INTEGER })).toEqual([
      'INVALID_OPTION: intervalJoin "near": option "upper" is 9007199254740991; give a bound of less than 35,000 years; where any two rows meet, use join instead',
    ]);
    expect(join({ lower: 0, upper: 0, kind: "outer" })).toEqual([
      'INVALID_OPTION: intervalJoin "near": option "kind" is "outer"; give "inner", "left", "right" or "full"',
    ]);
    expect(join({ lower: 0, upper: 0, lowerExclusive: "yes" })[0]).toContain("give true or false");
    expect(join({ lower: 0, upper: 0, within: 3 })).toEqual([
      'UNKNOWN_OPTION: intervalJoin "near": there is no option "within"; the options are lower, upper, kind, lowerExclusive, upperExclusive',
    ]);
    expect(join({ lower: 0, upper: 0, kind: 3 }, async () => 1)).toHaveLength(2);
  });

  test("a time to live of a join is judged, and is part of its plan; in event time it needs timestamps", () => {
    const join = (ttl: unknown): readonly string[] =>
      messages((left, right) => left.join("j", right, { ttl } as never, pair));
    expect(join("1h")).toEqual([]);
    expect(join({ after: "1h", time: "event" })).toEqual([]);
    expect(join("soon")[0]).toMatch(/^INVALID_OPTION: join "j": option "ttl": "soon" is not a duration/);
    expect(join(0)[0]).toContain("longer than zero");
    expect(join({ after: "1h", time: "wall" })).toEqual([
      'INVALID_OPTION: join "j", ttl: option "time" is "wall"; give "processing" or "event"',
    ]);
    expect(join({ after: "1h", update: "onWrite" })[0]).toMatch(/^UNKNOWN_OPTION: join "j", ttl: /);
    const hashOf = (ttl: Duration | JoinTtlOptions | undefined): string =>
      defineJob(
        "test",
        withTwo((left, right) => left.join("j", right, { ttl }, pair)),
      ).plan({ parallelism: 1 }).hash;
    // How long may change while rows live; whether, and in which time, may not.
    expect(hashOf("1h")).toBe(hashOf({ after: "2h" }));
    expect(new Set([hashOf("1h"), hashOf(undefined), hashOf({ after: "1h", time: "event" })]).size).toBe(3);
    const timeless = problemsOf((job) => {
      const [left, right] = ["a", "b"].map((name) => job.source(name, testSource<Bid>()).keyBy(keyOf));
      (left as Keyed)
        .join("j", right as Keyed, { ttl: { after: 5, time: "event" } }, pair)
        .to("out", testSink());
    });
    expect(timeless.map(({ code }) => code)).toEqual([
      "WINDOW_WITHOUT_TIMESTAMPS",
      "WINDOW_WITHOUT_TIMESTAMPS",
    ]);
  });

  test("kinds and functions of the other joins are judged, too", () => {
    const of = (build: Parameters<typeof withTwo>[0]) => messages(build)[0];
    const wrong = { kind: "right" } as never;
    expect(of((left, right) => left.temporalJoin("t", right, wrong, pair))).toBe(
      'INVALID_OPTION: temporalJoin "t": option "kind" is "right"; give "inner" or "left"',
    );
    expect(of((left, right) => left.joinLatest("l", right, {}, 5 as never))).toMatch(
      /^INVALID_FUNCTION: joinLatest "l": its function is 5; give a function, for example \(record, row\) =>/,
    );
    expect(of((left, right) => left.join("j", right, { kind: "outer" } as never, pair))).toContain(
      'give "inner", "left", "right", "full", "semi" or "anti"',
    );
    expect(of((left, right) => left.join("j", right, { leftKey: "id" } as never, pair))).toContain(
      'INVALID_FUNCTION: join "j": option "leftKey" is "id"',
    );
    expect(
      of((left, right) => left.coGroup(right).window(tumbling(5)).join("w", wrong, pair)),
    ).toBeUndefined();
    expect(
      of((left, right) =>
        left
          .coGroup(right)
          .window(tumbling(5))
          .join("w", { kind: "semi" } as never, pair),
      ),
    ).toContain('join "w": option "kind" is "semi"');
    expect(
      of((left, right) =>
        left
          .coGroup(right)
          .window(5 as never)
          .apply("w", () => []),
      ),
    ).toMatch(/^INVALID_WINDOW: window "w" is given 5/);
    expect(of((left, right) => left.join("", right, {}, pair))).toMatch(
      /^MISSING_NAME: a join has "" where its name belongs/,
    );
  });

  test("a join over event time is refused when a source has none", () => {
    const problems = problemsOf((job) => {
      const left = job.source("left", testSource<Bid>(), { timestamp: (bid) => bid.at }).keyBy(keyOf);
      const right = job.source("right", testSource<Bid>()).keyBy(keyOf);
      left.intervalJoin("near", right, { lower: 0, upper: 1 }, pair).to("a", testSink());
      left.temporalJoin("valid", right, {}, pair).to("b", testSink());
      left.join("all", right, {}, pair).to("c", testSink());
      left.joinLatest("latest", right, {}, pair).to("d", testSink());
    });
    expect(problems.map(({ code, subject }) => [code, subject])).toEqual([
      ["WINDOW_WITHOUT_TIMESTAMPS", "near"],
      ["WINDOW_WITHOUT_TIMESTAMPS", "valid"],
    ]);
    expect(problems[0]?.message).toContain(
      'intervalJoin "near" waits for event time, but source "right" has no timestamps',
    );
  });

  test("both keyBys must have the same codec object", () => {
    const keyCodec = { encode: String, decode: Number };
    const problems = (left: object, right: object) =>
      problemsOf((job) => {
        const [a, b] = ["a", "b"].map((name) => job.source(name, testSource<Bid>()));
        a?.keyBy(keyOf, left as never)
          .join("all", b?.keyBy(keyOf, right as never) as Keyed, {}, pair)
          .to("out", testSink());
      });
    expect(problems({ keyCodec }, { keyCodec })).toEqual([]);
    for (const [left, right] of [
      [{ keyCodec }, {}],
      [{}, { keyCodec }],
      [{ keyCodec }, { keyCodec: { ...keyCodec } }],
    ] as const)
      expect(problems(left, right).map(({ message }) => message)).toEqual([
        'join joins keyBy of source "a" and keyBy of source "b", but they do not have the same keyCodec, so equal keys might not meet; ' +
          "give both the same codec object, or neither of them one",
      ]);
  });

  test("what is no keyed stream is named, with what it is", () => {
    expect(messages((left) => left.join("all", [1] as never, {}, pair))[0]).toBe(
      "INVALID_STREAM: join takes the other stream behind a keyBy of its own, but got an array; call keyBy on it first",
    );
    expect(
      messages((left, _right, job) =>
        left
          .connect(job.source("plain", testSource()) as never)
          .process("p", { onFirst() {}, onSecond() {} }),
      ).map((message) => message.slice(0, 80)),
    ).toContain("INVALID_STREAM: connect takes the other stream behind a keyBy of its own, but go");
    const problems = problemsOf((job) => {
      const own = job.source("own", testSource<Bid>()).keyBy(keyOf);
      let foreign: Keyed | undefined;
      problemsOf((other) => {
        foreign = other.source("theirs", testSource<Bid>()).keyBy(keyOf);
      });
      own.join("all", foreign as Keyed, {}, pair).to("out", testSink());
    });
    expect(problems.map(({ code }) => code)).toEqual(["FOREIGN_STREAM"]);
  });
});

describe("connect", () => {
  test("definitions of both forms are judged part by part", () => {
    expect(
      messages((left, right) => left.connect(right).process("p", { onRecord() {}, onFirst: 1 } as never)),
    ).toEqual([
      expect.stringMatching(/^INVALID_DEFINITION: connect "p" has no use for "onRecord"/),
      expect.stringMatching(/^INVALID_FUNCTION: connect "p": onFirst is 1; give a function/),
      expect.stringMatching(/^INVALID_FUNCTION: connect "p": onSecond is undefined/),
    ]);
    expect(messages((left, right) => left.connect(right).process("p", undefined as never))[0]).toContain(
      "give { onFirst(record, context) { ... } }",
    );
    const broadcast = (definition: object) =>
      messages((left, _right, job) =>
        left.connect(job.source("rules", testSource<Bid>()).broadcast()).process("p", {
          onRecord() {},
          onBroadcast() {},
          ...definition,
        } as never),
      ).filter((message) => !message.startsWith("UNREAD_STREAM"));
    expect(broadcast({ broadcast: { rules: map(), last: value() } })).toEqual([]);
    expect(broadcast({})).toEqual([
      'INVALID_STATE: connect "p" has undefined for its broadcast state; give { rules: map() }',
    ]);
    expect(
      broadcast({
        broadcast: { rules: list(), old: map({ ttl: "1h" }), both: map(), "my rules": map() },
        state: { both: value() },
      }),
    ).toEqual([
      'INVALID_STATE: connect "p" declares broadcast state "rules" as "list"; give map() or value()',
      'INVALID_STATE: connect "p" gives broadcast state "old" a time to live; let a broadcast record remove what is not needed',
      'INVALID_STATE: connect "p" has a state and a broadcast state named "both"; give them different names',
      'INVALID_STATE: connect "p" has a broadcast state named "my rules"; use 1 to 100 letters, digits, _ and -, starting with a letter or a digit',
    ]);
  });
});

describe("a plan with joins", () => {
  test("coGroup passes every setting of its windows on, as it does to no other window", () => {
    const settings: Readonly<
      Record<string, (windows: CoGroupedWindows<number, Bid, Bid>) => typeof windows>
    > = {
      none: (windows) => windows,
      trigger: (windows) => windows.trigger(triggers.count(3)),
      evict: (windows) => windows.evict(evictors.count(2)),
      lateness: (windows) => windows.allowedLateness("5s"),
      discarding: (windows) => windows.discarding(),
      accumulating: (windows) => windows.discarding().accumulating(),
    };
    const job = defineJob("test", (builder) => {
      const time = { timestamp: (bid: Bid) => bid.at };
      const left = builder.source("left", testSource<Bid>(), time).keyBy(keyOf);
      const right = builder.source("right", testSource<Bid>(), time).keyBy(keyOf);
      for (const [name, change] of Object.entries(settings)) {
        const windows = change(left.coGroup(right).window(tumbling("1m")));
        windows.apply(name, () => []).to(`${name}-out`, testSink());
      }
    });
    const kinds = new Map<string, string>();
    for (const { operators } of job.plan({ parallelism: 1 }).stages)
      for (const operator of operators)
        if (operator.type === "keyed") kinds.set(operator.name, operator.kind);
    expect(kinds.get("trigger")).toContain("every 3 records");
    expect(kinds.get("evict")).toContain("evict");
    expect(kinds.get("lateness")).toContain("5s");
    expect(kinds.get("discarding")).toContain("discarding");
    expect(kinds.get("accumulating")).toBe(kinds.get("none"));
  });

  test("names kinds, bounds and keys, since another one needs other state", () => {
    const job = defineJob("test", (builder) => {
      const time = { timestamp: (bid: Bid) => bid.at };
      const left = builder.source("left", testSource<Bid>(), time).keyBy(keyOf);
      const right = builder.source("right", testSource<Bid>(), time).keyBy(keyOf);
      left.intervalJoin("a", right, { lower: "-5m", upper: "10s", kind: "full" }, pair).to("oa", testSink());
      left.temporalJoin("b", right, { kind: "left" }, pair).to("ob", testSink());
      left.joinLatest("c", right, {}, pair).to("oc", testSink());
      left.join("d", right, { kind: "anti" }, pair).to("od", testSink());
      left.join("e", right, { leftKey: (row) => row.bidder }, pair).to("oe", testSink());
      left
        .coGroup(right)
        .window(tumbling("1m"))
        .apply("f", () => [])
        .to("of", testSink());
      left
        .connect(right)
        .process("g", { state: { n: value() }, onFirst() {}, onSecond() {} })
        .to("og", testSink());
    });
    const operators = job.plan({ parallelism: 2 }).stages.flatMap((stage) => stage.operators);
    const kinds = operators
      .filter(({ type }) => type === "keyed")
      .map(({ name, kind }) => `${name}: ${kind}`);
    expect(kinds).toEqual([
      "a: full interval join from -5m to 10s",
      "b: left temporal join",
      "c: inner join with the latest row",
      "d: anti join, emits changes",
      "e: inner join, left rows by key, emits changes",
      expect.stringMatching(/^f: tumbling window of 1m/),
      "g: connected process",
    ]);
  });
});
