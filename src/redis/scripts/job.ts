// The job's record: created once, moved along its life cycle, looked at as a whole.
import { randomInt } from "node:crypto";
import type { PartitionId } from "../../core/ids.ts";
import type { NewJob } from "../../core/ports/coordination.ts";
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

/** Layout of the records of partitions and of stored state. 2: every value begins with the version that wrote it. */
export const STATE_FORMAT = "2";

export const createJobScript: Script = defineScript({
  name: "create-job",
  keys: ["job", "assignments", "...metas"],
  args: ["incarnation", "name", "planHash", "config", "layouts", "format", "...partitions"],
  body: `
--[[
  create-job - create a job with the records of all its partitions, or leave the existing one alone.
  Why a script: two processes may start the same job at once, and a job must never be seen without its partitions.
  The only place where records of partitions are created (H20).

  KEYS  [1] job          hash  record of the job
        [2] assignments  hash  partition -> version and worker
        [3..] metas      hash  one per partition
  ARGV  [1] incarnation  integer random: no job of this name ever had it (A9)
        [2] name         string  of the job
        [3] planHash     string
        [4] config       string  JSON
        [5] layouts      string  JSON, registry of state layouts
        [6] format       string  layout of the partitions' records and state
        [7..] partitions string  ids, in the order of KEYS
  Returns "CREATED" | "EXISTS" | "LEFTOVERS"
]]
local stored = redis.call('HGET', KEYS[1], 'incarnation')
-- The very same job again: an answer was lost.
if stored == ARGV[1] then return 'CREATED' end
if stored then return 'EXISTS' end
-- It names every partition, so it is what a job that was deleted in part is known by.
if redis.call('EXISTS', KEYS[2]) == 1 then return 'LEFTOVERS' end
for i = 3, #KEYS do
  redis.call('HSET', KEYS[i], 'seq', '0', 'begun', '0', 'av', '0', 'fence', '', 'owner', '', 'fmt', ARGV[6])
  redis.call('HSET', KEYS[2], ARGV[i + 4], '0 ')
end
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'status', 'created', 'incarnation', ARGV[1], 'planHash', ARGV[3],
  'config', ARGV[4], 'layouts', ARGV[5], 'layoutSeq', '0', 'lineage', '0')
return 'CREATED'
`,
});

/** @returns a number for a job that is about to be created: 48 random bits, so that no other job had it or will */
export function newIncarnation(): number {
  return randomInt(1, 2 ** 48 - 1);
}

export function createJobCall(
  keys: JobKeys,
  incarnation: number,
  job: NewJob,
  partitions: readonly PartitionId[],
): (string | Buffer)[] {
  const data = keys.incarnation(incarnation);
  return call(
    createJobScript,
    [keys.record, keys.assignments, ...partitions.map((partition) => data.meta(partition))],
    [String(incarnation), job.name, job.planHash, job.config, job.layouts, STATE_FORMAT, ...partitions],
  );
}

export const raiseLayoutsScript: Script = defineScript({
  name: "raise-layouts",
  flags: "allow-oom",
  keys: ["job"],
  args: ["incarnation", "expected", "layouts", "bell"],
  body: `
--[[
  raise-layouts - replace the registry of state layouts, unless somebody else has since the caller looked.
  Why a script: the new registry was worked out from the one that the caller saw.

  KEYS  [1] job          hash     record of the job
  ARGV  [1] incarnation  integer  of the job, as the caller knows it
        [2] expected     integer  layoutSeq that the caller saw
        [3] layouts      string   JSON
        [4] bell         string   channel to ring
  Returns "OK" | "NO" | "MISSING" | "REPLACED"
  Laws  V1 attempts that go by an earlier registry attach no more   A9 a call of another incarnation changes nothing
]]
local stored = redis.call('HMGET', KEYS[1], 'incarnation', 'layoutSeq', 'layouts')
if not stored[1] then return 'MISSING' end
if stored[1] ~= ARGV[1] then return 'REPLACED' end
local seq, expected = tonumber(stored[2]), tonumber(ARGV[2])
-- The very same raise again: an answer was lost.
if seq == expected + 1 and stored[3] == ARGV[3] then return 'OK' end
if seq ~= expected then return 'NO' end
redis.call('HSET', KEYS[1], 'layouts', ARGV[3], 'layoutSeq', expected + 1)
redis.call('PUBLISH', ARGV[4], 'layouts')
return 'OK'
`,
});

export function raiseLayoutsCall(
  keys: JobKeys,
  incarnation: number,
  expected: number,
  layouts: string,
): (string | Buffer)[] {
  const args = [String(incarnation), String(expected), layouts, keys.bell];
  return call(raiseLayoutsScript, [keys.record], args);
}

export const setStatusScript: Script = defineScript({
  name: "set-status",
  flags: "allow-oom",
  keys: ["job"],
  args: ["incarnation", "to", "failure", "nonce", "bell", "...from"],
  body: `
--[[
  set-status - move the job along its life cycle.
  Why a script: the decision depends on the status that is stored now.

  KEYS  [1] job          hash     record of the job
  ARGV  [1] incarnation  integer  of the job, as the caller knows it
        [2] to           string   new status
        [3] failure      string   JSON, empty for none
        [4] nonce        string   of this request: asking again after a lost reply is answered as the first time
        [5] bell         string   channel to ring
        [6..] from       string   statuses from which it may move
  Returns "OK" | "NO" | "MISSING" | "REPLACED"
  Laws  A3 a final status is never left   A9 a call of another incarnation changes nothing
]]
local stored = redis.call('HMGET', KEYS[1], 'incarnation', 'status', 'statusBy')
if not stored[1] then return 'MISSING' end
if stored[1] ~= ARGV[1] then return 'REPLACED' end
if stored[3] == ARGV[4] then return 'OK' end
for i = 6, #ARGV do
  if stored[2] == ARGV[i] then
    redis.call('HSET', KEYS[1], 'status', ARGV[2], 'statusBy', ARGV[4])
    if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'failure', ARGV[3]) end
    redis.call('PUBLISH', ARGV[5], 'status')
    return 'OK'
  end
end
return 'NO'
`,
});

export function setStatusCall(
  keys: JobKeys,
  incarnation: number,
  from: readonly string[],
  to: string,
  failure: string,
  nonce: string,
): (string | Buffer)[] {
  return call(setStatusScript, [keys.record], [String(incarnation), to, failure, nonce, keys.bell, ...from]);
}

export const observeScript: Script = defineScript({
  name: "observe",
  flags: "no-writes",
  keys: ["job", "leader", "workers", "assignments"],
  args: ["workerPrefix", "endedPrefix", "endedSuffix"],
  body: `
--[[
  observe - the whole control plane at one moment.
  Why a script: a leader that saw workers and assignments of different moments could give a partition to the dead.

  KEYS  [1] job            hash    record of the job
        [2] leader         hash    who leads
        [3] workers        set     ids of workers
        [4] assignments    hash    partition -> version and worker
  ARGV  [1] workerPrefix   string  before the id in the key of a worker (same slot)
        [2] endedPrefix    string  before the incarnation in the key of the set of ended partitions
        [3] endedSuffix    string  after it
  Returns { job fields, leader fields, { worker fields ... }, assignment fields, ended partitions }
]]
local job = redis.call('HGETALL', KEYS[1])
local workers = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  workers[#workers + 1] = redis.call('HGETALL', ARGV[1] .. id)
end
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
local ended = {}
if incarnation then ended = redis.call('SMEMBERS', ARGV[2] .. incarnation .. ARGV[3]) end
return {job, redis.call('HGETALL', KEYS[2]), workers, redis.call('HGETALL', KEYS[4]), ended}
`,
});

export function observeCall(keys: JobKeys): (string | Buffer)[] {
  const [before, after] = keys.endedAround;
  return call(
    observeScript,
    [keys.record, keys.leader, keys.workers, keys.assignments],
    [keys.workerPrefix, before, after],
  );
}

export type ObserveReply = readonly [
  job: readonly string[],
  leader: readonly string[],
  workers: readonly (readonly string[])[],
  assignments: readonly string[],
  ended: readonly string[],
];
