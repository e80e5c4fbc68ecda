import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Assignment, WorkerBeat } from "../../src/core/ports/coordination.ts";
import { FailureDetector } from "../../src/runtime/failure-detector.ts";
import { decidePlacement, type PlacementFacts } from "../../src/runtime/placement.ts";

const facts = fc
  .record({
    stages: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    eligible: fc.uniqueArray(fc.constantFrom("w1", "w2", "w3", "w4", "w5"), { maxLength: 5 }),
    draining: fc.uniqueArray(fc.constantFrom("d1", "d2")),
    owners: fc.array(fc.constantFrom("w1", "w2", "w3", "w4", "w5", "d1", "d2", "gone", ""), {
      minLength: 36,
      maxLength: 36,
    }),
    ended: fc.array(fc.boolean(), { minLength: 36, maxLength: 36 }),
  })
  .map(({ stages, eligible, draining, owners, ended }): PlacementFacts => {
    const partitions = stages.flatMap((count, stage) =>
      Array.from({ length: count }, (_, index) => `stage${stage}.${index}`),
    );
    return {
      partitions,
      eligible,
      draining: new Set(draining),
      ended: new Set(partitions.filter((_, i) => ended[i])),
      assignments: new Map(
        partitions.flatMap((partition, i): [string, Assignment][] =>
          owners[i] === "" ? [] : [[partition, { worker: owners[i]!, version: i }]],
        ),
      ),
    };
  });

/** Partitions that need an owner and are not with a worker that drains. */
function toPlace({ partitions, ended, draining, assignments }: PlacementFacts): string[] {
  return partitions.filter(
    (partition) => !ended.has(partition) && !draining.has(assignments.get(partition)?.worker ?? ""),
  );
}

function apply({ assignments }: PlacementFacts, changes: Map<string, Assignment>): Map<string, Assignment> {
  return new Map([...assignments, ...changes]);
}

describe("decidePlacement", () => {
  test("A5 every live partition gets an eligible owner or stays with a draining one, A6 loads differ by at most one", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const after = apply(given, decidePlacement(given));
        const live = toPlace(given);
        if (given.eligible.length === 0) return;
        const loads = given.eligible.map(
          (worker) => live.filter((partition) => after.get(partition)?.worker === worker).length,
        );
        expect(loads.reduce((a, b) => a + b, 0)).toBe(live.length);
        expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("A2 A7 versions grow with a new owner; a partition moves only from the gone or the overloaded", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const live = toPlace(given);
        const most = Math.ceil(live.length / Math.max(1, given.eligible.length));
        const held = (worker: string): number =>
          live.filter((partition) => given.assignments.get(partition)?.worker === worker).length;
        for (const [partition, next] of decidePlacement(given)) {
          const before = given.assignments.get(partition);
          expect(next.version).toBe((before?.version ?? 0) + 1);
          expect(next.worker).not.toBe(before?.worker);
          if (before !== undefined && given.eligible.includes(before.worker))
            expect(held(before.worker)).toBeGreaterThanOrEqual(most);
        }
      }),
    );
  });

  test("A8 what a draining worker holds stays with it, and it is given nothing", () => {
    fc.assert(
      fc.property(facts, (given) => {
        for (const [partition, { worker }] of decidePlacement(given)) {
          expect(given.draining).not.toContain(worker);
          expect(given.draining).not.toContain(given.assignments.get(partition)?.worker);
        }
      }),
    );
  });

  test("A7 A8 when a draining worker has left, only its own partitions move", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const during = apply(given, decidePlacement(given));
        const left = { ...given, assignments: during, draining: new Set<string>() };
        if (given.eligible.length === 0) return;
        for (const partition of decidePlacement(left).keys())
          expect(given.draining).toContain(during.get(partition)?.worker);
      }),
    );
  });

  test("A7 a balanced placement is left as it is", () => {
    fc.assert(
      fc.property(facts, (given) => {
        const after = apply(given, decidePlacement(given));
        expect(decidePlacement({ ...given, assignments: after }).size).toBe(0);
      }),
    );
  });

  test("a new worker gets partitions of every stage, not all of one", () => {
    const partitions = ["a.0", "a.1", "a.2", "a.3", "b.0", "b.1", "b.2", "b.3"];
    const assignments = new Map(partitions.map((partition) => [partition, { worker: "w1", version: 1 }]));
    const moved = [
      ...decidePlacement({
        ...{ partitions, assignments, eligible: ["w1", "w2"] },
        ...{ ended: new Set(), draining: new Set() },
      }).keys(),
    ];
    expect(moved.filter((partition) => partition.startsWith("a")).length).toBe(2);
    expect(moved.length).toBe(4);
  });

  test("the first worker and the one that joins it share every stage, however much their sizes differ", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }), (sizes) => {
        const partitions = sizes.flatMap((size, stage) =>
          Array.from({ length: size }, (_, index) => `s${stage}.${index}`),
        );
        const none = { partitions, ended: new Set<string>(), draining: new Set<string>() };
        const alone = decidePlacement({ ...none, eligible: ["w1"], assignments: new Map() });
        const given = { ...none, eligible: ["w1", "w2"], assignments: alone };
        const after = apply(given, decidePlacement(given));
        for (const [stage, size] of sizes.entries()) {
          const ofSecond = partitions.filter(
            (partition) => partition.startsWith(`s${stage}.`) && after.get(partition)?.worker === "w2",
          );
          expect(Math.abs(2 * ofSecond.length - size)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});

describe("FailureDetector", () => {
  const worker = (id: string, beat: number, progress = beat): WorkerBeat => ({
    id,
    host: "h",
    pid: 1,
    beat,
    progress,
    leaving: false,
    report: undefined,
  });
  const settings = { deadAfterMs: 1_000, hungAfterMs: 5_000, startGraceMs: 10_000 };

  test("A4 a worker whose counters move is alive; one whose beat stands still is dead after the time-out", () => {
    const detector = new FailureDetector(settings);
    for (let ms = 0; ms < 1_000; ms += 200)
      expect(detector.observe([worker("a", ms), worker("b", 7, ms)], ms)).toEqual([]);
    expect(detector.observe([worker("a", 1_000), worker("b", 7, 1_000)], 1_000)).toEqual(["b"]);
  });

  test("a main loop that hangs under a living heartbeat thread is found", () => {
    const detector = new FailureDetector(settings);
    let dead: string[] = [];
    for (let ms = 0; ms <= 5_000; ms += 200) dead = detector.observe([worker("a", ms, 3)], ms);
    expect(dead).toEqual(["a"]);
  });

  test("a counter that went back counts as movement: the server may have lost its last seconds", () => {
    const detector = new FailureDetector(settings);
    let beat = 100;
    for (let ms = 0; ms <= 3_000; ms += 200) expect(detector.observe([worker("a", beat--)], ms)).toEqual([]);
  });

  test("A4 an observer that paused itself accuses nobody for it", () => {
    const detector = new FailureDetector(settings);
    detector.observe([worker("a", 5)], 0);
    for (let ms = 60_000; ms <= 60_600; ms += 200) expect(detector.observe([worker("a", 5)], ms)).toEqual([]);
    expect(detector.observe([worker("a", 5)], 60_800)).toEqual(["a"]);
  });

  test("A4 a worker that beats is alive whenever the observer looks, however long it paused", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1 }), (gaps) => {
        const detector = new FailureDetector(settings);
        let ms = 0;
        for (const gap of gaps) {
          ms += gap;
          expect(detector.observe([worker("a", ms)], ms)).toEqual([]);
        }
      }),
    );
  });

  test("a dead worker is found however short deadAfterMs is against the rounds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 2_000 }),
        (deadAfterMs, roundMs) => {
          const detector = new FailureDetector({ ...settings, deadAfterMs });
          let rounds = 0;
          while (detector.observe([worker("a", 5, rounds)], rounds * roundMs).length === 0) rounds++;
          const foundMs = rounds * roundMs;
          expect(foundMs).toBeGreaterThanOrEqual(deadAfterMs);
          expect(foundMs).toBeLessThanOrEqual(deadAfterMs + 4 * roundMs);
        },
      ),
    );
  });

  test("a worker that has just joined may take its time for the first beat, but not for ever", () => {
    const detector = new FailureDetector(settings);
    let dead: string[] = [];
    let ms = 0;
    for (; ms < 10_000; ms += 200) {
      dead = detector.observe([worker("a", 1, ms)], ms);
      expect(dead).toEqual([]);
    }
    expect(detector.observe([worker("a", 1, ms)], ms)).toEqual(["a"]);
  });
});
