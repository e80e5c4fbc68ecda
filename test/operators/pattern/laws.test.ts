import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatch, MAX_WATERMARK, MIN_WATERMARK } from "../../../src/core/batch.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import type { StoredEntry } from "../../../src/operators/pattern/match-buffer.ts";
import { patternOperator } from "../../../src/operators/pattern/pattern-operator.ts";
import type { Run } from "../../../src/operators/pattern/run.ts";
import type { CapturesByName } from "../../../src/operators/pattern/stage.ts";
import { decodeTimer } from "../../../src/time/timer-member.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife, harnessOptions, type Life, liveThrough, undisturbed } from "../../support/operator-life.ts";
import { type Definition, type Input, matchesByDefinition } from "./definition.ts";
import { definitions, shapeOf } from "./random-patterns.ts";

const RUNS = 500;

interface Keyed extends Input {
  readonly key: string;
}

type Step =
  | { readonly kind: "batch"; readonly records: readonly Keyed[] }
  | { readonly kind: "watermark"; readonly watermark: number; readonly limit: number };

/** The same with all times longer: then records wait in several lists, and are taken from them bit by bit. */
function stretched(definition: Definition, all: readonly Step[], by: number): [Definition, Step[]] {
  const longer = <E extends Definition["elements"][number]>(element: E): E => ({
    ...element,
    ...("gapMs" in element && element.gapMs !== undefined && { gapMs: element.gapMs * by }),
    ...(element.kind === "group" && { elements: element.elements.map(longer) }),
  });
  const { elements, withinMs } = definition;
  return [
    { ...definition, elements: elements.map(longer), withinMs: withinMs && withinMs * by },
    all.map((step) =>
      step.kind === "watermark"
        ? { ...step, watermark: step.watermark * by }
        : {
            ...step,
            records: step.records.map((record) => ({ ...record, timestamp: record.timestamp * by })),
          },
    ),
  ];
}

/** Within one list of waiting records, over a few of them, and with none that has two times. */
const scales: fc.Arbitrary<number> = fc.constantFrom(1, 1_500, 5_000);

/** Records around the watermark, some late, with many ties. */
const steps: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.array(
          fc.tuple(
            fc.constantFrom("a", "b", "c", "d"),
            fc.integer({ min: -1, max: 5 }),
            fc.constantFrom("k", "k", "l"),
          ),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
      },
      { weight: 1, arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 })) },
    ),
    { maxLength: 7 },
  )
  .map((drawn) => {
    let watermark = 0;
    let id = 1;
    const all = drawn.map((one): Step => {
      if (typeof one[0] === "number") {
        watermark += one[0];
        return { kind: "watermark", watermark, limit: one[1] as number };
      }
      const records = (one as [string, number, string][]).map(([letter, ahead, key]) => {
        return { id: id++, key, letter, timestamp: watermark + ahead };
      });
      return { kind: "batch", records };
    });
    return [...all, { kind: "watermark", watermark: MAX_WATERMARK, limit: 2 }];
  });

interface Outcome {
  readonly matches: readonly { key: unknown; taken: string; timestamp: number | undefined }[];
  readonly late: readonly number[];
  readonly left: Readonly<Record<string, unknown>>;
}

function run(definition: Definition, all: readonly Step[], life: Life): Outcome {
  const harness = new KeyedHarness(
    patternOperator({
      shape: shapeOf(definition),
      time: "event",
      codec: undefined,
      select: (match, { key }) => ({ key, taken: takenOf(match) }),
      decodeKey: undefined,
    }),
    { ...harnessOptions(life), sides: [LATE_TAG] },
  );
  const take = (one: Step): boolean => {
    if (one.kind === "watermark") return harness.slice(one.watermark, one.limit);
    const batch = createBatch(
      [...one.records],
      one.records.map(({ timestamp }) => timestamp),
    );
    batch.keys = one.records.map(({ key }) => key);
    harness.batch(batch);
    return true;
  };
  liveThrough(harness, all, life, take, { onCommit: () => checkReferences(harness.backend.contents()) });
  harness.commit();
  return {
    matches: (harness.outputs.get("") ?? []).map(({ value, timestamp }) => ({
      ...(value as { key: unknown; taken: string }),
      timestamp,
    })),
    late: harness.emitted(LATE_TAG).map((record) => (record as Keyed).id),
    left: harness.backend.contents(),
  };
}

function takenOf(match: CapturesByName): string {
  return Object.entries(match)
    .flatMap(([name, records]) => records.map((record) => `${name}:${(record as Input).id}`))
    .join(" ");
}

/** By stage, as a match shows it. */
const shown = (taken: readonly string[]): string =>
  [...taken]
    .map((one, i) => ({ one, i, stage: Number(/^s(\d+)/.exec(one)?.[1]) }))
    .sort((a, b) => a.stage - b.stage || a.i - b.i)
    .map(({ one }) => one)
    .join(" ");

function expected(
  definition: Definition,
  all: readonly Step[],
): { matches: Record<string, string[]>; late: number[] } {
  const inTime = new Map<string, Keyed[]>();
  const late: number[] = [];
  let watermark = MIN_WATERMARK;
  for (const step of all) {
    if (step.kind === "watermark") watermark = step.watermark;
    else
      for (const record of step.records) {
        if (record.timestamp <= watermark) late.push(record.id);
        else inTime.set(record.key, [...(inTime.get(record.key) ?? []), record]);
      }
  }
  const matches: Record<string, string[]> = {};
  for (const [key, records] of inTime) {
    const ordered = [...records].sort((a, b) => a.timestamp - b.timestamp || a.id - b.id);
    const found = matchesByDefinition(definition, ordered).map(({ taken }) => shown(taken));
    if (found.length > 0) matches[key] = found.sort();
  }
  return { matches, late };
}

function byKey(outcome: Outcome): Record<string, string[]> {
  const matches: Record<string, string[]> = {};
  for (const { key, taken } of outcome.matches) {
    matches[key as string] ??= [];
    matches[key as string]?.push(taken);
  }
  for (const list of Object.values(matches)) list.sort();
  return matches;
}

describe("patternOperator", () => {
  test("Q1 finds exactly the matches of the definition, for any pattern, order of arrival and watermarks", () => {
    fc.assert(
      fc.property(definitions, steps, scales, (drawn, drawnSteps, scale) => {
        const [definition, all] = stretched(drawn, drawnSteps, scale);
        const outcome = run(definition, all, undisturbed);
        const { matches, late } = expected(definition, all);
        expect(byKey(outcome)).toEqual(matches);
        expect(outcome.late).toEqual(late);
      }),
      { numRuns: RUNS },
    );
  });

  test("Q2 the same, in the same order, with commits and crashes anywhere, tiny caches and shared storage", () => {
    fc.assert(
      fc.property(definitions, steps, scales, anyLife, (drawn, drawnSteps, scale, life) => {
        const [definition, all] = stretched(drawn, drawnSteps, scale);
        // What is held back until the end of the input has the time of the last watermark, which a crash forgets.
        const held = definition.skip.kind !== "noSkip" && definition.withinMs === undefined;
        const timed = ({ taken, timestamp }: Outcome["matches"][number]): unknown =>
          held ? taken : [taken, timestamp];
        const straight = run(definition, all, undisturbed);
        const disturbed = run(definition, all, life);
        const of = (outcome: Outcome, wanted: string): unknown =>
          outcome.matches.filter(({ key }) => key === wanted).map(timed);
        for (const key of ["k", "l"]) expect(of(disturbed, key)).toEqual(of(straight, key));
        expect(disturbed.late).toEqual(straight.late);
      }),
      { numRuns: RUNS / 2 },
    );
  });

  test("Q3 stores exactly what partial matches refer to; nothing, and no timer, once none is alive", () => {
    fc.assert(
      fc.property(definitions, steps, scales, anyLife, (drawn, drawnSteps, scale, life) => {
        const [definition, all] = stretched({ ...drawn, withinMs: drawn.withinMs ?? 8 }, drawnSteps, scale);
        expect(entriesOf(run(definition, all, life).left)).toEqual([]);
      }),
      { numRuns: RUNS / 4 },
    );
  });
});

/** What is stored under each address; maps and lists that have become empty are left out. */
function entriesOf(contents: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(contents)
    .filter(
      ([, stored]) =>
        !(stored instanceof Map && stored.size === 0) && !(Array.isArray(stored) && stored.length === 0),
    )
    .map(([where]) => where);
}

/** Exactly what the runs of each key lead to is stored, and counted right; one timer at most waits for their deadlines. */
function checkReferences(contents: Readonly<Record<string, unknown>>): void {
  const timers = Object.keys(contents)
    .filter((name) => name.includes("/timer/"))
    .map((name) => decodeTimer(name.slice(name.indexOf("/timer/") + 7)))
    .filter(({ namespace }) => namespace === "within");
  expect(new Set(timers.map(({ key }) => key)).size).toBe(timers.length);
  for (const { key } of timers)
    expect(
      Object.entries(contents).some(([name, stored]) => {
        return name.endsWith(`/runs/s${key}`) && (stored as Map<string, unknown>).size > 0;
      }),
    ).toBe(true);
  const of = <V>(where: string, state: string): V[] => [
    ...((contents[where.replace("/runs/", `/${state}/`)] ?? new Map()) as Map<string, V>).values(),
  ];
  const ids = (where: string, state: string): number[] =>
    [...((contents[where.replace("/runs/", `/${state}/`)] ?? new Map()) as Map<string, unknown>).keys()].map(
      (key) => Number(key.replace(/^\D+/, "")),
    );
  for (const where of Object.keys(contents).filter((name) => name.includes("/runs/"))) {
    const runs = of<Run>(where, "runs");
    const entries = of<StoredEntry>(where, "entries");
    const entryIds = ids(where, "entries");
    const references = entryIds.map(
      (id) =>
        runs.filter(({ entry }) => entry === id).length +
        entries.filter(({ previous }) => previous === id).length,
    );
    expect(entries.map((entry) => entry.references)).toEqual(references);
    expect(references).not.toContain(0);
    const held = new Map<number, number>();
    for (const { event } of entries) held.set(event, (held.get(event) ?? 0) + 1);
    expect(ids(where, "events").sort()).toEqual([...held.keys()].sort());
    expect(of<number>(where, "uses").sort()).toEqual([...held.values()].filter((count) => count > 1).sort());
  }
}
