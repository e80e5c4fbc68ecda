// What an operator that waits for others is to the partition that runs it.
//
// It takes records in one turn and lets their results leave in a later one. The records between are state: every
// commit carries them, since the positions of the input have moved past them.
import type { KeyGroupRange } from "../../core/key-group.ts";
import type { StateLoad } from "../../core/ports/state-backend.ts";
import type { OperatorContext, StatefulOperator } from "../operator.ts";

/** Given to the factory of operators that wait. */
export interface AsyncOperatorContext extends OperatorContext {
  readonly keyGroups: KeyGroupRange;
  /** Nothing is stored for this partition yet. */
  readonly startsEmpty: boolean;
  /** Number of this attempt in the job's life; larger than every earlier one. */
  readonly lineage: number;
  /** Asks for a turn of the partition. */
  wake(): void;
}

/**
 * The partition calls, once: `storedRecords` → (fetch) → `supply`; then `onBatch` and `onWatermark` as for all
 * operators, and `advance` in its turns while `isDue`. It takes no input while `isFull`.
 */
export interface AsyncOperator extends StatefulOperator {
  /** Loads for the records that were held at the last commit; empty when there can be none. */
  storedRecords(): readonly StateLoad[];
  /** Records whose result has not left. */
  readonly held: number;
  /** More records would only wait: the partition takes no input. */
  readonly isFull: boolean;
  /** Something has come that {@link advance} would act on. */
  readonly isDue: boolean;
  /** Requests wait for the next commit: it should come soon. */
  readonly awaitsCommit: boolean;
  /** Takes what has come, lets results leave, makes the next requests. */
  advance(): void;
}
