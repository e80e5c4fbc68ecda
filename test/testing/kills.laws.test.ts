// Attempts die at every step, whatever the job does: the results are those of the harness, in which nobody dies.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Kill, KillNotReachedError } from "../../src/testing/index.ts";
import { KILL_STEPS } from "../../src/testing/kill-switch.ts";
import { harnessOf, jobOf, make, texts } from "./known-lives.ts";
import { anyCalls, type Call, operators } from "./known-operators.ts";

/** Whatever follows: several records of a key, and several timers due at once in either time. */
const opening: readonly Call[] = [
  { kind: "push", input: 0, items: [0, 1, 2, 3].map((id) => ({ id: 1_000 + id, key: "a", at: id })) },
  { kind: "push", input: 0, items: [4, 5, 6, 7].map((id) => ({ id: 1_000 + id, key: `b${id}`, at: id })) },
  { kind: "clock", by: 40 },
];

describe("killAt", () => {
  test.each(KILL_STEPS)("U5 killed at %s: the results are those of a life without kills", async (step) => {
    let happened = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(operators)),
        anyCalls,
        fc.record({
          at: fc.integer({ min: 0, max: 2 }),
          occurrence: fc.constantFrom(1, 1, 2),
          scope: fc.constantFrom<"partition" | "job">("partition", "job"),
        }),
        fc.record({ parallelism: fc.constantFrom(1, 2), timerSlice: fc.constantFrom(1, 2) }),
        async (name, drawn, { at, occurrence, scope }, { parallelism, timerSlice }) => {
          const calls = [...opening, ...drawn];
          const harness = harnessOf(name);
          const job = await jobOf(name, { parallelism, settings: { timerSlice, cacheEntries: 100 } });
          const results: string[] = [];
          let kill: Kill | undefined;
          for (const [i, call] of calls.entries()) {
            make(harness, name, call);
            // A new attempt comes after a failure.
            if (i === at && step === "afterAttach") job.test.killAt("beforeCommit", { scope });
            if (i === at) kill = job.test.killAt(step, { occurrence, scope });
            results.push(...(await job.make(call)));
          }
          harness.end();
          // What was not reached while calls were made may be at the end, or never.
          results.push(
            ...(await job.finish().catch((error: unknown) => {
              if (error instanceof KillNotReachedError) return job.taken();
              throw error;
            })),
          );
          if (kill?.happened) happened++;
          expect(results.sort()).toEqual(texts(harness));
        },
      ),
      { numRuns: 8 },
    );
    expect(happened).toBeGreaterThan(0);
  });
});
