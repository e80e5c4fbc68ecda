import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PartitionClock } from "../../src/time/partition-clock.ts";
import { MachineClock } from "../support/machine-clock.ts";

type Step =
  | { readonly kind: "read" | "commit" | "takeOver" }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "jump"; readonly byMs: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Step>({ kind: "read" }) },
    fc.constant<Step>({ kind: "commit" }),
    fc.constant<Step>({ kind: "takeOver" }),
    fc.integer({ min: 0, max: 2_000 }).map((ms): Step => ({ kind: "pass", ms })),
    fc.integer({ min: -5_000, max: 5_000 }).map((byMs): Step => ({ kind: "jump", byMs })),
  ),
  { maxLength: 60 },
);

describe("PartitionClock", () => {
  test("T4 never goes behind a time that this attempt has seen or a commit carries, nor behind the wall clock, and is faster than real time only to catch up with it", () => {
    fc.assert(
      fc.property(steps, (given) => {
        const machine = new MachineClock(100_000);
        let committed: number | undefined;
        let clock = new PartitionClock(machine, committed);
        let seen = Number.NEGATIVE_INFINITY;
        let seenAtMs = 0;
        for (const step of given) {
          if (step.kind === "pass") machine.pass(step.ms);
          else if (step.kind === "jump") machine.jump(step.byMs);
          else if (step.kind === "commit") committed = clock.takeHighest() ?? committed;
          else if (step.kind === "takeOver") {
            clock = new PartitionClock(machine, committed);
            seen = committed ?? Number.NEGATIVE_INFINITY;
          } else {
            const nowMs = clock.nowMs();
            expect(nowMs).toBeGreaterThanOrEqual(Math.max(seen, machine.nowMs()));
            expect(nowMs).toBeLessThanOrEqual(
              Math.max(seen + machine.monotonicMs() - seenAtMs, machine.nowMs()),
            );
            seen = nowMs;
            seenAtMs = machine.monotonicMs();
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("T4 goes on at half the pace while the wall clock is behind, until that has caught up", () => {
    const machine = new MachineClock(100_000);
    const clock = new PartitionClock(machine, 103_000);
    expect(clock.nowMs()).toBe(103_000);
    const read = (): number => {
      machine.pass(1_000);
      return clock.nowMs();
    };
    expect(Array.from({ length: 8 }, read)).toEqual([
      103_500, 104_000, 104_500, 105_000, 105_500, 106_000, 107_000, 108_000,
    ]);
  });

  test("a commit carries the highest time once, and nothing when nobody has asked for the time", () => {
    const machine = new MachineClock(100_000);
    const clock = new PartitionClock(machine, undefined);
    expect(clock.takeHighest()).toBeUndefined();
    clock.nowMs();
    machine.pass(10);
    expect(clock.takeHighest()).toBe(100_000);
    expect(clock.takeHighest()).toBeUndefined();
    machine.jump(-500);
    clock.nowMs();
    expect(clock.takeHighest()).toBeUndefined();
    expect(new PartitionClock(machine, 100_000).takeHighest()).toBeUndefined();
  });
});
