// Controls show their fault by chance: each is tried with new jobs until one of them went wrong.
import type { ChaosCluster } from "./cluster.ts";
import type { Verdict } from "./verdict.ts";

const TRIALS = 8;

/**
 * @param trial runs one job without its protection to the end
 * @param clusterOf the cluster of the trial at hand
 * @returns the first verdict that is not "exactly once", or the last one
 */
export async function untilBroken(
  trial: (index: number) => Promise<Verdict>,
  clusterOf: () => ChaosCluster,
): Promise<Verdict> {
  for (let index = 0; ; index++) {
    const isLast = index === TRIALS - 1;
    try {
      const verdict = await trial(index);
      if (!verdict.exactlyOnce || isLast) return verdict;
    } catch (thrown) {
      // The checks of channels (laws H1, H2) saw the damage first and ended the job: this trial shows nothing.
      if (isLast || !/^CHANNEL_/.test(clusterOf().failure ?? "")) throw thrown;
    }
  }
}
