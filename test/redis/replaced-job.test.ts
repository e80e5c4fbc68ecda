// A9 on the server: each script by itself refuses a call of another incarnation, whatever remains of the old job, and
// deleting a job never takes a piece of the next one of its name.
import fc from "fast-check";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { deleteJob } from "../../src/redis/delete-job.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import {
  createJobCall,
  createJobScript,
  newIncarnation,
  raiseLayoutsCall,
  raiseLayoutsScript,
  setStatusCall,
  setStatusScript,
} from "../../src/redis/scripts/job.ts";
import {
  assignCall,
  assignScript,
  electCall,
  electScript,
  leaderBeatCall,
  leaderBeatScript,
} from "../../src/redis/scripts/leadership.ts";
import { sweepCall, sweepScript } from "../../src/redis/scripts/removal.ts";
import type { Script } from "../../src/redis/scripts/script.ts";
import {
  beatCall,
  beatScript,
  joinCall,
  joinScript,
  reportCall,
  reportScript,
  requestLeaveCall,
  requestLeaveScript,
} from "../../src/redis/scripts/workers.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { epoch, request } from "../conformance/state-backend.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";

const WORKER = { id: "w1", host: "here", pid: 1 };
const PARTITIONS = ["count.0", "count.1"];
const RECORD = { planHash: "hash", config: "{}", layouts: "{}" };

let name: string;
let keys: JobKeys;
let session: RedisSession;
beforeEach(async () => {
  name = uniqueTag("replaced");
  keys = new JobKeys(name);
  session = await RedisSession.open({ url: testRedisUrl() });
  const opened = session;
  const job = name;
  onTestFinished(async () => {
    opened.close();
    await deleteJob(testRedisUrl(), job);
  });
});

const run = (script: Script, args: (string | Buffer)[]) => session.run(script, args);
const create = (incarnation: number) =>
  run(createJobScript, createJobCall(keys, incarnation, { ...RECORD, name }, PARTITIONS));

async function contents(): Promise<Map<string, string>> {
  const found = (await session.send(["KEYS", keys.pattern])) as string[];
  const dumps = await Promise.all(found.map((key) => session.sendForBytes(["DUMP", key])));
  return new Map(found.map((key, i) => [key, String(dumps[i])] as const).sort());
}

describe("a call of another incarnation", () => {
  const calls: readonly (readonly [Script, (keys: JobKeys, incarnation: number) => (string | Buffer)[]])[] = [
    [raiseLayoutsScript, (keys, incarnation) => raiseLayoutsCall(keys, incarnation, 0, '{"a":1}')],
    [
      setStatusScript,
      (keys, incarnation) => setStatusCall(keys, incarnation, ["created"], "failed", "", "n"),
    ],
    [joinScript, (keys, incarnation) => joinCall(keys, incarnation, { ...WORKER, id: "w2" })],
    [beatScript, (keys, incarnation) => beatCall(keys, incarnation, "w1", 9)],
    [requestLeaveScript, (keys, incarnation) => requestLeaveCall(keys, incarnation, "w1")],
    [reportScript, (keys, incarnation) => reportCall(keys, incarnation, "w1", "{}")],
    [electScript, (keys, incarnation) => electCall(keys, incarnation, "w2", 1)],
    [leaderBeatScript, (keys, incarnation) => leaderBeatCall(keys, incarnation, "w1", 1)],
    [
      assignScript,
      (keys, incarnation) =>
        assignCall(keys, incarnation, "w1", 1, new Map([["count.0", { worker: "w1", version: 1 }]])),
    ],
  ];

  test.for(calls.map(([script, call]) => ({ name: script.name, script, call })))(
    "A9 $name is refused and changes nothing; one of the right incarnation does",
    async ({ script, call }) => {
      const [old, current] = [newIncarnation(), newIncarnation()];
      await create(current);
      // The worst remains: the worker is known and leads.
      await run(joinScript, joinCall(keys, current, WORKER));
      await run(electScript, electCall(keys, current, "w1", 0));
      const before = await contents();
      expect([await run(script, call(keys, old))].flat()[0]).toBe(
        script === beatScript ? "GONE" : "REPLACED",
      );
      expect(await contents()).toEqual(before);
      expect([await run(script, call(keys, current))].flat()[0]).toBe("OK");
      expect(await contents()).not.toEqual(before);
    },
  );

  test("A9 an attach is refused, and a commit of an attempt from before finds nothing to commit to", async () => {
    const [old, current] = [newIncarnation(), newIncarnation()];
    await create(old);
    const backend = new RedisStateBackend(session, name);
    const handle = await backend.attach(request("count.0", { incarnation: old }));
    await deleteJob(testRedisUrl(), name);
    await create(current);
    const before = await contents();
    expect(await handle.commit(epoch(1, { meta: [["wm", "1"]] }))).toMatchObject({
      kind: "LOST",
      cause: { code: "PARTITION_MISSING" },
    });
    await handle.release();
    await expect(backend.attach(request("count.0", { incarnation: old }))).rejects.toMatchObject({
      code: "INCARNATION",
    });
    expect(await contents()).toEqual(before);
  });

  test("A9 whoever has seen a job does not take another for it, and does not create one", async () => {
    const open = () => RedisCoordination.open({ url: testRedisUrl(), job: name });
    const one = await open();
    const late = await open();
    try {
      const { job } = await one.createJob({ ...RECORD, name }, PARTITIONS);
      await deleteJob(testRedisUrl(), name);
      await expect(one.observe()).rejects.toMatchObject({ code: "JOB_LOST" });
      const again = await late.createJob({ ...RECORD, name }, PARTITIONS);
      expect(again.created).toBe(true);
      expect(again.job.incarnation).not.toBe(job.incarnation);
      for (const call of [
        () => one.observe(),
        () => one.join(WORKER),
        () => one.createJob({ ...RECORD, name }, PARTITIONS),
      ])
        await expect(call()).rejects.toMatchObject({
          code: "JOB_REPLACED",
          message: expect.stringContaining("start it again"),
        });
    } finally {
      await one.close();
      await late.close();
    }
  });
});

describe("deleting a job", () => {
  test("A9 a sweep deletes what it found of any other incarnation, and nothing of the one that is there", async () => {
    const [old, current] = [newIncarnation(), newIncarnation()];
    await create(old);
    const data = keys.incarnation(old);
    await session.send(["HSET", data.state("count", 3), "s:k", "v"]);
    const found = (await session.send(["KEYS", keys.pattern])) as string[];
    expect(found).toHaveLength(5);
    await session.send(["UNLINK", keys.record, keys.assignments]);
    await create(current);
    const mine = (await session.send(["KEYS", `${keys.prefix}${current}:*`])) as string[];
    expect(await run(sweepScript, sweepCall(keys, [...found, ...mine]))).toBe(3);
    expect([...(await contents()).keys()]).toEqual([keys.record, keys.assignments, ...mine].sort());
  });

  test("A9 any number of deletions at once leave a job that is created meanwhile whole", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("delete", "create"), { minLength: 2, maxLength: 6 }),
        async (steps) => {
          await Promise.all(
            steps.map((step) =>
              step === "delete" ? deleteJob(testRedisUrl(), name) : create(newIncarnation()),
            ),
          );
          const left = await contents();
          const incarnation = await session.send(["HGET", keys.record, "incarnation"]);
          const whole =
            incarnation === null
              ? []
              : [
                  keys.record,
                  keys.assignments,
                  ...PARTITIONS.map((id) => keys.incarnation(Number(incarnation)).meta(id)),
                ];
          expect([...left.keys()]).toEqual(whole.sort());
          await deleteJob(testRedisUrl(), name);
        },
      ),
      { numRuns: 15 },
    );
  });

  test("everything goes, remains without a record too", async () => {
    await create(newIncarnation());
    await run(
      joinScript,
      joinCall(keys, Number(await session.send(["HGET", keys.record, "incarnation"])), WORKER),
    );
    await session.send(["DEL", keys.record]);
    expect(await deleteJob(testRedisUrl(), name)).toBe(5);
    expect(await contents()).toEqual(new Map());
    expect(await deleteJob(testRedisUrl(), name)).toBe(0);
  });
});
