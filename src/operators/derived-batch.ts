// Derived batches — new columns for records that come from the records of another batch.
//
// `sources[i]` is the index, in the batch they come from, of the record that record i was made of; always ascending.
// Columns that need no change are shared by reference.
import { type Batch, selectTraces } from "../core/batch.ts";

/** The records of `batch` at `kept`, with all their columns. Hot: one pass per column. */
export function selectRecords(batch: Batch, kept: readonly number[]): Batch {
  const { values, keys } = batch;
  const selected = new Array<unknown>(kept.length);
  for (let i = 0; i < kept.length; i++) selected[i] = values[kept[i] as number];
  const derived = deriveBatch(batch, selected, kept);
  if (keys !== undefined) {
    const selectedKeys = new Array<unknown>(kept.length);
    for (let i = 0; i < kept.length; i++) selectedKeys[i] = keys[kept[i] as number];
    derived.keys = selectedKeys;
  }
  return derived;
}

/** New values with the timestamps and traces of the records they were made of; a new value has no key yet. */
export function deriveBatch(batch: Batch, values: unknown[], sources: readonly number[]): Batch {
  const { timestamps, traces } = batch;
  return {
    values,
    timestamps: timestamps === undefined ? undefined : selectTimestamps(timestamps, sources),
    keys: undefined,
    ingestMs: batch.ingestMs,
    traces: traces === undefined ? undefined : selectTraces(traces, sources),
  };
}

function selectTimestamps(timestamps: readonly number[], sources: readonly number[]): number[] {
  const selected = new Array<number>(sources.length);
  for (let i = 0; i < sources.length; i++) selected[i] = timestamps[sources[i] as number] as number;
  return selected;
}
