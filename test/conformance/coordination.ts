// What every Coordination must do: one job, several workers that each have their own view of the control plane.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { jobLifecycle } from "../../src/core/job-lifecycle.ts";
import { JobLostError, JobNotFoundError, StaleAssignmentError } from "../../src/core/partition-errors.ts";
import type { Assignment, Coordination, JobStatus } from "../../src/core/ports/coordination.ts";
import { waitFor } from "../support/wait-for.ts";

export interface CoordinationWorld {
  /** The name of the job, which does not exist yet. */
  readonly job: string;
  readonly one: Coordination;
  /** What another worker holds: of the same job, in an embedded job the same object. */
  readonly two: Coordination;
  /** Ends a partition as its last commit does. */
  end(partition: string): Promise<void>;
  /** Deletes everything. */
  wipe(): Promise<void>;
  close(): Promise<void>;
}

/** Longer than a test may take: a wait of this length that ends has been ended. */
const FOREVER_MS = 3_600_000;
const PARTITIONS = ["count.0", "count.1", "sink.0"];
const STATUSES = Object.keys(jobLifecycle.edges) as JobStatus[];
const WORKER = { id: "w1", host: "here", pid: 7 };

export function describeCoordination(name: string, open: () => Promise<CoordinationWorld>): void {
  describe(`coordination: ${name}`, () => {
    let world: CoordinationWorld;
    let one: Coordination;
    let two: Coordination;

    beforeEach(async () => {
      world = await open();
      ({ one, two } = world);
    });
    afterEach(() => world.close());

    const create = (planHash = "hash") =>
      one.createJob({ name: world.job, planHash, config: '{"n":1}', layouts: '{"a/b":{}}' }, PARTITIONS);

    test("a job is created once; whoever comes later gets the record that is there", async () => {
      const record = {
        name: world.job,
        status: "created",
        incarnation: expect.any(Number),
        layouts: '{"a/b":{}}',
        layoutSeq: 0,
        planHash: "hash",
        config: '{"n":1}',
        failure: undefined,
      };
      expect(await create()).toEqual({ job: record, created: true });
      const again = await two.createJob({ name: world.job, planHash: "other", config: "{}", layouts: "{}" }, [
        "x.0",
      ]);
      expect(again).toEqual({ job: record, created: false });
      expect((await two.observe()).job).toEqual(record);
    });

    test("before the job there is nothing to see and nothing to join or lead", async () => {
      expect(await one.observe()).toEqual({
        job: undefined,
        leader: undefined,
        workers: [],
        assignments: new Map(),
        ended: new Set(),
      });
      await expect(one.join(WORKER)).rejects.toThrow(JobNotFoundError);
      await expect(one.elect("w1", 0)).rejects.toThrow(JobNotFoundError);
      await expect(one.setStatus(["created"], "running")).rejects.toThrow(JobNotFoundError);
    });

    test("workers join, report, ask to leave and leave", async () => {
      await create();
      await one.join(WORKER);
      await two.join({ id: "w2", host: "there", pid: 8 });
      await one.report("w1", '{"records":1}');
      await one.report("nobody", "{}");
      await two.requestLeave("w2");
      await two.requestLeave("nobody");
      const { workers } = await one.observe();
      const facts = workers.map(({ beat: _, progress: __, ...rest }) => rest);
      expect(facts.sort((a, b) => (a.id < b.id ? -1 : 1))).toEqual([
        { ...WORKER, leaving: false, report: '{"records":1}' },
        { id: "w2", host: "there", pid: 8, leaving: true, report: undefined },
      ]);
      await two.leave("w2");
      await two.leave("w2");
      expect((await one.observe()).workers.map((worker) => worker.id)).toEqual(["w1"]);
    });

    test("a worker that joins again is seen as alive and as staying", async () => {
      await create();
      await one.join(WORKER);
      await one.requestLeave("w1");
      const [before] = (await one.observe()).workers;
      await one.join(WORKER);
      const [after] = (await one.observe()).workers;
      expect(after!.beat).toBeGreaterThan(before!.beat);
      expect(after!.leaving).toBe(false);
    });

    test("A1 of many candidates that saw the same term, exactly one wins", async () => {
      await create();
      for (const term of [0, 1, 2]) {
        const candidates = ["a", "b", "c", "d", "e", "f"].map((id) => `${id}${term}`);
        const won = await Promise.all(candidates.map((id, i) => (i % 2 === 0 ? one : two).elect(id, term)));
        expect(won.filter(Boolean)).toHaveLength(1);
        const { leader } = await two.observe();
        expect(leader).toEqual({ worker: candidates[won.indexOf(true)], term: term + 1, beat: 0 });
      }
    });

    test("A1 asking again after a lost answer is answered as the first time", async () => {
      await create();
      expect(await one.elect("w1", 0)).toBe(true);
      expect(await one.elect("w1", 0)).toBe(true);
      expect(await two.elect("w2", 0)).toBe(false);
      expect((await one.observe()).leader).toMatchObject({ worker: "w1", term: 1 });
    });

    test("A1 a deposed leader neither beats nor assigns", async () => {
      await create();
      await one.elect("w1", 0);
      expect(await one.leaderBeat("w1", 1)).toBe(true);
      expect((await two.observe()).leader).toEqual({ worker: "w1", term: 1, beat: 1 });
      await two.elect("w2", 1);
      const changes = new Map([["count.0", { worker: "w1", version: 1 }]]);
      expect(await one.leaderBeat("w1", 1)).toBe(false);
      expect(await one.assign("w1", 1, changes)).toBe(false);
      expect(await one.assign("w2", 1, changes)).toBe(false);
      const seen = await two.observe();
      expect(seen.leader).toEqual({ worker: "w2", term: 2, beat: 0 });
      expect(seen.assignments).toEqual(new Map());
    });

    test("A2 assignments are set together, and repeating them changes nothing", async () => {
      await create();
      await one.elect("w1", 0);
      const changes = new Map<string, Assignment>([
        ["count.0", { worker: "w1", version: 1 }],
        ["sink.0", { worker: "w two", version: 3 }],
      ]);
      expect(await one.assign("w1", 1, changes)).toBe(true);
      expect(await one.assign("w1", 1, changes)).toBe(true);
      expect((await two.observe()).assignments).toEqual(changes);
    });

    test("A2 the version of a partition only grows, for any sequence of assignments", async () => {
      await create();
      await one.elect("w1", 0);
      const change = fc.record({
        partition: fc.constantFrom(...PARTITIONS),
        worker: fc.constantFrom("a", "b"),
        version: fc.integer({ min: 1, max: 12 }),
      });
      const stored = new Map<string, Assignment>();
      await fc.assert(
        fc.asyncProperty(fc.array(change, { maxLength: 4 }), async (wanted) => {
          const changes = new Map(wanted.map(({ partition, ...to }) => [partition, to]));
          const stale = [...changes].some(([partition, to]) => {
            const before = stored.get(partition);
            const same = before?.version === to.version && before.worker === to.worker;
            return to.version <= (before?.version ?? 0) && !same;
          });
          const done = one.assign("w1", 1, changes);
          if (stale) {
            await expect(done).rejects.toThrow(StaleAssignmentError);
          } else {
            expect(await done).toBe(true);
            for (const [partition, to] of changes) stored.set(partition, to);
          }
          expect((await two.observe()).assignments).toEqual(stored);
        }),
        { numRuns: 60 },
      );
    });

    test("a partition that the job does not have cannot be assigned", async () => {
      await create();
      await one.elect("w1", 0);
      const changes = new Map([["nothing.0", { worker: "w1", version: 1 }]]);
      await expect(one.assign("w1", 1, changes)).rejects.toThrow("A2");
    });

    test("A3 the status moves along the life of a job and never leaves a final one", async () => {
      await create();
      expect(await one.setStatus(["created"], "running")).toBe(true);
      expect(await two.setStatus(["created"], "running")).toBe(false);
      expect(await two.setStatus(["created", "running"], "cancelling")).toBe(true);
      const failure = { code: "BOOM", message: "it broke", partition: "count.0" };
      expect(await one.setStatus(["running", "cancelling"], "failed", failure)).toBe(true);
      expect((await two.observe()).job).toMatchObject({ status: "failed", failure });
      for (const to of STATUSES)
        for (const from of STATUSES) {
          if (!jobLifecycle.allows(from, to))
            await expect(one.setStatus([from], to)).rejects.toMatchObject({ code: "ILLEGAL_TRANSITION" });
          else expect(await one.setStatus([from], to)).toBe(false);
        }
      expect((await two.observe()).job).toMatchObject({ status: "failed", failure });
    });

    test("a failure without a partition comes back as it was", async () => {
      await create();
      const failure = { code: "X", message: "y", partition: undefined };
      await one.setStatus(["created"], "failed", failure);
      expect((await two.observe()).job?.failure).toStrictEqual(failure);
    });

    test("partitions that have ended are seen by all", async () => {
      await create();
      await world.end("count.1");
      expect((await two.observe()).ended).toEqual(new Set(["count.1"]));
    });

    test("a wait ends at its time when nothing happens, and soon when something does", async () => {
      await create();
      // Whatever rang so far is old news.
      await two.waitForChange(1);
      await two.waitForChange(20);
      const changes: (() => Promise<unknown>)[] = [
        () => one.join(WORKER),
        () => one.elect("w1", 0),
        () => one.assign("w1", 1, new Map([["count.0", { worker: "w1", version: 1 }]])),
        () => one.setStatus(["created"], "running"),
        () => world.end("count.0"),
        () => one.requestLeave("w1"),
        () => one.leave("w1"),
      ];
      for (const change of changes) {
        const waiting = Promise.resolve(two.waitForChange(FOREVER_MS));
        await change();
        await waiting;
      }
    });

    test("a job whose data is gone is lost, and nobody creates it again", async () => {
      await create();
      await two.observe();
      await world.wipe();
      for (const worker of [one, two]) {
        await expect(worker.observe()).rejects.toThrow(JobLostError);
        await expect(worker.join(WORKER)).rejects.toThrow(JobLostError);
        await expect(
          worker.createJob({ name: world.job, planHash: "hash", config: "{}", layouts: "{}" }, PARTITIONS),
        ).rejects.toThrow(JobLostError);
      }
    });

    test("the registry of layouts is raised by one of many who saw the same, and everybody sees what it says", async () => {
      await expect(one.raiseLayouts(0, "early")).rejects.toThrow(JobNotFoundError);
      await create();
      const raised = await Promise.all(["a", "b", "c"].map((layouts) => one.raiseLayouts(0, layouts)));
      expect(raised.filter(Boolean)).toHaveLength(1);
      const layouts = ["a", "b", "c"][raised.indexOf(true)];
      expect((await two.observe()).job).toMatchObject({ layouts, layoutSeq: 1 });
      // Asking again after a lost answer is answered as the first time.
      expect(await one.raiseLayouts(0, layouts!)).toBe(true);
      expect((await two.observe()).job).toMatchObject({ layouts, layoutSeq: 1 });
      expect(await two.raiseLayouts(1, "d")).toBe(true);
      expect(await one.raiseLayouts(1, "e")).toBe(false);
      expect((await one.observe()).job).toMatchObject({ layouts: "d", layoutSeq: 2 });
    });

    test("close ends whatever waits", async () => {
      await create();
      const waiting = Promise.resolve(one.waitForChange(FOREVER_MS));
      await one.close();
      await waitFor(() => waiting.then(() => true), { describe: "the end of the wait" });
    });
  });
}
