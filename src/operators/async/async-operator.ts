// What an operator that waits for others is to the partition that runs it.
//
// It takes records in one turn and lets their results leave in a later one. The records between are state: every
// commit carries them, since the positions of the input have moved past them.
import type { UnkeyedOperator, UnkeyedOperatorContext } from "../operator.ts";

/** Given to the factory of operators that wait. */
export interface AsyncOperatorContext extends UnkeyedOperatorContext {
  /** Number of this attempt in the job's life; larger than every earlier one. */
  readonly lineage: number;
  /** Asks for a turn of the partition. */
  wake(): void;
}

/** How requests stand, looked at when somebody asks: nothing is counted per record. */
export interface RequestFigures {
  readonly operator: string;
  /** Calls under way, those included that wait for their next attempt. */
  readonly inFlight: number;
  /** Records whose results have not left. */
  readonly held: number;
  /** How long the oldest of them has been held, by this owner; null for none. */
  readonly oldestMs: number | null;
  /** Attempts that followed a failed one. */
  readonly retries: number;
  /** Attempts that were given up because they took too long. */
  readonly timeouts: number;
}

/**
 * Its stored state are the records that were held at the last commit. The partition calls `advance` in its turns while
 * `isDue`, and takes no input while `isFull`.
 */
export interface AsyncOperator extends UnkeyedOperator {
  /** Records whose result has not left. */
  readonly held: number;
  readonly requests: RequestFigures;
  /** More records would only wait: the partition takes no input. */
  readonly isFull: boolean;
  /** Something has come that {@link advance} would act on. */
  readonly isDue: boolean;
  /** Requests wait for the next commit: it should come soon. */
  readonly awaitsCommit: boolean;
  /** Takes what has come, lets results leave, makes the next requests. */
  advance(): void;
}
