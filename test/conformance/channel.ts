// What every ChannelReader must do, over channels that partitions write with their commits.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ChannelCursor, ChannelEntry } from "../../src/core/ports/channel.ts";
import type { PartitionHandle } from "../../src/core/ports/state-backend.ts";
import { waitFor } from "../support/wait-for.ts";
import { epoch, output, request, type StateBackendWorld } from "./state-backend.ts";

/** A wait at the store that nobody interrupts ends after so long. */
export const LONGEST_WAIT_MS = 1_000;

/** @returns the shortest of five trials, in ms: what the machine does meanwhile makes a trial longer, never shorter */
export async function fastest(trial: (index: number) => Promise<number>): Promise<number> {
  const took: number[] = [];
  for (let index = 0; index < 5; index++) took.push(await trial(index));
  return Math.min(...took);
}

/** @param open makes a world whose job has the partitions `count.0` (the producer) and `count.1` */
export function describeChannel(name: string, open: () => Promise<StateBackendWorld>): void {
  describe(`channel: ${name}`, () => {
    let world: StateBackendWorld;
    let producer: PartitionHandle;
    let lineage: number;
    let seq: number;

    beforeEach(async () => {
      world = await open();
      producer = await world.backend.attach(request("count.0"));
      lineage = producer.attached.lineage;
      seq = 0;
    });
    afterEach(() => world.close());

    /** Appends entries first..last to a channel in one commit. */
    async function append(channel: string, first: number, last: number, size = 10): Promise<void> {
      const outputs = [];
      for (let at = first; at <= last; at++)
        outputs.push(output(channel, at, lineage, `${at} `.padEnd(size, ".")));
      expect(await producer.commit(epoch(++seq, { outputs }))).toMatchObject({ kind: "OK" });
    }

    const start = (channel: string): ChannelCursor => ({ channel, seq: 0, lineage: 0 });
    const numbers = (entries: readonly ChannelEntry[] | undefined): number[] =>
      (entries ?? []).map((entry) => entry.seq);

    test("a channel that nobody wrote is empty", async () => {
      expect(await world.reader.read([start("x:0>0")], 10)).toEqual([[]]);
      expect(await world.reader.lengths(["x:0>0"])).toEqual([0]);
    });

    test("no cursors, no answer", async () => {
      expect(await world.reader.read([], 10)).toEqual([]);
      expect(await world.reader.lengths([])).toEqual([]);
    });

    test("an entry carries its number, its lineage and its frame", async () => {
      await append("x:0>0", 1, 1);
      const [[entry] = []] = await world.reader.read([start("x:0>0")], 10);
      expect(entry).toMatchObject({ seq: 1, lineage });
      const text = entry!.frame?.batch?.values[0] ?? Buffer.from(entry!.payload!).toString();
      expect(text).toBe("1 ........");
    });

    test("one list per cursor, in their order, also for channels without entries", async () => {
      await append("x:0>0", 1, 2);
      await append("x:0>2", 1, 3);
      const cursors = ["x:0>2", "x:0>1", "x:0>0"].map(start);
      expect((await world.reader.read(cursors, 10)).map(numbers)).toEqual([[1, 2, 3], [], [1, 2]]);
      expect(await world.reader.lengths(["x:0>2", "x:0>1", "x:0>0"])).toEqual([3, 0, 2]);
    });

    test("a read never brings more than asked for, and the next goes on behind it", async () => {
      await append("x:0>0", 1, 7);
      expect(numbers((await world.reader.read([start("x:0>0")], 3))[0])).toEqual([1, 2, 3]);
      expect(numbers((await world.reader.read([{ channel: "x:0>0", seq: 3, lineage }], 9))[0])).toEqual([
        4, 5, 6, 7,
      ]);
    });

    test("H1 any reads with any trims between them bring every entry once and in order", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.oneof(
              fc.record({ do: fc.constant("append" as const), count: fc.integer({ min: 1, max: 5 }) }),
              fc.record({ do: fc.constant("read" as const), count: fc.integer({ min: 1, max: 4 }) }),
              fc.record({ do: fc.constant("trim" as const), count: fc.constant(0) }),
            ),
            { maxLength: 25 },
          ),
          fc.integer({ min: 0, max: 1_000_000_000 }),
          async (steps, salt) => {
            const channel = `p${salt}-${seq}:0>0`;
            const consumer = await world.backend.attach(request("count.1"));
            let epochs = consumer.attached.seq;
            let written = 0;
            const taken: number[] = [];
            for (const step of steps) {
              if (step.do === "append") {
                await append(channel, written + 1, written + step.count);
                written += step.count;
              } else if (step.do === "read") {
                const cursor = { channel, seq: taken.length, lineage: taken.length === 0 ? 0 : lineage };
                const [entries] = await world.reader.read([cursor], step.count);
                taken.push(...numbers(entries));
                if (taken.length < written) expect(entries!.length).toBeGreaterThan(0);
              } else {
                const trims = [{ channel, throughSeq: taken.length, lineage }];
                await consumer.commit(epoch(++epochs, { trims }));
                expect(await world.reader.lengths([channel])).toEqual([written - taken.length]);
              }
            }
            expect(taken).toEqual(taken.map((_, i) => i + 1));
          },
        ),
        { numRuns: 20 },
      );
    });

    test("H2 an entry that was written again with a higher lineage shows up behind the cursor", async () => {
      await append("x:0>0", 1, 2);
      const cursor = { channel: "x:0>0", seq: 2, lineage };
      expect(await world.reader.read([cursor], 10)).toEqual([[]]);
      await world.tamperChannel("x:0>0", 2, lineage + 1);
      expect((await world.reader.read([cursor], 10))[0]).toMatchObject([{ seq: 2, lineage: lineage + 1 }]);
    });

    test("a watched channel signals once when an entry comes", async () => {
      const ready: string[] = [];
      world.reader.watch([start("x:0>0"), start("x:0>1")], (channel) => ready.push(channel));
      await append("x:0>1", 1, 1);
      await waitFor(() => ready.length > 0, { describe: "the signal" });
      await append("x:0>1", 2, 2);
      expect(ready).toEqual(["x:0>1"]);
    });

    test("a channel with entries behind the cursor signals at once", async () => {
      await append("x:0>0", 1, 1);
      const ready: string[] = [];
      world.reader.watch([start("x:0>0")], (channel) => ready.push(channel));
      await waitFor(() => ready.length === 1, { describe: "the signal" });
    });

    test("all channels that one commit fills signal", async () => {
      const channels = ["x:0>0", "x:0>1", "x:0>2"];
      const ready: string[] = [];
      world.reader.watch(channels.map(start), (channel) => ready.push(channel));
      const outputs = channels.map((channel) => output(channel, 1, lineage));
      await producer.commit(epoch(++seq, { outputs }));
      await waitFor(() => ready.length === 3, {
        describe: () => `3 signals, got ${ready}`,
      });
      expect(ready.sort()).toEqual(channels);
    });

    test("a set that replaces another is watched at once, and the old one no more", async () => {
      const took = await fastest(async (trial) => {
        const [old, next] = [`x:0>${2 * trial}`, `x:0>${2 * trial + 1}`];
        const ready: string[] = [];
        world.reader.watch([start(old)], (channel) => ready.push(`first ${channel}`));
        // Time for the first wait to reach the store.
        await world.reader.lengths([old]);
        world.reader.watch([start(next)], (channel) => ready.push(`second ${channel}`));
        await append(old, 1, 1);
        const startedMs = performance.now();
        await append(next, 1, 1);
        await waitFor(() => ready.length > 0, { describe: "the signal" });
        expect(ready).toEqual([`second ${next}`]);
        return performance.now() - startedMs;
      });
      expect(took).toBeLessThan(LONGEST_WAIT_MS / 2);
    });

    test("a channel that joins the set signals soon, although a wait for the others is out", async () => {
      const took = await fastest(async (trial) => {
        const [old, joining] = [`x:0>${2 * trial}`, `x:0>${2 * trial + 1}`];
        const ready: string[] = [];
        world.reader.watch([start(old)], (channel) => ready.push(channel));
        for (let i = 0; i < 5; i++) await world.reader.lengths([old]);
        world.reader.watch([start(old), start(joining)], (channel) => ready.push(channel));
        const startedMs = performance.now();
        await append(joining, 1, 1);
        await waitFor(() => ready.length > 0, { describe: "the signal" });
        expect(ready).toEqual([joining]);
        return performance.now() - startedMs;
      });
      expect(took).toBeLessThan(LONGEST_WAIT_MS / 2);
    });

    test("nothing is signalled when nothing is watched", async () => {
      const ready: string[] = [];
      world.reader.watch([start("x:0>0")], (channel) => ready.push(channel));
      world.reader.watch([], (channel) => ready.push(channel));
      await append("x:0>0", 1, 1);
      await world.reader.lengths(["x:0>0"]);
      expect(ready).toEqual([]);
    });
  });
}
