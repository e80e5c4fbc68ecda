// The job's record: created once, moved along its life cycle, looked at as a whole.
import type { PartitionId } from "../../core/ids.ts";
import type { NewJob } from "../../core/ports/coordination.ts";
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

/** Layout of the records of partitions and of stored state. 2: every value begins with the version that wrote it. */
export const STATE_FORMAT = "2";

export const createJobScript: Script = defineScript({
  name: "create-job",
  keys: ["job", "assignments", "...metas"],
  args: ["name", "planHash", "config", "layouts", "format", "...partitions"],
  body: `
--[[
  create-job - create a job with the records of all its partitions, or leave the existing one alone.
  Why a script: two processes may start the same job at once, and a job must never be seen without its partitions.
  The only place where records of partitions are created (H20).

  KEYS  [1] job          hash  record of the job
        [2] assignments  hash  partition -> version and worker
        [3..] metas      hash  one per partition
  ARGV  [1] name         string  of the job
        [2] planHash     string
        [3] config       string  JSON
        [4] layouts      string  JSON, registry of state layouts
        [5] format       string  layout of the partitions' records and state
        [6..] partitions string  ids, in the order of KEYS
  Returns "CREATED" | "EXISTS" | "LEFTOVERS"
]]
if redis.call('EXISTS', KEYS[1]) == 1 then return 'EXISTS' end
for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then return 'LEFTOVERS' end
end
for i = 3, #KEYS do
  redis.call('HSET', KEYS[i], 'seq', '0', 'begun', '0', 'av', '0', 'fence', '', 'owner', '', 'fmt', ARGV[5])
  redis.call('HSET', KEYS[2], ARGV[i + 3], '0 ')
end
redis.call('HSET', KEYS[1], 'name', ARGV[1], 'status', 'created', 'incarnation', '1', 'planHash', ARGV[2],
  'config', ARGV[3], 'layouts', ARGV[4], 'layoutSeq', '0', 'lineage', '0')
return 'CREATED'
`,
});

export function createJobCall(
  keys: JobKeys,
  job: NewJob,
  partitions: readonly PartitionId[],
): (string | Buffer)[] {
  const incarnation = keys.incarnation(1);
  return call(
    createJobScript,
    [keys.record, keys.assignments, ...partitions.map((partition) => incarnation.meta(partition))],
    [job.name, job.planHash, job.config, job.layouts, STATE_FORMAT, ...partitions],
  );
}

export const raiseLayoutsScript: Script = defineScript({
  name: "raise-layouts",
  flags: "allow-oom",
  keys: ["job"],
  args: ["expected", "layouts", "bell"],
  body: `
--[[
  raise-layouts - replace the registry of state layouts, unless somebody else has since the caller looked.
  Why a script: the new registry was worked out from the one that the caller saw.

  KEYS  [1] job       hash     record of the job
  ARGV  [1] expected  integer  layoutSeq that the caller saw
        [2] layouts   string   JSON
        [3] bell      string   channel to ring
  Returns "OK" | "NO" | "MISSING"
  Laws  V1 attempts that go by an earlier registry attach no more
]]
local stored = redis.call('HMGET', KEYS[1], 'layoutSeq', 'layouts')
if not stored[1] then return 'MISSING' end
local seq, expected = tonumber(stored[1]), tonumber(ARGV[1])
-- The very same raise again: an answer was lost.
if seq == expected + 1 and stored[2] == ARGV[2] then return 'OK' end
if seq ~= expected then return 'NO' end
redis.call('HSET', KEYS[1], 'layouts', ARGV[2], 'layoutSeq', expected + 1)
redis.call('PUBLISH', ARGV[3], 'layouts')
return 'OK'
`,
});

export function raiseLayoutsCall(keys: JobKeys, expected: number, layouts: string): (string | Buffer)[] {
  return call(raiseLayoutsScript, [keys.record], [String(expected), layouts, keys.bell]);
}

export const setStatusScript: Script = defineScript({
  name: "set-status",
  flags: "allow-oom",
  keys: ["job"],
  args: ["to", "failure", "nonce", "bell", "...from"],
  body: `
--[[
  set-status - move the job along its life cycle.
  Why a script: the decision depends on the status that is stored now.

  KEYS  [1] job      hash    record of the job
  ARGV  [1] to       string  new status
        [2] failure  string  JSON, empty for none
        [3] nonce    string  of this request: asking again after a lost reply is answered as the first time
        [4] bell     string  channel to ring
        [5..] from   string  statuses from which it may move
  Returns "OK" | "NO" | "MISSING"
  Laws  A3 a final status is never left
]]
local stored = redis.call('HMGET', KEYS[1], 'status', 'statusBy')
if not stored[1] then return 'MISSING' end
if stored[2] == ARGV[3] then return 'OK' end
for i = 5, #ARGV do
  if stored[1] == ARGV[i] then
    redis.call('HSET', KEYS[1], 'status', ARGV[1], 'statusBy', ARGV[3])
    if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'failure', ARGV[2]) end
    redis.call('PUBLISH', ARGV[4], 'status')
    return 'OK'
  end
end
return 'NO'
`,
});

export function setStatusCall(
  keys: JobKeys,
  from: readonly string[],
  to: string,
  failure: string,
  nonce: string,
): (string | Buffer)[] {
  return call(setStatusScript, [keys.record], [to, failure, nonce, keys.bell, ...from]);
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
