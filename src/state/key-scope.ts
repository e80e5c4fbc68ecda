// KeyScope — what all states of one operator instance share: the current key, the epoch, the journal.
import { EngineError } from "../core/errors.ts";
import type { Journal } from "./journal.ts";

/** Stands for "no record and no timer is being processed"; cannot be a key. */
export const NO_KEY: unique symbol = Symbol("no key");

/** State was used while no record and no timer was being processed, so there is no key to use it for. */
export class StateOutsideRecordError extends EngineError<"STATE_OUTSIDE_RECORD"> {
  constructor(operator: string, state: string) {
    super(
      "STATE_OUTSIDE_RECORD",
      `operator "${operator}": state "${state}" was used outside of a record or timer; read and write state only inside ` +
        "onRecord and onTimer, before they return (not after an await, in a callback or in a constructor)",
      { details: { operator, state } },
    );
  }
}

export class KeyScope {
  readonly operator: string;
  /** Undo log of the current record; undefined under the policy `fail`, which needs none. */
  readonly journal: Journal | undefined;
  /**
   * A commit keeps references to what it is given (embedded jobs). What is stored must then not be changed in place: an
   * object is copied before user code gets it, once per commit.
   */
  readonly sharesValues: boolean;
  key: unknown = NO_KEY;
  /** Epoch that is being filled. */
  epoch = 1;
  /** Newest durable epoch. */
  acknowledged = 0;
  /** Number of the latest prefetch; a cell's last one tells how recently it was used. */
  round = 1;
  /** Between a prefetch and the run that it was for: nothing may leave the heap. */
  prepared = false;
  /** Cached values, map entries and list elements of all states. */
  weight = 0;
  /** Wall clock in epoch ms at the start of the current batch or timer slice. */
  nowMs = 0;
  /** A state counts in event time: {@link eventTime} is set for every record and timer. */
  tracksEventTime = false;
  /** Event time in epoch ms at which the current record or timer stands; -Infinity while there is none. */
  eventTime: number = Number.NEGATIVE_INFINITY;

  constructor(operator: string, journal: Journal | undefined, sharesValues: boolean) {
    this.operator = operator;
    this.journal = journal;
    this.sharesValues = sharesValues;
  }
}
