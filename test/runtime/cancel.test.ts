import { describe, expect, test } from "vitest";
import { ManualClock } from "../../src/core/clock.ts";
import { EmbeddedCoordination } from "../../src/core/embedded-coordination.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import type { Observation } from "../../src/core/ports/coordination.ts";
import { defaultDetectorSettings } from "../../src/runtime/failure-detector.ts";
import { Leader } from "../../src/runtime/leader.ts";

const PARTITIONS = ["a.0", "a.1"];

async function cancelling() {
  const clock = new ManualClock();
  const coordination = new EmbeddedCoordination("job", new EmbeddedStore(), clock);
  await coordination.createJob({ name: "job", planHash: "h", config: "{}", layouts: "{}" }, PARTITIONS);
  for (const id of ["w1", "w2"]) await coordination.join({ id, host: "h", pid: 1 });
  const leaderOf = (id: string): Leader =>
    new Leader(coordination, id, PARTITIONS, clock, defaultDetectorSettings);
  const [first, second] = [leaderOf("w1"), leaderOf("w2")];
  for (let i = 0; i < 3; i++) await first.round(await coordination.observe());
  await coordination.setStatus(["created", "running"], "cancelling");
  const status = async (): Promise<string | undefined> => (await coordination.observe()).job?.status;
  return { clock, coordination, first, second, status };
}

describe("cancelling", () => {
  test("the leader waits for the others to stop, then calls the job cancelled", async () => {
    const { coordination, first, status } = await cancelling();
    await first.round(await coordination.observe());
    expect(await status()).toBe("cancelling");
    await coordination.requestLeave("w2");
    await first.round(await coordination.observe());
    expect(await status()).toBe("cancelled");
  });

  test("a worker that has stopped leads when the leader dies, so the job does not stay half cancelled", async () => {
    const { clock, coordination, first, second, status } = await cancelling();
    expect([first.leads, second.leads]).toEqual([true, false]);
    await coordination.requestLeave("w2");
    // From now on the first worker's counters stand still.
    const frozen = (seen: Observation): Observation => ({
      ...seen,
      workers: seen.workers.map((worker) =>
        worker.id === "w1" ? { ...worker, beat: 7, progress: 7 } : worker,
      ),
    });
    for (let ms = 0; ms < 10_000 && (await status()) !== "cancelled"; ms += 200) {
      clock.advance(200);
      await second.round(frozen(await coordination.observe()));
    }
    expect(await status()).toBe("cancelled");
  });
});
