// KillSwitch — the kills that a test has asked for, and when they strike.
//
// Owns:      the count of how often each step was reached.
// Does not:  know where steps are (killable-operators.ts, killable-state-backend.ts).
//
// Law U5  (docs/laws.md) Whichever attempts die at whichever step, the results are those of a job in which none dies.
import type { PartitionId } from "../core/ids.ts";
import { KilledByTestError, KillNotReachedError } from "./errors.ts";

/**
 * Where an attempt can die.
 *
 * - `beforeBatch`: a batch was taken from the input; no operator has seen it.
 * - `duringBatch`: the operators have processed half of a batch, rounded up.
 * - `duringTimers`: one timer has fired, others are due.
 * - `betweenTimerSlices`: a slice of timers has fired, more are due; an epoch may close between two slices.
 * - `beforeCommit`: an epoch was sealed, sinks are prepared; the store has not seen it.
 * - `afterCommit`: the store has applied an epoch; nobody has seen its answer, no sink and no consumer was told.
 * - `afterAttach`: a new attempt has taken the partition over and has not read its state.
 *
 * Steps of batches and timers are those of operators that read the partition's input: a source that only keys its records
 * has none.
 */
export type KillStep = (typeof KILL_STEPS)[number];

export const KILL_STEPS = [
  "beforeBatch",
  "duringBatch",
  "duringTimers",
  "betweenTimerSlices",
  "beforeCommit",
  "afterCommit",
  "afterAttach",
] as const;

export interface KillOptions {
  /** `<stage>.<index>`, for example `count.0`. Default: any. */
  readonly partition?: PartitionId | undefined;
  /** Which time it is that the step is reached there, counted from now. Default 1: the next time. */
  readonly occurrence?: number | undefined;
  /**
   * `"partition"`: only the attempt dies. `"job"`: with it all other attempts of the job, as if the process had died.
   * Default `"partition"`.
   */
  readonly scope?: "partition" | "job" | undefined;
}

/** A kill that a test has asked for. */
export interface Kill {
  readonly step: KillStep;
  readonly happened: boolean;
  /** The partition that died; undefined before. */
  readonly partition: PartitionId | undefined;
}

interface Armed extends Kill {
  readonly options: KillOptions;
  happened: boolean;
  partition: PartitionId | undefined;
  reached: number;
}

export class KillSwitch {
  readonly #armed: Armed[] = [];

  arm(step: KillStep, options: KillOptions): Kill {
    const armed: Armed = { step, options, happened: false, partition: undefined, reached: 0 };
    this.#armed.push(armed);
    return armed;
  }

  /** Whether a kill waits for this step of this partition: then it is worth going there. */
  isArmed(step: KillStep, partition: PartitionId): boolean {
    return this.#armed.some((armed) => waitsFor(armed, step, partition));
  }

  /** @throws {KilledByTestError} when this is the time that a kill waits for */
  reach(step: KillStep, partition: PartitionId): void {
    let striking: Armed | undefined;
    for (const armed of this.#armed) {
      if (!waitsFor(armed, step, partition)) continue;
      armed.reached++;
      if (armed.reached >= (armed.options.occurrence ?? 1)) striking ??= armed;
    }
    if (striking === undefined) return;
    striking.happened = true;
    striking.partition = partition;
    throw new KilledByTestError(partition, step, striking.options.scope ?? "partition");
  }

  /** How many have happened. */
  get happened(): number {
    return this.#armed.filter((armed) => armed.happened).length;
  }

  /** @throws {KillNotReachedError} */
  checkAllHappened(): void {
    const missed = this.#armed.find((armed) => !armed.happened);
    if (missed === undefined) return;
    const { step, options, reached } = missed;
    throw new KillNotReachedError(`killAt("${step}", ${JSON.stringify(options)})`, reached);
  }
}

function waitsFor(armed: Armed, step: KillStep, partition: PartitionId): boolean {
  return !armed.happened && armed.step === step && (armed.options.partition ?? partition) === partition;
}
