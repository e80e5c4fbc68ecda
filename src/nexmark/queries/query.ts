// What a query is: rows that are appended, or a table that is updated.
import type { Stream } from "../../dataflow/stream.ts";
import type { Change } from "../../operators/change.ts";
import type { NexmarkEvent } from "../events.ts";
import type { SideInput } from "../side-input.ts";

/** Each row is emitted exactly once and never taken back. */
export interface AppendQuery<out Row extends object> {
  readonly result: "append";
  /** @param sideInput the table that q13 reads */
  rows(events: Stream<NexmarkEvent>, sideInput: SideInput): Stream<Row>;
}

/** The rows are a table that every event may change. */
export interface TableQuery<out Row extends object> {
  readonly result: "table";
  changes(events: Stream<NexmarkEvent>, output: TableOutput): Stream<Change<Row>>;
}

/** `changelog`: every change of the table, at once. `final`: one `+I` per row of the table at the end of the input. */
export type TableOutput = "final" | "changelog";

export type QueryDefinition = AppendQuery<object> | TableQuery<object>;
