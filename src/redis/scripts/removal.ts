// Removal: everything that a job keeps goes, while another of its name may already be there.
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

export const removeJobScript: Script = defineScript({
  name: "remove-job",
  flags: "allow-oom",
  keys: ["job", "leader", "workers", "assignments"],
  args: ["workerPrefix", "metaPrefix", "metaInfix", "bell"],
  body: `
--[[
  remove-job - delete a job's control plane and the records of its partitions.
  Why a script: in between, somebody could create the job anew and lose pieces of it. Without its record no partition
  commits any more, so what is left is only garbage (sweep).

  KEYS  [1] job           hash    record of the job
        [2] leader        hash    who leads
        [3] workers       set     ids of workers
        [4] assignments   hash    partition -> version and worker
  ARGV  [1] workerPrefix  string  before the id in the key of a worker (same slot)
        [2] metaPrefix    string  before the incarnation in the key of a partition's record (same slot)
        [3] metaInfix     string  between the incarnation and the partition
        [4] bell          string  channel to ring: workers see at once that the job is lost
  Returns how many keys were deleted
]]
local deleted = 0
for _, id in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  deleted = deleted + redis.call('UNLINK', ARGV[1] .. id)
end
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if incarnation then
  for _, partition in ipairs(redis.call('HKEYS', KEYS[4])) do
    deleted = deleted + redis.call('UNLINK', ARGV[2] .. incarnation .. ARGV[3] .. partition)
  end
end
deleted = deleted + redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('PUBLISH', ARGV[4], 'removed')
return deleted
`,
});

export function removeJobCall(keys: JobKeys): (string | Buffer)[] {
  const [before, between] = keys.metaAround;
  return call(
    removeJobScript,
    [keys.record, keys.leader, keys.workers, keys.assignments],
    [keys.workerPrefix, before, between, keys.bell],
  );
}

export const sweepScript: Script = defineScript({
  name: "sweep",
  flags: "allow-oom",
  keys: ["job", "...found"],
  args: ["prefix"],
  body: `
--[[
  sweep - delete the keys of a job that do not belong to the one that is there now, if any.
  Why a script: a key that was found may since have become part of a new job.

  KEYS  [1] job     hash    record of the job
        [2..] found         keys of any kind and incarnation
  ARGV  [1] prefix  string  what all keys of the job begin with
  Returns how many keys were deleted
  Laws  A9 a job is not touched by what was meant for another incarnation
]]
local current = redis.call('HGET', KEYS[1], 'incarnation')
local deleted = 0
for i = 2, #KEYS do
  local incarnation = string.match(string.sub(KEYS[i], #ARGV[1] + 1), '^(%d+):')
  if not current or (incarnation and incarnation ~= current) then
    deleted = deleted + redis.call('UNLINK', KEYS[i])
  end
end
return deleted
`,
});

export function sweepCall(keys: JobKeys, found: readonly string[]): (string | Buffer)[] {
  return call(sweepScript, [keys.record, ...found], [keys.prefix]);
}
