// materialize — the rows that are left of a changelog: from changes back to plain records.
// Step 4 of the walk (ARCHITECTURE.md).
//
// The key of the stream is the key of the table: a row replaces the one before, `-U` and `-D` take it away.
//
// Owns:      rows that changed and were not emitted since; and no others.
//
// Laws (docs/laws.md)
//   R5  When the input ends, materialize emits each row that is left, once, as the last change left it. With intervals it
//       emits a row that changed in the form that it has when the watermark reaches the end of the interval, or not at
//       all when the row is gone by then. Also after stops and restores.
import { type Batch, MAX_WATERMARK } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import { isAddition } from "../change.ts";
import { afterWatermark } from "../event-time.ts";
import { isChange } from "../joins/row.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";

export interface MaterializeDefinition {
  /** Rows are also emitted at the end of each such interval of event time, in ms; undefined: at the end of the input. */
  readonly everyMs: number | undefined;
}

interface TableRow {
  readonly row: unknown;
  /** Event time of the last change; undefined when it had none. */
  readonly at: number | undefined;
}

/** Emits rows with the end of the interval, or with the event time of their last change when the input ends. */
export function materializeOperator(
  definition: MaterializeDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new MaterializeOperator(context, definition);
}

class MaterializeOperator extends KeyedOperatorBase {
  readonly #everyMs: number | undefined;
  readonly #row: ValueCells<TableRow>;

  constructor(context: KeyedOperatorContext, { everyMs }: MaterializeDefinition) {
    super(context);
    this.#everyMs = everyMs;
    this.#row = this.state.addCells("row", msgpackCodec as Codec<TableRow>);
  }

  /** Hot. */
  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    for (let i = from; i < values.length; i++) {
      const key = keys[i];
      this.beginRecord(i, key);
      const record = values[i];
      const at = timestamps === undefined ? undefined : timestamps[i];
      const due = this.#dueAfter(at);
      if (isChange(record) && !isAddition(record)) {
        this.#row.clear();
        continue;
      }
      this.#row.set({ row: isChange(record) ? record.row : record, at });
      this.eventTimers.register(undefined, key, due);
    }
  }

  /** The end of the interval in which a change is seen: that of its own time, unless the watermark has passed it. */
  #dueAfter(at: number | undefined): number {
    const everyMs = this.#everyMs;
    if (everyMs === undefined) return MAX_WATERMARK;
    const seen = afterWatermark(this.timestampOf(at), this.lastWatermark);
    return (Math.floor(seen / everyMs) + 1) * everyMs - 1;
  }

  protected fire({ time }: Timer): void {
    const kept = this.#row.peek();
    if (kept === undefined) return;
    // Whatever comes later replaces it: an emitted row is not needed any more.
    this.#row.clear();
    const { row, at } = kept;
    if (time !== MAX_WATERMARK) this.output.emit(row, time);
    else this.output.emit(row, at === undefined ? undefined : afterWatermark(at, this.lastWatermark));
  }
}
