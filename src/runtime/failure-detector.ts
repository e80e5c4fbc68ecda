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

interface Seen {
  beat: number;
  progress: number;
  beatMs: number;
  progressMs: number;
}

export class FailureDetector {
  readonly #settings: DetectorSettings;
  readonly #seen = new Map<string, Seen>();
  #lastMs: number | undefined;

  constructor(settings: DetectorSettings = defaultDetectorSettings) {
    this.#settings = settings;
  }

  /**
   * Takes the counters of all known workers.
   * @param monotonicMs when they were read
   * @returns ids of dead or hung workers
   */
  observe(workers: readonly WorkerBeat[], monotonicMs: number): string[] {
    // Not having looked is no evidence: after a pause of our own everybody gets a fresh chance.
    const paused = this.#lastMs !== undefined && monotonicMs - this.#lastMs > this.#settings.deadAfterMs / 2;
    this.#lastMs = monotonicMs;
    const dead: string[] = [];
    const known = new Set(workers.map((worker) => worker.id));
    for (const id of this.#seen.keys()) if (!known.has(id)) this.#seen.delete(id);
    for (const { id, beat, progress } of workers) {
      const seen = this.#seen.get(id);
      if (seen === undefined || paused) {
        this.#seen.set(id, { beat, progress, beatMs: monotonicMs, progressMs: monotonicMs });
        continue;
      }
      // Any change counts, a decrease too: after a rollback of the server counters start lower.
      if (seen.beat !== beat) {
        seen.beat = beat;
        seen.beatMs = monotonicMs;
      }
      if (seen.progress !== progress) {
        seen.progress = progress;
        seen.progressMs = monotonicMs;
      }
      const patienceMs =
        beat <= JOINED_BEAT
          ? Math.max(this.#settings.startGraceMs, this.#settings.deadAfterMs)
          : this.#settings.deadAfterMs;
      const isDead = monotonicMs - seen.beatMs >= patienceMs;
      const isHung = monotonicMs - seen.progressMs >= this.#settings.hungAfterMs;
      if (isDead || isHung) dead.push(id);
    }
    return dead;
  }
}
