import { describe, expect, test } from "vitest";
import {
  collect,
  collection,
  connect,
  defineJob,
  type InvalidJobError,
  InvalidPatternError,
  type Pattern,
  pattern,
  skipPastLastEvent,
  skipToFirst,
} from "../../src/index.ts";

interface Login {
  readonly user: string;
  readonly ok: boolean;
  readonly at: number;
}

const failed = pattern<Login>().begin("failed", (login) => !login.ok);
// biome-ignore lint/suspicious/noExplicitAny: calls that the compiler refuses are made here
const any = failed as any;

describe("pattern", () => {
  test.each<[string, () => unknown, RegExp]>([
    ["a name twice", () => any.next("failed"), /two stages are named "failed"/],
    ["a name twice, in a group", () => any.next(pattern().begin("failed")), /two stages are named "failed"/],
    ["the name of an absence", () => failed.notNext("x").next("x"), /two stages are named "x"/],
    ["no name", () => any.next(""), /give a text, or a pattern for a group/],
    ["no function", () => any.next("b", "b"), /condition of stage "b" is no plain function/],
    ["an async condition", () => any.next("b", async () => true), /no plain function/],
    ["a number of times twice", () => failed.times(2).oneOrMore(), /one number of times/],
    ["a part of a time", () => failed.times(1.5), /cannot come 1.5 times/],
    ["a range backwards", () => failed.times(3, 2), /cannot come 2 times/],
    ["timesOrMore(0)", () => failed.timesOrMore(0), /at least 1/],
    ["times(0)", () => failed.times(0), /at least 1/],
    ["optional twice", () => failed.optional().optional(), /optional\(\) stands twice/],
    ["greedy on a single stage", () => failed.greedy(), /greedy\(\) is for stages that repeat/],
    ["greedy combinations", () => failed.oneOrMore().allowCombinations().greedy(), /contradict/],
    ["combinations of greedy", () => failed.oneOrMore().greedy().allowCombinations(), /contradict/],
    ["greedy groups", () => pattern<Login>().begin(failed).oneOrMore().greedy(), /not for groups/],
    ["consecutive on a single stage", () => failed.consecutive(), /is for stages that repeat/],
    ["consecutive combinations", () => failed.times(2).consecutive().allowCombinations(), /one of/],
    ["until without a loop", () => failed.times(3).until(() => true), /until\(\) is for loops/],
    [
      "until twice",
      () =>
        failed
          .oneOrMore()
          .until(() => true)
          .until(() => true),
      /until\(\) stands twice/,
    ],
    ["quantifiers on an absence", () => any.notNext("x").oneOrMore(), /of which there must be none/],
    [
      "a condition on a group",
      () =>
        pattern<Login>()
          .begin(failed)
          .where(() => true),
      /a group has no condition/,
    ],
    ["within in a group", () => pattern<Login>().begin(failed.within("1s")), /about whole matches/],
    [
      "skips in a group",
      () => pattern<Login>().begin(failed.afterMatch(skipPastLastEvent())),
      /about whole matches/,
    ],
    [
      "within since previous on a group",
      () => pattern<Login>().begin(failed).within(5, { since: "previous" }),
      /is for stages/,
    ],
    [
      "within since previous on the first",
      () => failed.within(5, { since: "previous" }),
      /has none before it/,
    ],
    ["within since never", () => any.within(5, { since: "never" }), /give "first" or "previous"/],
    ["a skip to nowhere", () => any.afterMatch(skipToFirst("b")), /names the stage "b", which is not there/],
    [
      "a repeated group that can be empty",
      () => pattern<Login>().begin(failed.optional()).oneOrMore(),
      /not optional/,
    ],
  ])("refuses %s", (_, build, message) => {
    expect(build).toThrow(InvalidPatternError);
    expect(build).toThrow(message);
  });

  test("a limit of time is longer than nothing", () => {
    expect(() => failed.within(0)).toThrow(/pattern within: 0 must be longer than zero/);
  });

  test("never changes: a call gives another pattern", () => {
    const before = JSON.stringify(failed.shape);
    failed.times(3).consecutive().next("ok").within("1m");
    expect(JSON.stringify(failed.shape)).toBe(before);
  });

  test("the shortest of several limits counts", () => {
    expect(failed.within("1m").within("10s").within("20s").shape.withinMs).toBe(10_000);
  });

  const problemOf = (what: unknown, select: unknown = () => 1, options?: unknown): string => {
    try {
      defineJob("wrong", (job) => {
        job
          .source("logins", collection<Login>([]), { timestamp: ({ at }) => at })
          .keyBy(({ user }) => user)
          .pattern(
            "p",
            what as Pattern<Login, Record<never, never>, never>,
            select as () => number,
            options as object,
          )
          .to("out", collect());
      });
    } catch (error) {
      return (error as InvalidJobError).message;
    }
    return "";
  };

  test("what is wrong with its use is said when the job is written", () => {
    expect(problemOf(failed)).toBe("");
    expect(problemOf("failed")).toMatch(/pattern "p".*give one made by pattern/);
    expect(problemOf(failed, "x")).toMatch(/give a plain one/);
    expect(problemOf(failed, async () => 1)).toMatch(/give a plain one/);
    expect(problemOf(failed, undefined, { time: "wall" })).toMatch(/give "event" or "processing"/);
    expect(problemOf(failed.notFollowedBy("ok"))).toMatch(/add \.within\(\.\.\.\)/);
    expect(problemOf(failed.times(20_000))).toMatch(/more than 10000 places/);
    expect(problemOf(failed, undefined, { time: "event", speed: 1 })).toMatch(/speed/);
  });

  test("a source without timestamps above a pattern in event time is refused", () => {
    const write = (time: "event" | "processing"): unknown =>
      defineJob("timeless", (job) => {
        job
          .source("logins", collection<Login>([]))
          .keyBy(({ user }) => user)
          .pattern("p", failed, () => 1, { time })
          .to("out", collect());
      });
    expect(() => write("event")).toThrow(/timestamp/);
    expect(() => write("processing")).not.toThrow();
  });

  test("what a pattern says is part of the plan", () => {
    const hashOf = (what: Pattern<Login, { readonly failed: readonly Login[] }, "failed">): string =>
      defineJob("job", (job) => {
        job
          .source("logins", collection<Login>([]), { timestamp: ({ at }) => at })
          .keyBy(({ user }) => user)
          .pattern("p", what, () => 1)
          .to("out", collect());
      }).plan({ parallelism: 1 }).hash;
    expect(hashOf(failed.times(2))).not.toBe(hashOf(failed.times(3)));
    expect(hashOf(failed.times(2))).toBe(hashOf(failed.times(2)));
  });

  test("runs in a job: matches, timed-out partial matches, decoded keys", async () => {
    const logins: Login[] = [
      { user: "eve", ok: false, at: 1_000 },
      { user: "bob", ok: false, at: 1_500 },
      { user: "eve", ok: false, at: 2_000 },
      { user: "eve", ok: true, at: 3_000 },
      { user: "bob", ok: true, at: 90_000 },
    ];
    const attack = failed
      .times(2)
      .consecutive()
      .next("ok", (login, { failed: before }) => login.ok && before.length === 2)
      .within("1m");
    const found = collect<string>();
    const timedOut = collect<string>();
    const job = defineJob("attacks", (job) => {
      const attacks = job
        .source("logins", collection(logins), { timestamp: ({ at }) => at })
        .keyBy(({ user }) => ({ user }), {
          keyCodec: { encode: ({ user }) => user, decode: (user) => ({ user }) },
        })
        .pattern(
          "attack",
          attack,
          (match, { key, timestamp }) => `${key.user} ${match.ok[0].at} ${timestamp}`,
        );
      attacks.to("found", found);
      attacks
        .timedOut()
        .map(({ captures }) => captures.failed.map(({ user, at }) => `${user} ${at}`).join(", "))
        .to("timed-out", timedOut);
      attacks.late().to("late", collect());
    });
    const weir = await connect();
    const run = await weir.run(job, { parallelism: 2 });
    await run.finished;
    await weir.close();
    expect(found.results).toEqual(["eve 3000 3000"]);
    expect([...timedOut.results].sort()).toEqual(["bob 1500"]);
  });
});
