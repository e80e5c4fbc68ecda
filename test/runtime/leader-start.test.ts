// Who gets partitions while workers are starting: nothing waits for a heartbeat that it does not need.
import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { EmbeddedCoordination } from "../../src/core/embedded-coordination.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import type { Observation } from "../../src/core/ports/coordination.ts";
import { defaultDetectorSettings, JOINED_BEAT } from "../../src/runtime/failure-detector.ts";
import { Leader } from "../../src/runtime/leader.ts";

const PARTITIONS = ["a.0", "a.1", "a.2", "a.3"];
const ROUND_MS = 200;

async function starting(...ids: string[]) {
  const clock = new ManualClock();
  const coordination = new EmbeddedCoordination("job", new EmbeddedStore(), clock);
  await coordination.createJob({ name: "job", planHash: "h", config: "{}", layouts: "{}" }, PARTITIONS);
  for (const id of ids) await coordination.join({ id, host: "h", pid: 1 });
  /** The embedded coordination beats for everybody: here only these have. */
  const beaten = new Set<string>();
  let beats = JOINED_BEAT;
  const observe = async (): Promise<Observation> => {
    const seen = await coordination.observe();
    beats++;
    const beatOf = (id: string): number => (beaten.has(id) ? beats : JOINED_BEAT);
    return { ...seen, workers: seen.workers.map((each) => ({ ...each, beat: beatOf(each.id) })) };
  };
  const leaders = new Map(
    ids.map((id) => [id, new Leader(coordination, id, PARTITIONS, clock, defaultDetectorSettings)]),
  );
  const round = async (id: string): Promise<void> => {
    clock.advance(ROUND_MS);
    await leaders.get(id)!.round(await observe());
  };
  const held = async (id: string): Promise<number> =>
    [...(await coordination.observe()).assignments.values()].filter(({ worker }) => worker === id).length;
  return { round, held, beaten };
}

describe("a leader among workers that start", () => {
  test("takes the partitions itself in its first round, before it has beaten", async () => {
    const { round, held } = await starting("first");
    await round("first");
    expect(await held("first")).toBe(4);
  });

  test("gives none to another worker before that has beaten, and its share then", async () => {
    const { round, held, beaten } = await starting("first", "second");
    for (let i = 0; i < 3; i++) await round("first");
    expect([await held("first"), await held("second")]).toEqual([4, 0]);
    beaten.add("second");
    await round("first");
    expect([await held("first"), await held("second")]).toEqual([2, 2]);
  });

  test("A5 that dies before its first beat is followed as soon as one that has beaten", async () => {
    const { round, held, beaten } = await starting("first", "second");
    await round("first");
    beaten.add("second");
    let elapsedMs = 0;
    while ((await held("second")) < 4 && elapsedMs < 60_000) {
      await round("second");
      elapsedMs += ROUND_MS;
    }
    expect(elapsedMs).toBeLessThanOrEqual(defaultDetectorSettings.deadAfterMs + 2 * ROUND_MS);
  });
});
