import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SourceAlignment } from "../../src/actors/source-alignment.ts";
import type { SourceHead } from "../../src/actors/source-head.ts";
import { ManualClock } from "../../src/core/clock.ts";
import type { JobPlan, StagePlan } from "../../src/plan/plan.ts";
import { type Committed, commit, drain, FedSplit, openHead, sourcePlan } from "./source-head-harness.ts";

/** One-partition sources, all in one group. */
function aligned(names: readonly string[], maxDriftMs: number): JobPlan {
  const stages = names.map(
    (id): StagePlan => ({
      ...{ id, partitions: 1, operators: [], inputs: [], outputs: [] },
      source: sourcePlan({ alignment: { group: "g", maxDriftMs } }),
    }),
  );
  return { job: "j", stages, edges: [], hash: "" };
}

const GROUP = { alignment: { group: "g", maxDriftMs: 100 } };
const NOBODY: ReadonlyMap<string, number> = new Map();
const NONE: ReadonlySet<string> = new Set();

describe("alignment inside a worker", () => {
  test("a split that is ahead of the group waits until the slowest one has caught up", async () => {
    const alignment = new SourceAlignment(aligned(["fast", "slow"], 100));
    const fast = new FedSplit();
    const slow = new FedSplit();
    const fastHead = openHead({ name: "fast", splits: { s: fast }, plan: GROUP, alignment });
    const slowHead = openHead({ name: "slow", splits: { s: slow }, plan: GROUP, alignment });
    await fast.feed(1_000);
    await fast.feed(2_000);
    // Nobody knows how far the slow one is: the fast one gets no further than its first batch.
    expect(drain(fastHead).records).toEqual([1_000]);
    expect(fastHead.hold).toMatchObject({ input: "s", state: "aligned" });
    expect(fastHead.drained).toBe(true);
    await slow.feed(850);
    expect(drain(slowHead).records).toEqual([850]);
    expect(drain(fastHead).records).toEqual([]);
    await slow.feed(900);
    drain(slowHead);
    expect(fastHead.drained).toBe(false); // woken
    expect(drain(fastHead).records).toEqual([2_000]);
  });

  test("only the split that is ahead waits, not its partition", async () => {
    const alignment = new SourceAlignment(aligned(["mixed", "slow"], 100));
    const splits = { ahead: new FedSplit(), behind: new FedSplit() };
    const head = openHead({ name: "mixed", splits, plan: GROUP, alignment });
    const slow = new FedSplit();
    const slowHead = openHead({ name: "slow", splits: { s: slow }, plan: GROUP, alignment });
    await slow.feed(10);
    drain(slowHead);
    await splits.ahead.feed(500);
    await splits.ahead.feed(501);
    for (const time of [20, 30, 40]) await splits.behind.feed(time);
    expect(drain(head).records.toSorted()).toEqual([20, 30, 40, 500]);
  });

  test("idle and ended splits do not count", async () => {
    const clock = new ManualClock();
    const plan = { ...GROUP, idleAfterMs: 50 };
    const alignment = new SourceAlignment(aligned(["fast", "silent", "short"], 100));
    const [fast, silent, short] = [new FedSplit(), new FedSplit(), new FedSplit()];
    const fastHead = openHead({ name: "fast", splits: { s: fast }, plan: GROUP, alignment, clock });
    const silentHead = openHead({ name: "silent", splits: { s: silent }, plan, alignment, clock });
    const shortHead = openHead({ name: "short", splits: { s: short }, plan: GROUP, alignment, clock });
    for (const time of [1_000, 2_000, 3_000]) await fast.feed(time);
    await silent.feed(5);
    await short.end(7);
    drain(silentHead);
    drain(fastHead);
    drain(shortHead);
    await shortHead.close();
    drain(silentHead);
    expect(drain(fastHead).records).toEqual([]);
    clock.advance(100);
    expect(drain(fastHead).records).toEqual([2_000, 3_000]);
    // Back again, it is the slowest of the group.
    await silent.feed(6);
    drain(silentHead);
    await fast.feed(4_000);
    expect(drain(fastHead).records).toEqual([]);
  });

  test("a split that waits is never declared idle, and its time of silence begins anew", async () => {
    const clock = new ManualClock();
    const plan = { ...GROUP, idleAfterMs: 50 };
    const alignment = new SourceAlignment(aligned(["fast", "slow"], 100));
    const [fast, slow] = [new FedSplit(), new FedSplit()];
    const fastHead = openHead({ name: "fast", splits: { s: fast }, plan, alignment, clock });
    const slowHead = openHead({ name: "slow", splits: { s: slow }, plan: GROUP, alignment, clock });
    await slow.feed(10);
    drain(slowHead);
    await fast.feed(500);
    drain(fastHead);
    clock.advance(500);
    expect(drain(fastHead)).toMatchObject({ idle: false });
    await slow.feed(500);
    drain(slowHead);
    drain(fastHead);
    clock.advance(49);
    expect(drain(fastHead)).toMatchObject({ idle: false });
    clock.advance(100);
    expect(drain(fastHead)).toMatchObject({ idle: true });
  });
});

describe("alignment across workers", () => {
  test("goes by what the others report; a partition that nobody reports leaves the group where it was", async () => {
    const alignment = new SourceAlignment(aligned(["fast", "far"], 100));
    const fast = new FedSplit();
    const head = openHead({ name: "fast", splits: { s: fast }, plan: GROUP, alignment });
    for (const time of [100, 250, 400, 500]) await fast.feed(time);
    expect(drain(head).records).toEqual([100]);
    alignment.observe(new Map([["far.0", 20]]), NONE);
    expect(drain(head).records).toEqual([250]);
    alignment.observe(NOBODY, NONE); // its worker died
    expect(drain(head).records).toEqual([]);
    alignment.observe(new Map([["far.0", 160]]), NONE);
    expect(drain(head).records).toEqual([400]);
    alignment.observe(NOBODY, new Set(["far.0"]));
    expect(drain(head).records).toEqual([500]);
    expect(alignment.facts()).toEqual(new Map([["fast.0", 499]]));
  });

  test("what has left is no longer told, and what has ended holds nobody back", async () => {
    const alignment = new SourceAlignment(aligned(["one", "two"], 100));
    const [one, two] = [new FedSplit(), new FedSplit()];
    const first = openHead({ name: "one", splits: { s: one }, plan: GROUP, alignment });
    const second = openHead({ name: "two", splits: { s: two }, plan: GROUP, alignment });
    await one.end(1);
    await two.feed(2);
    drain(first);
    drain(second);
    await first.close();
    await second.close();
    expect(alignment.facts()).toEqual(new Map([["one.0", Number.POSITIVE_INFINITY]]));
  });

  test("an end that did not become durable is forgotten once another worker runs the partition again", async () => {
    const alignment = new SourceAlignment(aligned(["fast", "short"], 100));
    const [fast, short] = [new FedSplit(), new FedSplit()];
    const head = openHead({ name: "fast", splits: { s: fast }, plan: GROUP, alignment });
    const ending = openHead({ name: "short", splits: { s: short }, plan: GROUP, alignment });
    await short.end(1);
    drain(ending);
    await ending.close();
    for (const time of [100, 200, 300]) await fast.feed(time);
    alignment.observe(new Map([["short.0", 20]]), NONE);
    expect(drain(head).records).toEqual([100, 200]);
    alignment.observe(NOBODY, new Set(["short.0"]));
    expect(drain(head).records).toEqual([300]);
  });
});

interface World {
  readonly heads: SourceHead[];
  readonly watermarks: number[];
  readonly committed: Committed[];
}

const DRIFT = 30;
const histories = fc.array(
  fc.array(fc.nat(40), { maxLength: 12 }).map((steps) => {
    let time = 0;
    return steps.map((step) => (time += step));
  }),
  { minLength: 2, maxLength: 4 },
);

/** Sources of one split each, some heads opened again from their commit at any moment. */
async function run(
  times: readonly (readonly number[])[],
  picks: readonly number[],
  onRead: (world: World, source: number) => void,
): Promise<World> {
  const names = times.map((_, i) => `s${i}`);
  const alignment = new SourceAlignment(aligned(names, DRIFT));
  const plan = { alignment: { group: "g", maxDriftMs: DRIFT } };
  const splits = times.map(() => new FedSplit());
  const open = (i: number, committed?: Committed): SourceHead =>
    openHead({
      name: `s${i}`,
      splits: { only: splits[i]! },
      plan,
      alignment,
      ...(committed && { committed }),
    });
  const world: World = {
    heads: names.map((_, i) => open(i)),
    watermarks: times.map(() => Number.NEGATIVE_INFINITY),
    committed: times.map(() => new Map()),
  };
  for (const [i, split] of splits.entries()) {
    for (const time of times[i]!) await split.feed(time);
    await split.end();
  }
  const take = (i: number): boolean => {
    const head = world.heads[i]!;
    if (head.ended) return false;
    const work = head.next();
    if (work === undefined) return false;
    onRead(world, i);
    world.watermarks[i] = head.ended ? Number.POSITIVE_INFINITY : head.watermark;
    return true;
  };
  for (const pick of picks) {
    const i = pick % times.length;
    if (pick % 7 !== 0 || world.heads[i]!.ended) take(i);
    else {
      world.committed[i] = commit(world.heads[i]!, world.committed[i]);
      await world.heads[i]!.close();
      world.heads[i] = open(i, world.committed[i]);
    }
  }
  // Fair turns until nobody can go on.
  while (names.map((_, i) => take(i)).some((moved) => moved));
  return world;
}

test("Z1 no split is read that is more than maxDrift ahead of the slowest one that is awake", async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.array(fc.nat(100), { maxLength: 60 }), async (times, picks) => {
      await run(times, picks, ({ watermarks }, source) => {
        // Equal to what is known: infinities have no difference.
        const slowest = Math.min(...watermarks);
        const ahead = watermarks[source]!;
        expect(ahead === slowest || ahead <= slowest + DRIFT).toBe(true);
      });
    }),
    { numRuns: 200 },
  );
});

test("Z2 a group never stands still by itself: every source is read to its end, whoever has the turn", async () => {
  await fc.assert(
    fc.asyncProperty(histories, fc.array(fc.nat(100), { maxLength: 60 }), async (times, picks) => {
      const { heads } = await run(times, picks, () => {});
      expect(heads.map((head) => head.ended)).toEqual(times.map(() => true));
    }),
    { numRuns: 200 },
  );
});
