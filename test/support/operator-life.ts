// A life of an operator: the same steps, with commits, crashes, tiny caches and slices in between. Epochs end at any step,
// also between two slices of a watermark, which `operatorHarness` of weir/testing does not let a test do.
import fc from "fast-check";
import type { HarnessOptions, KeyedHarness } from "./keyed-harness.ts";

export interface Life {
  readonly cacheEntries: number;
  readonly shares: boolean;
  readonly journaling: boolean;
  /** After each step, in this order again and again. */
  readonly afterwards: readonly ("nothing" | "commit" | "commitAndCrash" | "crash")[];
}

export const undisturbed: Life = {
  cacheEntries: 1_000,
  shares: false,
  journaling: false,
  afterwards: ["nothing"],
};

/** How a life is drawn, for tests that add something of their own. */
export const lifeModel: {
  readonly [Name in keyof Life]: fc.Arbitrary<Life[Name]>;
} = {
  cacheEntries: fc.constantFrom(0, 2, 1_000),
  shares: fc.boolean(),
  journaling: fc.boolean(),
  afterwards: fc.array(fc.constantFrom("nothing", "commit", "commitAndCrash", "crash"), {
    minLength: 1,
    maxLength: 6,
  }),
};

export const anyLife: fc.Arbitrary<Life> = fc.record(lifeModel);

export function harnessOptions({ cacheEntries, shares, journaling }: Life): HarnessOptions {
  return { cacheEntries, shares, onError: journaling ? "skip" : "fail" };
}

export interface LifeHooks {
  readonly onStep?: (done: number) => void;
  readonly onCommit?: () => void;
}

/**
 * Takes an operator through its life. The steps are repeated from the last commit after a crash.
 *
 * @param take does one step. @returns whether it is done: a slice of a watermark is a step of its own
 * @param hooks `onStep` is called with the number of steps that are done, before anything is taken back
 */
export function liveThrough<S>(
  harness: KeyedHarness,
  steps: readonly S[],
  { afterwards }: Pick<Life, "afterwards">,
  take: (step: S) => boolean,
  { onStep, onCommit }: LifeHooks = {},
): void {
  let position = 0;
  let committed = 0;
  let crashes = 0;
  for (let turn = 0; position < steps.length; turn++) {
    if (take(steps[position] as S)) position++;
    onStep?.(position);
    const after = afterwards[turn % afterwards.length];
    if (after === "commit" || after === "commitAndCrash") {
      harness.commit();
      committed = position;
      onCommit?.();
    }
    // A life of crashes alone would never end.
    if ((after === "crash" && crashes++ < 5) || after === "commitAndCrash") {
      harness.crash();
      position = committed;
    }
  }
}
