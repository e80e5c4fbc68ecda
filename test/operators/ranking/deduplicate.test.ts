import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIN_WATERMARK } from "../../../src/core/batch.ts";
import { LATE_TAG } from "../../../src/operators/event-time.ts";
import { deduplicateOperator } from "../../../src/operators/ranking/deduplicate.ts";
import { firstRecordOperator } from "../../../src/operators/ranking/first-record.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife } from "../../support/operator-life.ts";
import { applied, asChanges, asTexts, drawnRow, type Row, rowsAfter } from "./changelog.ts";
import { anySteps, type Input, live, type Step } from "./life.ts";

const RUNS = 60;

const records = anySteps(fc.integer({ min: 0, max: 3 }), (score, id): Row => ({ id, score }));

/** All inputs of each key after the first `done` steps, in the order of arrival. */
function inputsAfter<T>(steps: readonly Step<T>[], done: number): Map<string, Input<T>[]> {
  const inputs = new Map<string, Input<T>[]>();
  for (const step of steps.slice(0, done)) {
    if (step.kind === "watermark") continue;
    for (const input of step.inputs) inputs.set(input.key, [...(inputs.get(input.key) ?? []), input]);
  }
  return inputs;
}

/** The first or last one, from the definition alone. */
function chosen<T>(
  inputs: readonly Input<T>[],
  keep: "first" | "last",
  by: "eventTime" | "arrival",
): Input<T> {
  const inOrder = by === "arrival" ? inputs : [...inputs].sort((a, b) => a.timestamp - b.timestamp);
  return inOrder.at(keep === "first" ? 0 : -1) as Input<T>;
}

const rules = fc.record({
  keep: fc.constantFrom("first", "last"),
  by: fc.constantFrom("eventTime", "arrival"),
});

describe("deduplicate", () => {
  test("R3 the changes give the first or last record so far of each key", () => {
    fc.assert(
      fc.property(rules, records, anyLife, ({ keep, by }, steps, life) => {
        live(deduplicateOperator({ keep, by, atEnd: false }), steps, life, (harness, done) => {
          const rows = [...inputsAfter(steps, done).values()].map((own) => chosen(own, keep, by).value);
          expect(applied(harness.emitted())).toEqual(asTexts(rows));
        });
      }),
      { numRuns: RUNS },
    );
  });

  test("R3 of changes, the changes give the first or last row of those that are there", () => {
    fc.assert(
      fc.property(
        rules,
        anySteps(drawnRow, (drawn, id) => ({ id, score: drawn.score, drawn })),
        anyLife,
        ({ keep, by }, drawn, life) => {
          // The time of an insertion is its own; equal rows would differ by it alone, so each carries it.
          const steps = asChanges(drawn).map((step) =>
            step.kind === "watermark" || by === "arrival"
              ? step
              : { ...step, inputs: step.inputs.map((one) => ({ ...one, timestamp: one.value.row.id })) },
          );
          live<unknown>(deduplicateOperator({ keep, by, atEnd: false }), steps, life, (harness, done) => {
            const rows = [...rowsAfter(steps, done).values()].flatMap((own) => {
              const inputs = own.map((value) => ({ key: "", value, timestamp: value.id }));
              return own.length === 0 ? [] : [chosen(inputs, keep, by).value];
            });
            expect(applied(harness.emitted())).toEqual(asTexts(rows));
          });
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("R3 appended when the input ends, it is the first or last record of each key", () => {
    fc.assert(
      fc.property(rules, records, anyLife, ({ keep, by }, steps, life) => {
        const harness = live(deduplicateOperator({ keep, by, atEnd: true }), steps, life);
        const rows = [...inputsAfter(steps, steps.length).values()].map((own) => chosen(own, keep, by).value);
        expect(asTexts(harness.emitted())).toEqual(asTexts(rows));
        expect(harness.backend.contents()).toEqual({});
      }),
      { numRuns: RUNS },
    );
  });

  test("R3 appended at once, it is the first record of each key to arrive", () => {
    fc.assert(
      fc.property(records, anyLife, (steps, life) => {
        live(firstRecordOperator({ by: "arrival" }), steps, life, (harness, done) => {
          const rows = [...inputsAfter(steps, done).values()].map((own) => own[0]?.value);
          expect(asTexts(harness.emitted())).toEqual(asTexts(rows));
        });
      }),
      { numRuns: RUNS },
    );
  });

  test("R3 appended in event time, it is the earliest record in time of each key, and what would have been before is late", () => {
    fc.assert(
      fc.property(records, anyLife, (steps, life) => {
        const inTime = new Map<string, Input<Row>>();
        const taken: { input: Input<Row>; watermark: number }[] = [];
        let watermark = MIN_WATERMARK;
        for (const step of steps) {
          if (step.kind === "watermark") watermark = step.watermark;
          else for (const input of step.inputs) taken.push({ input, watermark });
        }
        for (const { input, watermark: then } of taken) {
          const first = inTime.get(input.key);
          const isLate = input.timestamp <= then;
          const isOut = first !== undefined && first.timestamp <= then;
          if (!isLate && !isOut && !(first !== undefined && first.timestamp <= input.timestamp))
            inTime.set(input.key, input);
        }
        // Emitted is what the watermark had passed when a record came; such a key lets nothing in that is not earlier.
        const emittedBefore = new Map<string, Input<Row>>();
        const late: Row[] = [];
        for (const { input, watermark: then } of taken) {
          const first = inTime.get(input.key);
          if (first !== undefined && first.timestamp <= then) emittedBefore.set(input.key, first);
          const emitted = emittedBefore.get(input.key);
          if (input.timestamp > then) continue;
          if (emitted === undefined || input.timestamp < emitted.timestamp) late.push(input.value);
        }
        const harness = live(firstRecordOperator({ by: "eventTime" }), steps, life);
        expect(asTexts(harness.emitted())).toEqual(asTexts([...inTime.values()].map(({ value }) => value)));
        expect(harness.emitted(LATE_TAG)).toEqual(late);
        let reached = MIN_WATERMARK;
        for (const { timestamp } of harness.outputs.get("") ?? []) {
          expect(timestamp).toBeGreaterThanOrEqual(reached);
          reached = timestamp as number;
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("an earlier record takes the place of the one that waits, and of its timer", () => {
    const harness = new KeyedHarness(firstRecordOperator({ by: "eventTime" }));
    harness.records(["k", "later", 9], ["k", "earlier", 5]);
    harness.commit();
    expect(
      Object.keys(harness.backend.contents()).filter((address) => address.includes("/timer/")),
    ).toHaveLength(1);
    harness.advance(9);
    expect(harness.outputs.get("")).toEqual([{ value: "earlier", timestamp: 5 }]);
  });

  test("a key that was forgotten begins anew", () => {
    for (const by of ["arrival", "eventTime"] as const) {
      const harness = new KeyedHarness(firstRecordOperator({ by, ttl: 1_000 }));
      harness.records(["k", "first", 1]);
      harness.advance(5);
      harness.advanceClock(500);
      harness.records(["k", "again", 6]);
      harness.advance(10);
      harness.advanceClock(600);
      harness.records(["k", "anew", 11]);
      harness.advance(20);
      expect(harness.emitted()).toEqual(["first", "anew"]);
      harness.advanceClock(2_000);
      harness.commit();
      expect(harness.backend.contents()).toEqual({});
    }
  });

  test("a repetition with the same content changes nothing", () => {
    const harness = new KeyedHarness(deduplicateOperator({ keep: "last", by: "arrival", atEnd: false }));
    harness.records(["k", { id: 1 }, 1], ["k", { id: 1 }, 2], ["k", { id: 2 }, 3]);
    expect(harness.emitted()).toEqual([
      { op: "+I", row: { id: 1 } },
      { op: "-U", row: { id: 1 } },
      { op: "+U", row: { id: 2 } },
    ]);
  });

  test("refuses changes where nothing is taken back, and rows taken back that are not there", () => {
    const append = new KeyedHarness(firstRecordOperator({ by: "arrival" }));
    expect(() => append.records(["k", { op: "+I", row: 1 }])).toThrow(/emit: "updates"/);
    const updates = new KeyedHarness(deduplicateOperator({ keep: "last", by: "arrival", atEnd: false }));
    expect(() => updates.records(["k", { op: "-D", row: 1 }])).toThrow(/no such row/);
  });
});
