// Change — one step of a result that is updated: a table as the stream of what happened to its rows.

/**
 * What a change does: `+I` inserts a row; `-U` and `+U` stand in pairs and replace the row by a newer form of itself;
 * `-D` removes a row. The letters are those of Flink's changelogs.
 */
export type ChangeOp = "+I" | "-U" | "+U" | "-D";

/** One change of one row. Applying all changes in order to an empty multiset of rows gives the table. */
export interface Change<T> {
  readonly op: ChangeOp;
  readonly row: T;
}

export function insert<T>(row: T): Change<T> {
  return { op: "+I", row };
}

export function updateBefore<T>(row: T): Change<T> {
  return { op: "-U", row };
}

export function updateAfter<T>(row: T): Change<T> {
  return { op: "+U", row };
}

export function remove<T>(row: T): Change<T> {
  return { op: "-D", row };
}

/** Whether the change adds its row (`+I`, `+U`) or takes it away. */
export function isAddition(change: Change<unknown>): boolean {
  return change.op === "+I" || change.op === "+U";
}
