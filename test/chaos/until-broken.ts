// Controls show their fault by chance: each is tried with new jobs until one of them went wrong.
import type { ChaosCluster } from "./cluster.ts";
import type { Verdict } from "./verdict.ts";

const TRIALS = 8;
/** Codes that say that stored data does not fit together. */
const DAMAGE = /^CHANNEL_|_TORN$/;

/**
 * @param trial runs one job without its protection to the end
 * @param clusterOf the cluster of the trial at hand
 * @returns the first verdict that is not "exactly once", or the last one; a job that its damaged data ended is one
 */
export async function untilBroken(
  trial: (index: number) => Promise<Verdict>,
  clusterOf: () => ChaosCluster,
): Promise<Verdict> {
  for (let index = 0; ; index++) {
    try {
      const verdict = await trial(index);
      if (!verdict.exactlyOnce || index === TRIALS - 1) return verdict;
    } catch (thrown) {
      // Checks of channels and sinks may see the damage before a result shows it; with the protection there is none.
      const { failure } = clusterOf();
      if (failure === undefined || !DAMAGE.test(failure)) throw thrown;
      return { exactlyOnce: false, records: 0, counted: 0, problems: [`the job failed: ${failure}`] };
    }
  }
}
