// What can go wrong between a stored value and the version of the state that reads it.
import { EngineError, toError } from "../core/errors.ts";

/** A migration threw, or gave nothing. Told with its place as {@link StateMigrationError}. */
export class MigrationFailure extends Error {
  readonly from: number;
  readonly to: number;

  constructor(from: number, to: number, cause: unknown) {
    super(toError(cause).message, { cause });
    this.from = from;
    this.to = to;
  }
}

/** A value was stored by a newer version of the job than this one: it cannot be read without losing what is new in it. */
export class StateNewerError extends EngineError<"STATE_NEWER"> {
  /**
   * @param where names job or operator, state and key
   * @param stored version of what is stored
   * @param own newest version that this process reads
   */
  constructor(where: string, stored: number, own: number) {
    super(
      "STATE_NEWER",
      `${where}: stored in version ${stored}, this process reads up to version ${own}; run the newer version of the job`,
      { details: { where, stored, own } },
    );
  }
}

/** What is stored is older than all that the state's migrations read. */
export class MigrationMissingError extends EngineError<"MIGRATION_MISSING"> {
  constructor(where: string, stored: number, own: number) {
    super(
      "MIGRATION_MISSING",
      `${where}: values of version ${stored} may be stored, this process writes version ${own} and has no migration from ` +
        `${stored}; add the step to \`migrate\`, or start the job with fresh`,
      { details: { where, stored, own } },
    );
  }
}

/** A migration of a state threw, or returned undefined. Repeating cannot help: the value stays the same. */
export class StateMigrationError extends EngineError<"STATE_MIGRATION"> {
  /** @param where operator, state and key, as shown to people */
  constructor(where: string, { from, to, cause }: MigrationFailure) {
    super(
      "STATE_MIGRATION",
      `${where}: the migration from version ${from} to ${to} failed (${toError(cause).message}); ` +
        "correct it so that it takes all that version wrote",
      { details: { where, from, to }, cause },
    );
  }
}
