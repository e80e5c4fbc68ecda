// The join script of Kafka Streams (facts and source: kafka-joins.ts). Where Weir means something else, the test says what.
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK } from "../../src/core/batch.ts";
import type { Change } from "../../src/operators/change.ts";
import { intervalJoinOperator, type JoinKind } from "../../src/operators/joins/interval-join.ts";
import { latestJoinOperator } from "../../src/operators/joins/latest-join.ts";
import { tableJoinOperator } from "../../src/operators/joins/table-join.ts";
import { temporalJoinOperator } from "../../src/operators/joins/temporal-join.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../../src/operators/operator.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";
import {
  orderedScript,
  type Step,
  script,
  selfScript,
  streamStream,
  streamTable,
  tableTable,
} from "./kafka-joins.ts";

const KEY = 0;

const pair = (left: string | undefined, right: string | undefined): string =>
  `${left ?? "null"}-${right ?? "null"}`;

interface Reading {
  /** What a step is to the operator; undefined when it does not come to it at all. */
  recordOf(step: Step): unknown;
  readonly keyOf?: (step: Step) => unknown;
  /** The inputs that a step comes to, in this order. */
  readonly inputsOf?: (step: Step) => readonly number[];
}

/** Runs a script, then lets event time end. */
function run(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  steps: readonly Step[],
  { recordOf, keyOf = () => KEY, inputsOf = ({ side }) => [side === "left" ? 0 : 1] }: Reading,
): { perStep: readonly (readonly Emission[])[]; atEnd: readonly Emission[] } {
  const harness = new KeyedHarness(create);
  const emissions = (from: number): Emission[] =>
    (harness.outputs.get("") ?? []).slice(from).map(({ value, timestamp }) => ({ value, at: timestamp }));
  const perStep = steps.map((step) => {
    const before = harness.emitted().length;
    const record = recordOf(step);
    for (const input of record === undefined ? [] : inputsOf(step)) {
      harness.operator.fromInput?.(input);
      harness.records([keyOf(step), record, step.at]);
    }
    return emissions(before);
  });
  const before = harness.emitted().length;
  harness.advance(MAX_WATERMARK);
  return { perStep, atEnd: emissions(before) };
}

interface Emission {
  readonly value: unknown;
  readonly at: number | undefined;
}

const texts = (emissions: readonly Emission[]): string[] =>
  emissions.map(({ value, at }) => `${value}@${at}`);

/** A tombstone removes the row of its key. */
const change = ({ value }: Step): Change<string | null> => ({ op: value === null ? "-D" : "+U", row: value });

/** A stream has no tombstones: null values are left out before a join. */
const withoutNull = ({ value }: Step): string | undefined => value ?? undefined;

describe("stream-stream joins of Kafka Streams as interval joins", () => {
  const operatorOf = (kind: JoinKind) =>
    intervalJoinOperator({ kind, lowerMs: -10_000, upperMs: 10_000, join: pair });

  test("inner: the same results at the same records", () => {
    // A null key is a key like any other here; Kafka Streams leaves such records out.
    const keyOf = (step: Step): unknown => (step.keyless === true ? null : KEY);
    const { perStep, atEnd } = run(operatorOf("inner"), orderedScript, { recordOf: withoutNull, keyOf });
    expect(perStep.map(texts)).toEqual([...streamStream.inner.slice(0, -1), ["E-e@17"]]);
    expect(atEnd).toEqual([]);
  });

  for (const [kind, alone] of [
    ["left", streamStream.leftOnly],
    ["full", streamStream.outerOnly],
  ] as const)
    test(`${kind}: the same pairs at once; what met nobody when event time rules a partner out`, () => {
      // The two records without a key have no partner in Kafka Streams: here they get keys of their own.
      const keyOf = (step: Step): unknown => (step.keyless === true ? step.side : KEY);
      const { perStep, atEnd } = run(operatorOf(kind), orderedScript, { recordOf: withoutNull, keyOf });
      expect(perStep.map(texts)).toEqual(streamStream.inner);
      // Kafka Streams gives such a result the record's timestamp; here it is the time that ruled a partner out.
      expect(
        texts(atEnd.map(({ value, at }) => ({ value, at: at === undefined ? at : at - 10_000 }))),
      ).toEqual(alone);
    });

  test("self join: the same pairs at the same records, when each comes to the right side after the left", () => {
    const { perStep } = run(operatorOf("inner"), selfScript, {
      recordOf: withoutNull,
      inputsOf: () => [0, 1],
    });
    expect(perStep.map(texts)).toEqual(streamStream.self);
  });
});

describe("stream-table joins of Kafka Streams", () => {
  const recordOf = (step: Step): unknown => (step.side === "left" ? withoutNull(step) : change(step));

  for (const kind of ["inner", "left"] as const)
    test(`${kind}, as joinLatest: the same results at the same records`, () => {
      const { perStep } = run(latestJoinOperator({ kind, join: pair }), script, { recordOf });
      expect(perStep.map(texts)).toEqual(streamTable[kind]);
    });

  test("with a versioned table, as temporalJoin: the same versions, once event time has seen them all", () => {
    const { perStep, atEnd } = run(temporalJoinOperator({ kind: "left", join: pair }), script, { recordOf });
    expect(perStep.flat()).toEqual([]);
    // A@3 does not miss f@3, which comes 20 records later: Kafka Streams looks when A comes.
    const expected = streamTable.versionedLeft.flat().map((text) => (text === "A-null@3" ? "A-f@3" : text));
    expect(texts(atEnd).sort()).toEqual(expected.sort());
  });
});

describe("table-table joins of Kafka Streams", () => {
  for (const [kind, expected] of [
    ["inner", tableTable.inner],
    ["left", tableTable.left],
    ["full", tableTable.outer],
  ] as const)
    test(`${kind}: the same table after every record, with the same timestamps`, () => {
      const oneRow = () => 0;
      const operator = tableJoinOperator({ kind, leftKey: oneRow, rightKey: oneRow, join: pair });
      const { perStep } = run(operator, script, { recordOf: change });
      const updates = perStep.map((emissions) => {
        const last = emissions.at(-1);
        if (last === undefined) return [];
        // Kafka Streams tells the new row of a key, or that there is none; the last change says the same.
        const { op, row } = last.value as Change<string>;
        return [`${op === "-D" || op === "-U" ? "gone" : row}@${last.at}`];
      });
      expect(updates).toEqual(expected);
    });
});
