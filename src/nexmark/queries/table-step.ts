// A table with one row per key, kept up to date from records: the last step of most queries that update their result.
import { MAX_WATERMARK } from "../../core/batch.ts";
import { type Change, insert, updateAfter, updateBefore } from "../../operators/change.ts";
import { emits, type ProcessDefinition } from "../../operators/keyed-process.ts";
import type { StateDescriptors } from "../../state/descriptors.ts";
import type { StateHandles } from "../../state/keyed-state.ts";
import type { TableOutput } from "./query.ts";

/** What a record did to the row of its key: `begun` when nothing was known of the key before. */
export type RowEffect = "begun" | "changed" | "none";

export interface TableStep<K, T, S extends StateDescriptors, Row extends object> {
  readonly state: S;
  update(record: T, state: StateHandles<S>): RowEffect;
  /** The row as the state has it, a new object; undefined while the key has none. A row that was there stays there. */
  row(state: StateHandles<S>, key: K): Row | undefined;
}

/** Emits every change of the row of a key, or the row when the input ends. */
export function tableStep<K, T, S extends StateDescriptors, Row extends object>(
  output: TableOutput,
  { state, update, row }: TableStep<K, T, S, Row>,
): ProcessDefinition<K, T, Change<Row>, S> {
  if (output === "final")
    return {
      state,
      emits: emits<Change<Row>>(),
      onRecord(record, context) {
        if (update(record, context.state) === "begun") context.timers.event(MAX_WATERMARK);
      },
      onTimer(_timer, context) {
        const last = row(context.state, context.key);
        if (last !== undefined) context.emit(insert(last));
      },
    };
  return {
    state,
    emits: emits<Change<Row>>(),
    onRecord(record, context) {
      const before = row(context.state, context.key);
      if (update(record, context.state) === "none") return;
      const after = row(context.state, context.key);
      if (after === undefined) return;
      if (before === undefined) {
        context.emit(insert(after));
      } else if (!sameColumns(before, after)) {
        context.emit(updateBefore(before));
        context.emit(updateAfter(after));
      }
    },
  };
}

function sameColumns<Row extends object>(a: Row, b: Row): boolean {
  for (const column in a) if (a[column] !== b[column]) return false;
  return true;
}
