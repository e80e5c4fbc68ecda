// Trace marks in buffers and frames: they keep to their records, and leave a partition as marks of its own step.
import type { Batch, TraceMark } from "../core/batch.ts";

export function addMark(batch: Batch, mark: TraceMark): void {
  if (batch.traces === undefined) batch.traces = [mark];
  else batch.traces.push(mark);
}

/** The marks of the records `from` to `end`, counted from there. */
export function sliceMarks(
  marks: readonly TraceMark[] | undefined,
  from: number,
  end: number,
): TraceMark[] | undefined {
  if (marks === undefined) return undefined;
  const inside = marks.filter((mark) => mark.index >= from && mark.index < end);
  return inside.length === 0 ? undefined : inside.map((mark) => ({ ...mark, index: mark.index - from }));
}

/**
 * The batch as consumers see it: the step of this partition is the parent of theirs. Batches without marks are
 * returned as they are; one with marks may stand in several channels, so its marks are not changed in place.
 */
export function handOver(batch: Batch): Batch {
  if (batch.traces === undefined) return batch;
  return { ...batch, traces: batch.traces.map(markOfNextStep) };
}

function markOfNextStep(mark: TraceMark): TraceMark {
  const { index, traceId, flags, step } = mark;
  return step === undefined ? mark : { index, traceId, spanId: step.spanId, flags, emittedMs: step.endedMs };
}
