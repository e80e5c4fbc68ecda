// Rows and changes — an input of a join over tables brings rows, or says what happens to rows; both are read alike.
import type { Change, ChangeOp } from "../change.ts";

const OPS: ReadonlySet<unknown> = new Set<ChangeOp>(["+I", "-U", "+U", "-D"]);

/** Whether a record says what happens to a row, instead of being one: `{ op: "+I", row }`. */
export function isChange(record: unknown): record is Change<unknown> {
  return (
    typeof record === "object" &&
    record !== null &&
    "row" in record &&
    OPS.has((record as Change<unknown>).op)
  );
}

/**
 * Whether a record takes its row away. `-U` does so too: the `+U` that follows may stand under another key.
 */
export function isRemoval(record: unknown): boolean {
  return isChange(record) && (record.op === "-D" || record.op === "-U");
}

/** The row that a record is, or is about. */
export function rowOf(record: unknown): unknown {
  return isChange(record) ? record.row : record;
}
