// A coordinator that lies: a worker that was paused goes on being told what was true before.
//
// Without it a worker that wakes up looks at the control plane within milliseconds and gives its lost partitions up;
// the fence must hold although it does not.
import type { Coordination, Observation } from "../../src/core/ports/coordination.ts";

/** Rounds come several times per second; so long without one means that the process stood still. */
const PAUSE_MS = 700;

export interface StaleView {
  readonly coordination: Coordination;
  /** From now on the truth is told. */
  end(): void;
}

/**
 * @param staleMs for at most so long after a pause the view from before it is shown
 * @param onPaused called when a pause was noticed
 */
export function openStaleView(coordination: Coordination, staleMs: number, onPaused: () => void): StaleView {
  let last: Observation | undefined;
  let lastMs = performance.now();
  let staleUntilMs = 0;
  const noticePause = (): void => {
    const nowMs = performance.now();
    if (nowMs - lastMs > PAUSE_MS) {
      staleUntilMs = nowMs + staleMs;
      onPaused();
    }
    lastMs = nowMs;
  };
  // The look that was under way when the process stopped would already tell the truth.
  const ticker = setInterval(noticePause, PAUSE_MS / 7);
  ticker.unref();
  const view: Coordination = {
    createJob: (record, partitions) => coordination.createJob(record, partitions),
    raiseLayouts: (expected, layouts) => coordination.raiseLayouts(expected, layouts),
    join: (worker) => coordination.join(worker),
    requestLeave: (worker) => coordination.requestLeave(worker),
    leave: (worker) => coordination.leave(worker),
    async observe(): Promise<Observation> {
      const seen = await coordination.observe();
      noticePause();
      if (last !== undefined && performance.now() < staleUntilMs) return last;
      last = seen;
      return seen;
    },
    elect: (worker, term) => coordination.elect(worker, term),
    leaderBeat: (worker, term) => coordination.leaderBeat(worker, term),
    assign: (worker, term, changes) => coordination.assign(worker, term, changes),
    setStatus: (from, to, failure) => coordination.setStatus(from, to, failure),
    report: (worker, report) => coordination.report(worker, report),
    waitForChange: (timeoutMs) => coordination.waitForChange(timeoutMs),
    async close(): Promise<void> {
      clearInterval(ticker);
      await coordination.close();
    },
  };
  return {
    coordination: view,
    end: () => {
      staleUntilMs = 0;
    },
  };
}
