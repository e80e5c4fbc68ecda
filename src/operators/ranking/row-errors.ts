// What can be wrong with an input of changes.
import { EngineError } from "../../core/errors.ts";
import { shortJson } from "../../core/short-json.ts";

/** A change takes back a row that was never inserted, or was taken back before. */
export class RowNotFoundError extends EngineError<"ROW_NOT_FOUND"> {
  constructor(operator: string, row: unknown) {
    const shown = shortJson(row);
    super(
      "ROW_NOT_FOUND",
      `operator "${operator}": a change takes back the row ${shown}, but there is no such row under its key; ` +
        "a change must carry the whole row as it was inserted, and come after its insertion",
      { details: { operator, row: shown } },
    );
  }
}

/** Changes came to an operator whose results are never taken back. */
export class ChangeInAppendError extends EngineError<"CHANGE_IN_APPEND"> {
  constructor(operator: string) {
    super(
      "CHANGE_IN_APPEND",
      `operator "${operator}": a change came in, but what was emitted is never taken back; give the option emit: "updates"`,
      { details: { operator } },
    );
  }
}
