// FailureDetector — which workers are alive, judged by their counters on our own monotonic clock.
//
// No time of another machine and no server-side expiry takes part: a clock step on the Redis host would otherwise
// expire every worker at once.
//
// Law A4: a worker whose counters move is never declared dead, whatever clocks do.
import type { WorkerBeat } from "../core/ports/coordination.ts";

export interface DetectorSettings {
  /** A heartbeat counter that stands still for so long means a dead worker. */
  readonly deadAfterMs: number;
  /** A main loop that stands still for so long means a hung worker although its heartbeat thread lives. */
  readonly hungAfterMs: number;
  /** A worker that has joined but not yet beaten is still starting its heartbeat thread: it gets so long. */
  readonly startGraceMs: number;
}

/** The counter of a worker that has joined and not beaten since. */
export const JOINED_BEAT = 1;

export const defaultDetectorSettings: DetectorSettings = {
  deadAfterMs: 1_500,
  hungAfterMs: 15_000,
  startGraceMs: 10_000,
};

/**
 * What a gap between two looks counts at most, as a part of `deadAfterMs`: after a pause of our own, or of Redis,
 * nobody could beat, and everybody has two thirds left to do so. Slow rounds delay a verdict and never prevent it.
 */
const LONGEST_GAP = 1 / 3;

interface Seen {
  beat: number;
  progress: number;
  /** How long each counter was seen standing still. */
  beatStillMs: number;
  progressStillMs: number;
}

export class FailureDetector {
  readonly #settings: DetectorSettings;
  readonly #seen = new Map<string, Seen>();
  #lastMs: number | undefined;

  constructor(settings: DetectorSettings) {
    this.#settings = settings;
  }

  /**
   * Takes the counters of all known workers.
   * @param monotonicMs when they were read
   * @returns ids of dead or hung workers
   */
  observe(workers: readonly WorkerBeat[], monotonicMs: number): string[] {
    const { deadAfterMs, hungAfterMs, startGraceMs } = this.#settings;
    const gapMs = Math.min(monotonicMs - (this.#lastMs ?? monotonicMs), deadAfterMs * LONGEST_GAP);
    this.#lastMs = monotonicMs;
    const dead: string[] = [];
    const known = new Set(workers.map((worker) => worker.id));
    for (const id of this.#seen.keys()) if (!known.has(id)) this.#seen.delete(id);
    for (const { id, beat, progress } of workers) {
      const seen = this.#seen.get(id);
      if (seen === undefined) {
        this.#seen.set(id, { beat, progress, beatStillMs: 0, progressStillMs: 0 });
        continue;
      }
      // Any change counts, a decrease too: after a rollback of the server counters start lower.
      seen.beatStillMs = seen.beat === beat ? seen.beatStillMs + gapMs : 0;
      seen.progressStillMs = seen.progress === progress ? seen.progressStillMs + gapMs : 0;
      seen.beat = beat;
      seen.progress = progress;
      const patienceMs = beat <= JOINED_BEAT ? Math.max(startGraceMs, deadAfterMs) : deadAfterMs;
      if (seen.beatStillMs >= patienceMs || seen.progressStillMs >= hungAfterMs) dead.push(id);
    }
    return dead;
  }
}
