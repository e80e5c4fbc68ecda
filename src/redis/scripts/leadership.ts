// Leadership: one leader per term, and what only a leader may do.
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

export const electScript: Script = defineScript({
  name: "elect",
  flags: "allow-oom",
  keys: ["job", "leader"],
  args: ["incarnation", "worker", "expected", "bell"],
  body: `
--[[
  elect - take the leadership when nobody took it since the candidate looked.
  Why a script: of several candidates that saw the same term, one wins.

  KEYS  [1] job          hash     record of the job: without it there is nothing to lead
        [2] leader       hash     worker, term, beat
  ARGV  [1] incarnation  integer  of the job, as the candidate knows it
        [2] worker       string   candidate
        [3] expected     integer  term that the candidate saw
        [4] bell         string   channel to ring
  Returns "OK" | "NO" | "MISSING" | "REPLACED"
  Laws  A1 at most one leader per term   A9 a call of another incarnation changes nothing
]]
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if not incarnation then return 'MISSING' end
if incarnation ~= ARGV[1] then return 'REPLACED' end
local stored = redis.call('HMGET', KEYS[2], 'term', 'worker')
local term, expected = tonumber(stored[1] or '0'), tonumber(ARGV[3])
-- The same candidate asks again because the first answer was lost.
if term == expected + 1 and stored[2] == ARGV[2] then return 'OK' end
if term ~= expected then return 'NO' end
redis.call('HSET', KEYS[2], 'worker', ARGV[2], 'term', expected + 1, 'beat', '0')
redis.call('PUBLISH', ARGV[4], 'leader')
return 'OK'
`,
});

export function electCall(
  keys: JobKeys,
  incarnation: number,
  worker: string,
  expectedTerm: number,
): (string | Buffer)[] {
  const args = [String(incarnation), worker, String(expectedTerm), keys.bell];
  return call(electScript, [keys.record, keys.leader], args);
}

export const leaderBeatScript: Script = defineScript({
  name: "leader-beat",
  flags: "allow-oom",
  keys: ["job", "leader"],
  args: ["incarnation", "worker", "term"],
  body: `
--[[
  leader-beat - the leader's sign of life.
  Why a script: a deposed leader must not lend its beat to the next one.

  KEYS  [1] job          hash     record of the job
        [2] leader       hash     worker, term, beat
  ARGV  [1] incarnation  integer  of the job, as the leader knows it
        [2] worker       string   who beats
        [3] term         integer  in which it was elected
  Returns "OK" | "NO" | "MISSING" | "REPLACED"
  Laws  A1 a deposed leader changes nothing   A9 a call of another incarnation changes nothing
]]
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if not incarnation then return 'MISSING' end
if incarnation ~= ARGV[1] then return 'REPLACED' end
local stored = redis.call('HMGET', KEYS[2], 'worker', 'term')
if stored[1] ~= ARGV[2] or stored[2] ~= ARGV[3] then return 'NO' end
redis.call('HINCRBY', KEYS[2], 'beat', 1)
return 'OK'
`,
});

export function leaderBeatCall(
  keys: JobKeys,
  incarnation: number,
  worker: string,
  term: number,
): (string | Buffer)[] {
  const args = [String(incarnation), worker, String(term)];
  return call(leaderBeatScript, [keys.record, keys.leader], args);
}

export const assignScript: Script = defineScript({
  name: "assign",
  flags: "allow-oom",
  keys: ["job", "leader", "assignments"],
  args: ["incarnation", "worker", "term", "bell", "...changes"],
  body: `
--[[
  assign - give partitions to workers.
  Why a script: the leadership must hold for all changes together, and versions only grow.

  KEYS  [1] job          hash     record of the job
        [2] leader       hash     worker, term, beat
        [3] assignments  hash     partition -> "<version> <worker>"
  ARGV  [1] incarnation  integer  of the job, as the leader knows it
        [2] worker       string   the leader
        [3] term         integer  in which it was elected
        [4] bell         string   channel to ring
        [5..] changes    triples of partition, version, new owner
  Returns {"OK"} | {"NO"} | {"MISSING"} | {"REPLACED"} | {"STALE", partition, offered, stored} | {"UNKNOWN", partition}
  Laws  A1 a deposed leader changes nothing   A2 versions grow with every change of owner
        A9 a call of another incarnation changes nothing
]]
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if not incarnation then return {'MISSING'} end
if incarnation ~= ARGV[1] then return {'REPLACED'} end
local stored = redis.call('HMGET', KEYS[2], 'worker', 'term')
if stored[1] ~= ARGV[2] or stored[2] ~= ARGV[3] then return {'NO'} end
for i = 5, #ARGV, 3 do
  local current = redis.call('HGET', KEYS[3], ARGV[i])
  if not current then return {'UNKNOWN', ARGV[i]} end
  local version = string.match(current, '^%d+')
  -- The very same change again: an answer was lost.
  if tonumber(ARGV[i + 1]) <= tonumber(version) and current ~= ARGV[i + 1] .. ' ' .. ARGV[i + 2] then
    return {'STALE', ARGV[i], ARGV[i + 1], version}
  end
end
for i = 5, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
end
redis.call('PUBLISH', ARGV[4], 'assign')
return {'OK'}
`,
});

export function assignCall(
  keys: JobKeys,
  incarnation: number,
  worker: string,
  term: number,
  changes: ReadonlyMap<string, { readonly worker: string; readonly version: number }>,
): (string | Buffer)[] {
  const args = [String(incarnation), worker, String(term), keys.bell];
  for (const [partition, to] of changes) args.push(partition, String(to.version), to.worker);
  return call(assignScript, [keys.record, keys.leader, keys.assignments], args);
}
