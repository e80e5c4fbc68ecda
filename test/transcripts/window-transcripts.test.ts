// The published expectations of Apache Flink and Apache Beam, run against the window operators.
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { collectList, sum } from "../../src/operators/aggregates.ts";
import { LATE_TAG } from "../../src/operators/event-time.ts";
import { type WindowDefinition, type WindowResult, windowOperator } from "../../src/operators/window.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";
import { beamConditionTranscripts } from "./beam-condition-transcripts.ts";
import { beamDefaultTranscripts } from "./beam-default-transcripts.ts";
import { beamTriggerTranscripts } from "./beam-trigger-transcripts.ts";
import { flinkClockTranscripts } from "./flink-clock-transcripts.ts";
import { flinkEvictionTranscripts } from "./flink-eviction-transcripts.ts";
import { flinkSqlWindowTranscripts } from "./flink-sql-window-transcripts.ts";
import { flinkWindowTranscripts } from "./flink-window-transcripts.ts";
import type { Entry, ExpectedResult, WindowTranscript } from "./window-transcript.ts";

type Fold = "aggregate" | "apply";

function run(transcript: WindowTranscript, fold: Fold, sums: boolean): void {
  const aggregate = sums ? sum((entry: Entry) => entry.value) : collectList<Entry>();
  const definition =
    fold === "aggregate"
      ? { ...transcript.windows, aggregate }
      : {
          ...transcript.windows,
          evictor: transcript.evictor,
          apply: (key: unknown, window: object, entries: readonly Entry[], { pane }: { pane: object }) => [
            { key, window, pane, value: sums ? entries.reduce((all, { value }) => all + value, 0) : entries },
          ],
        };
  const harness = new KeyedHarness(windowOperator(definition as WindowDefinition), {
    sides: [LATE_TAG],
    clock: new ManualClock(0),
  });
  let seen = 0;
  for (const step of transcript.steps) {
    if ("record" in step) {
      const [key, value, timestamp] = step.record;
      harness.records([key, { key, value }, timestamp]);
    } else if ("watermark" in step) harness.advance(step.watermark);
    else if ("clock" in step) harness.advanceClock(step.clock - harness.clock.nowMs());
    else if ("restart" in step) {
      harness.commit();
      harness.crash();
    } else {
      const emitted = (harness.outputs.get("") ?? []).slice(seen);
      seen += emitted.length;
      const actual = emitted.map(({ value, timestamp }) =>
        shown(value as WindowResult<string, unknown>, timestamp),
      );
      expect(sorted(actual)).toMatchObject(sorted(step.expect.map(wanted)));
      expect(actual).toHaveLength(step.expect.length);
    }
  }
  expect(harness.outputs.get("")).toHaveLength(seen);
  const late = (harness.outputs.get(LATE_TAG) ?? []).map(({ value, timestamp }) => [
    (value as Entry).value,
    timestamp,
  ]);
  if (transcript.late !== undefined) expect(late).toEqual(transcript.late);
}

function shown(
  { key, value, window, pane }: WindowResult<string, unknown>,
  timestamp: number | undefined,
): object {
  const values = Array.isArray(value)
    ? value.map((entry) => (entry as Entry).value).sort((a, b) => a - b)
    : value;
  const bounded = Number.isFinite(window.end);
  if (bounded) expect(timestamp).toBe(window.end - 1);
  return { key, value: values, ...(bounded && { window: [window.start, window.end] }), ...pane };
}

/** Windows that fire once do not say which of their results it is. */
function wanted({ timing, index, ...result }: ExpectedResult): object {
  return { ...result, ...(timing !== undefined && { timing }), ...(index !== undefined && { index }) };
}

const sorted = (results: readonly object[]): object[] =>
  [...results].sort((a, b) => (order(a) < order(b) ? -1 : 1));

function order(result: object): string {
  const { key = "key", window, value } = result as { key?: string; window?: unknown; value?: unknown };
  return JSON.stringify([key, window ?? null, value]);
}

describe("Flink's evicting window operator test", () => {
  test.each(flinkEvictionTranscripts)("$name", (transcript) => run(transcript, "apply", true));
});

for (const fold of ["aggregate", "apply"] as const) {
  describe(`Flink's window operator test, ${fold}`, () => {
    test.each([...flinkWindowTranscripts, ...flinkClockTranscripts])("$name", (transcript) =>
      run(transcript, fold, true),
    );
  });
  describe(`Flink's tests of the windows of its SQL, ${fold}`, () => {
    test.each(flinkSqlWindowTranscripts)("$name", (transcript) => run(transcript, fold, true));
  });
  describe(`Beam's trigger transcripts, ${fold}`, () => {
    test.each([...beamTriggerTranscripts, ...beamConditionTranscripts, ...beamDefaultTranscripts])(
      "$name",
      (transcript) => run(transcript, fold, false),
    );
  });
}
