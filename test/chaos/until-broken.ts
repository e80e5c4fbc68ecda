// Controls show their fault by chance: each is tried with new jobs until one of them went wrong.
import type { Verdict } from "./verdict.ts";

const TRIALS = 5;

/**
 * @param trial runs one job without its protection to the end
 * @returns the first verdict that is not "exactly once", or the last one
 */
export async function untilBroken(trial: (index: number) => Promise<Verdict>): Promise<Verdict> {
  for (let index = 0; ; index++) {
    const verdict = await trial(index);
    if (!verdict.exactlyOnce || index === TRIALS - 1) return verdict;
  }
}
