// TimeAccount — where a partition's time goes: busy, backpressured, waiting for state or for the commit, idle.

/** What a partition without a turn is waiting for. */
export type WaitReason = "idle" | "backpressured" | "stateWait" | "commitWait";

/** Milliseconds since the partition started; they add up to its age. */
export interface TimeSpent {
  readonly busyMs: number;
  readonly idleMs: number;
  readonly backpressuredMs: number;
  readonly stateWaitMs: number;
  readonly commitWaitMs: number;
}

export class TimeAccount {
  #busyMs = 0;
  readonly #waitedMs: Record<WaitReason, number> = {
    idle: 0,
    backpressured: 0,
    stateWait: 0,
    commitWait: 0,
  };
  #reason: WaitReason = "idle";
  #sinceMs: number;

  constructor(monotonicMs: number) {
    this.#sinceMs = monotonicMs;
  }

  /** A turn begins: the time since the last one belongs to the reason it ended with. */
  onTurnStart(monotonicMs: number): void {
    this.#waitedMs[this.#reason] += monotonicMs - this.#sinceMs;
    this.#sinceMs = monotonicMs;
  }

  /** @param reason why there is no further turn now; "idle" also covers waiting in the ready queue */
  onTurnEnd(monotonicMs: number, reason: WaitReason): void {
    this.#busyMs += monotonicMs - this.#sinceMs;
    this.#sinceMs = monotonicMs;
    this.#reason = reason;
  }

  /** Includes the wait that is going on. */
  read(monotonicMs: number): TimeSpent {
    const open = (reason: WaitReason): number =>
      this.#waitedMs[reason] + (this.#reason === reason ? monotonicMs - this.#sinceMs : 0);
    return {
      busyMs: this.#busyMs,
      idleMs: open("idle"),
      backpressuredMs: open("backpressured"),
      stateWaitMs: open("stateWait"),
      commitWaitMs: open("commitWait"),
    };
  }
}
