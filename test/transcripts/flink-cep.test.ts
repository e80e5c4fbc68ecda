// Published expectations of Flink's pattern matching, run against ours. The cases are inputs and expected matches only;
// flink-cep.json names the test of apache/flink (release 1.11, those with a limit of time from 1.16) that each restates.
//
//   records    [label, name, price, volume?]          input    label@timestamp, in order
//   pattern    the calls in order, an array for a group: [call, ...calls of the group]
//   matches    the labels of a match, sorted          timedOut the same, with the time at which it was over
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pattern } from "../../src/dataflow/pattern.ts";
import { TIMED_OUT_TAG, type TimedOutMatch } from "../../src/operators/pattern/pattern-definition.ts";
import { patternOperator } from "../../src/operators/pattern/pattern-operator.ts";
import {
  noSkip,
  type SkipStrategy,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
} from "../../src/operators/pattern/skip-strategy.ts";
import type { PatternShape } from "../../src/operators/pattern/stage.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";

type Step = string | readonly [string, ...Step[]];

interface Case {
  readonly test: string;
  readonly pattern: readonly Step[];
  readonly skip?: string;
  readonly records: readonly (readonly [label: string, name: string, price: number, volume?: number])[];
  readonly input: string;
  readonly matches: readonly string[];
  readonly timedOut?: readonly string[];
}

interface Event {
  readonly label: string;
  readonly name: string;
  readonly price: number;
  readonly volume: number | undefined;
}

type Taken = Readonly<Record<string, readonly Event[]>>;
type Test = (event: Event, taken: Taken) => boolean;
// biome-ignore lint/suspicious/noExplicitAny: the calls of a case are data, so their types cannot be known
type AnyPattern = any;

const { cases } = JSON.parse(readFileSync(new URL("./flink-cep.json", import.meta.url), "utf8")) as {
  cases: Case[];
};

const sum = (events: readonly Event[] = []): number => events.reduce((total, { price }) => total + price, 0);

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "=": (a, b) => a === b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
};

/** `name=a`, `name*a` (contains), `name^a` (begins), `price>5`, `volume`, `sum(stage)+price<5`, `count(stage)=3`. */
function term(text: string): Test {
  const name = /^name([=*^])(.+)$/.exec(text);
  if (name !== null) {
    const [, sign, wanted] = name as unknown as [string, string, string];
    if (sign === "=") return (event) => event.name === wanted;
    return sign === "*" ? (event) => event.name.includes(wanted) : (event) => event.name.startsWith(wanted);
  }
  if (text === "volume") return (event) => event.volume !== undefined;
  const [, left, sign, right] = /^(.+?)(<=|>=|[<>=])(.+)$/.exec(text) as unknown as [
    string,
    string,
    string,
    string,
  ];
  const compare = COMPARE[sign] as (a: number, b: number) => boolean;
  return (event, taken) => compare(value(left, event, taken), value(right, event, taken));
}

function value(text: string, event: Event, taken: Taken): number {
  if (text.endsWith("+price")) return value(text.slice(0, -6), event, taken) + event.price;
  const call = /^(sum|count|first)\((.+)\)$/.exec(text);
  if (call !== null) {
    const events = taken[call[2] as string] ?? [];
    if (call[1] === "sum") return sum(events);
    return call[1] === "count" ? events.length : (events[0]?.price ?? Number.NaN);
  }
  if (text === "price") return event.price;
  return text === "volume" ? (event.volume ?? Number.NaN) : Number(text);
}

function condition(text: string): Test {
  const [sign, every] = text.includes(" | ") ? ([" | ", false] as const) : ([" & ", true] as const);
  const terms = text.split(sign).map(term);
  return (event, taken) =>
    every ? terms.every((one) => one(event, taken)) : terms.some((one) => one(event, taken));
}

function build(steps: readonly Step[]): AnyPattern {
  let built: AnyPattern = pattern<Event>();
  for (const step of steps) {
    if (typeof step !== "string") {
      const [call, ...group] = step;
      built = built[call](build(group));
      continue;
    }
    const [call, ...rest] = step.split(" ") as [string, ...string[]];
    if (call === "where" || call === "or" || call === "until") built = built[call](condition(rest.join(" ")));
    else if (call === "withinPrevious") built = built.within(Number(rest[0]), { since: "previous" });
    else built = built[call](...rest.map((text) => (/^\d+$/.test(text) ? Number(text) : text)));
  }
  return built;
}

const SKIPS: Readonly<Record<string, (name: string) => SkipStrategy>> = {
  noSkip,
  skipToNext,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
};

const labels = (taken: Taken): string =>
  Object.values(taken)
    .flat()
    .map(({ label }) => label)
    .sort()
    .join(" ");

function run(one: Case): { matches: string[]; timedOut: string[] } {
  let built = build(one.pattern);
  if (one.skip !== undefined) {
    const [kind, name] = one.skip.split(" ") as [string, string];
    built = built.afterMatch(SKIPS[kind]?.(name));
  }
  const harness = new KeyedHarness(
    patternOperator({
      shape: built.shape as PatternShape,
      time: "event",
      codec: undefined,
      select: (match) => labels(match as Taken),
      decodeKey: undefined,
    }),
    { sides: [TIMED_OUT_TAG] },
  );
  const events = new Map(
    one.records.map(([label, name, price, volume]) => [
      label,
      { label, name, price, volume } satisfies Event,
    ]),
  );
  let last = 0;
  for (const item of one.input.split(" ")) {
    const [label, at] = item.split("@") as [string, string];
    last = Number(at);
    harness.records(["key", events.get(label), last]);
  }
  harness.advance(last);
  return {
    matches: (harness.emitted() as string[]).sort(),
    timedOut: (harness.emitted(TIMED_OUT_TAG) as TimedOutMatch<Taken>[])
      .map(({ captures, timestamp }) => `${labels(captures)}@${timestamp}`)
      .sort(),
  };
}

describe("pattern matching as published by Flink", () => {
  test("restates at least 120 cases", () => {
    expect(cases.length).toBeGreaterThanOrEqual(120);
    expect(new Set(cases.map((one) => one.test)).size).toBe(cases.length);
  });

  test.each(cases.map((one) => [one.test, one] as const))("%s", (_, one) => {
    const { matches, timedOut } = run(one);
    expect(matches).toEqual([...one.matches].sort());
    if (one.timedOut !== undefined) expect(timedOut).toEqual([...one.timedOut].sort());
  });
});
