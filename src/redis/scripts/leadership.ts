// Leadership: one leader per term, and what only a leader may do.
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

export const electScript: Script = defineScript({
  name: "elect",
  flags: "allow-oom",
  keys: ["job", "leader"],
  args: ["worker", "expected", "bell"],
  body: `
--[[
  elect - take the leadership when nobody took it since the candidate looked.
  Why a script: of several candidates that saw the same term, one wins.

  KEYS  [1] job       hash     record of the job: without it there is nothing to lead
        [2] leader    hash     worker, term, beat
  ARGV  [1] worker    string   candidate
        [2] expected  integer  term that the candidate saw
        [3] bell      string   channel to ring
  Returns "OK" | "NO" | "MISSING"
  Laws  A1 at most one leader per term
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
local stored = redis.call('HMGET', KEYS[2], 'term', 'worker')
local term, expected = tonumber(stored[1] or '0'), tonumber(ARGV[2])
-- The same candidate asks again because the first answer was lost.
if term == expected + 1 and stored[2] == ARGV[1] then return 'OK' end
if term ~= expected then return 'NO' end
redis.call('HSET', KEYS[2], 'worker', ARGV[1], 'term', expected + 1, 'beat', '0')
redis.call('PUBLISH', ARGV[3], 'leader')
return 'OK'
`,
});

export function electCall(keys: JobKeys, worker: string, expectedTerm: number): (string | Buffer)[] {
  return call(electScript, [keys.record, keys.leader], [worker, String(expectedTerm), keys.bell]);
}

export const leaderBeatScript: Script = defineScript({
  name: "leader-beat",
  flags: "allow-oom",
  keys: ["leader"],
  args: ["worker", "term"],
  body: `
--[[
  leader-beat - the leader's sign of life.
  Why a script: a deposed leader must not lend its beat to the next one.

  KEYS  [1] leader  hash     worker, term, beat
  ARGV  [1] worker  string   who beats
        [2] term    integer  in which it was elected
  Returns "OK" | "NO"
  Laws  A1 a deposed leader changes nothing
]]
local stored = redis.call('HMGET', KEYS[1], 'worker', 'term')
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[2] then return 'NO' end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
return 'OK'
`,
});

export function leaderBeatCall(keys: JobKeys, worker: string, term: number): (string | Buffer)[] {
  return call(leaderBeatScript, [keys.leader], [worker, String(term)]);
}

export const assignScript: Script = defineScript({
  name: "assign",
  flags: "allow-oom",
  keys: ["leader", "assignments"],
  args: ["worker", "term", "bell", "...changes"],
  body: `
--[[
  assign - give partitions to workers.
  Why a script: the leadership must hold for all changes together, and versions only grow.

  KEYS  [1] leader       hash     worker, term, beat
        [2] assignments  hash     partition -> "<version> <worker>"
  ARGV  [1] worker       string   the leader
        [2] term         integer  in which it was elected
        [3] bell         string   channel to ring
        [4..] changes    triples of partition, version, new owner
  Returns {"OK"} | {"NO"} | {"STALE", partition, offered, stored} | {"UNKNOWN", partition}
  Laws  A1 a deposed leader changes nothing   A2 versions grow with every change of owner
]]
local stored = redis.call('HMGET', KEYS[1], 'worker', 'term')
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[2] then return {'NO'} end
for i = 4, #ARGV, 3 do
  local current = redis.call('HGET', KEYS[2], ARGV[i])
  if not current then return {'UNKNOWN', ARGV[i]} end
  local version = string.match(current, '^%d+')
  -- The very same change again: an answer was lost.
  if tonumber(ARGV[i + 1]) <= tonumber(version) and current ~= ARGV[i + 1] .. ' ' .. ARGV[i + 2] then
    return {'STALE', ARGV[i], ARGV[i + 1], version}
  end
end
for i = 4, #ARGV, 3 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
end
redis.call('PUBLISH', ARGV[3], 'assign')
return {'OK'}
`,
});

export function assignCall(
  keys: JobKeys,
  worker: string,
  term: number,
  changes: ReadonlyMap<string, { readonly worker: string; readonly version: number }>,
): (string | Buffer)[] {
  const args = [worker, String(term), keys.bell];
  for (const [partition, to] of changes) args.push(partition, String(to.version), to.worker);
  return call(assignScript, [keys.leader, keys.assignments], args);
}
