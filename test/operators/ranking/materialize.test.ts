import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK, MIN_WATERMARK } from "../../../src/core/batch.ts";
import { materializeOperator } from "../../../src/operators/ranking/materialize.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { anyLife } from "../../support/operator-life.ts";
import { asTexts } from "./changelog.ts";
import { anySteps, live, type Step } from "./life.ts";

const RUNS = 150;

/** Changes of a table with one row per key, and upserts. */
const changes = anySteps(fc.constantFrom("+I", "-U", "+U", "-D", "row"), (op, id) =>
  op === "row" ? { id } : { op, row: { id } },
);

function finalRows(steps: readonly Step<unknown>[]): unknown[] {
  const table = new Map<string, unknown>();
  for (const step of steps) {
    if (step.kind === "watermark") continue;
    for (const { key, value } of step.inputs) {
      const { op = "+I", row = value } = value as { op?: string; row?: unknown };
      if (op === "-U" || op === "-D") table.delete(key);
      else table.set(key, row);
    }
  }
  return [...table.values()];
}

/** Changes wait for the end of their interval; what is there then is emitted, unless nothing changed since. */
function rowsByInterval(steps: readonly Step<unknown>[], everyMs: number): string[] {
  const table = new Map<string, { row: unknown; dirty: boolean }>();
  const due = new Map<number, Set<string>>();
  const emitted: string[] = [];
  let watermark = MIN_WATERMARK;
  for (const step of steps) {
    if (step.kind === "watermark") {
      watermark = step.watermark;
      for (const time of [...due.keys()].sort((a, b) => a - b)) {
        if (time > watermark) continue;
        for (const key of due.get(time) ?? []) {
          const kept = table.get(key);
          if (kept?.dirty !== true) continue;
          kept.dirty = false;
          emitted.push(JSON.stringify({ time, row: kept.row }));
        }
        due.delete(time);
      }
      continue;
    }
    for (const { key, value, timestamp } of step.inputs) {
      const { op = "+I", row = value } = value as { op?: string; row?: unknown };
      if (op === "-U" || op === "-D") {
        table.delete(key);
        continue;
      }
      table.set(key, { row, dirty: true });
      const end = Math.floor(Math.max(timestamp, watermark + 1) / everyMs) * everyMs + everyMs - 1;
      due.set(end, (due.get(end) ?? new Set()).add(key));
    }
  }
  return emitted.sort();
}

describe("materializeOperator", () => {
  test("R5 emits each row that is left when the input ends, once, and leaves nothing behind", () => {
    fc.assert(
      fc.property(changes, anyLife, (steps, life) => {
        const harness = live(materializeOperator({ everyMs: undefined }), steps, life);
        expect(asTexts(harness.emitted())).toEqual(asTexts(finalRows(steps)));
        expect(harness.backend.contents()).toEqual({});
      }),
      { numRuns: RUNS },
    );
  });

  test("R5 with intervals emits what changed in each of them, as it is at its end", () => {
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 9 }), anyLife, (steps, everyMs, life) => {
        const harness = live(materializeOperator({ everyMs }), steps, life);
        const emitted = (harness.outputs.get("") ?? []).map(({ value, timestamp }) =>
          JSON.stringify({ time: timestamp, row: value }),
        );
        expect(emitted.sort()).toEqual(rowsByInterval(steps, everyMs));
        expect(harness.backend.contents()).toEqual({});
      }),
      { numRuns: RUNS },
    );
  });

  test("no row is behind a watermark that went out before it", () => {
    const harness = new KeyedHarness(materializeOperator({ everyMs: undefined }));
    harness.records(["k", { op: "+I", row: 1 }, 5], ["l", { op: "+I", row: 2 }, 50]);
    harness.advance(20);
    harness.advance(MAX_WATERMARK);
    expect(harness.outputs.get("")).toEqual([
      { value: 1, timestamp: 21 },
      { value: 2, timestamp: 50 },
    ]);
  });
});
