// Membership: workers come, say that they live, ask to leave, and go.
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

export const joinScript: Script = defineScript({
  name: "join",
  flags: "allow-oom",
  keys: ["job", "workers", "worker"],
  args: ["incarnation", "id", "host", "pid", "bell"],
  body: `
--[[
  join - make a worker known.
  Why a script: it must not be known to a job that is not there, nor half known.

  KEYS  [1] job          hash     record of the job
        [2] workers      set      ids
        [3] worker       hash     its sign of life
  ARGV  [1] incarnation  integer  of the job, as the worker has read and planned it
        [2] id           string
        [3] host         string
        [4] pid          integer
        [5] bell         string   channel to ring
  Returns "OK" | "MISSING" | "REPLACED"
  Laws  A9 a call of another incarnation changes nothing
]]
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if not incarnation then return 'MISSING' end
if incarnation ~= ARGV[1] then return 'REPLACED' end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], 'id', ARGV[2], 'host', ARGV[3], 'pid', ARGV[4], 'progress', '0', 'leaving', '0')
redis.call('HINCRBY', KEYS[3], 'beat', 1)
redis.call('PUBLISH', ARGV[5], 'join')
return 'OK'
`,
});

export function joinCall(
  keys: JobKeys,
  incarnation: number,
  worker: { readonly id: string; readonly host: string; readonly pid: number },
): (string | Buffer)[] {
  return call(
    joinScript,
    [keys.record, keys.workers, keys.worker(worker.id)],
    [String(incarnation), worker.id, worker.host, String(worker.pid), keys.bell],
  );
}

export const beatScript: Script = defineScript({
  name: "beat",
  flags: "allow-oom",
  keys: ["job", "worker"],
  args: ["incarnation", "progress", "bell"],
  body: `
--[[
  beat - a worker's sign of life. A counter and no expiry: observers time it on their own clock (H17).
  Why a script: a worker that was removed, or whose job was deleted, must not come back by beating.

  KEYS  [1] job          hash     record of the job
        [2] worker       hash     its sign of life
  ARGV  [1] incarnation  integer  of the job, as the worker knows it
        [2] progress     integer  counter of its main loop
        [3] bell         string   channel to ring with the first beat: partitions go to workers that have beaten
  Returns "OK" | "GONE"
  Laws  A9 a call of another incarnation changes nothing
]]
if redis.call('HGET', KEYS[1], 'incarnation') ~= ARGV[1] then return 'GONE' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'GONE' end
local beat = redis.call('HINCRBY', KEYS[2], 'beat', 1)
redis.call('HSET', KEYS[2], 'progress', ARGV[2])
-- The one before came with the join.
if beat == 2 then redis.call('PUBLISH', ARGV[3], 'beat') end
return 'OK'
`,
});

export function beatCall(
  keys: JobKeys,
  incarnation: number,
  worker: string,
  progress: number,
): (string | Buffer)[] {
  return call(
    beatScript,
    [keys.record, keys.worker(worker)],
    [String(incarnation), String(progress), keys.bell],
  );
}

export const requestLeaveScript: Script = defineScript({
  name: "request-leave",
  flags: "allow-oom",
  keys: ["job", "worker"],
  args: ["incarnation", "bell"],
  body: `
--[[
  request-leave - a worker asks that its partitions be given to others.
  Why a script: the mark must not create a worker that is gone.

  KEYS  [1] job          hash     record of the job
        [2] worker       hash     its sign of life
  ARGV  [1] incarnation  integer  of the job, as the worker knows it
        [2] bell         string   channel to ring
  Returns "OK" | "GONE" | "MISSING" | "REPLACED"
  Laws  A9 a call of another incarnation changes nothing
]]
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if not incarnation then return 'MISSING' end
if incarnation ~= ARGV[1] then return 'REPLACED' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'GONE' end
redis.call('HSET', KEYS[2], 'leaving', '1')
redis.call('PUBLISH', ARGV[2], 'leaving')
return 'OK'
`,
});

export function requestLeaveCall(keys: JobKeys, incarnation: number, worker: string): (string | Buffer)[] {
  return call(requestLeaveScript, [keys.record, keys.worker(worker)], [String(incarnation), keys.bell]);
}

export const reportScript: Script = defineScript({
  name: "report",
  flags: "allow-oom",
  keys: ["job", "worker"],
  args: ["incarnation", "report"],
  body: `
--[[
  report - keep a worker's figures.
  Why a script: figures must not create a worker that is gone.

  KEYS  [1] job          hash     record of the job
        [2] worker       hash     its sign of life
  ARGV  [1] incarnation  integer  of the job, as the worker knows it
        [2] report       string   JSON
  Returns "OK" | "GONE" | "MISSING" | "REPLACED"
  Laws  A9 a call of another incarnation changes nothing
]]
local incarnation = redis.call('HGET', KEYS[1], 'incarnation')
if not incarnation then return 'MISSING' end
if incarnation ~= ARGV[1] then return 'REPLACED' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'GONE' end
redis.call('HSET', KEYS[2], 'report', ARGV[2])
return 'OK'
`,
});

export function reportCall(
  keys: JobKeys,
  incarnation: number,
  worker: string,
  report: string,
): (string | Buffer)[] {
  return call(reportScript, [keys.record, keys.worker(worker)], [String(incarnation), report]);
}

export const leaveScript: Script = defineScript({
  name: "leave",
  flags: "allow-oom",
  keys: ["workers", "worker"],
  args: ["id", "bell"],
  body: `
--[[
  leave - forget a worker. Harmless when it is not known, and in another incarnation of the job nobody knows it.
  Why a script: set and hash go together.

  KEYS  [1] workers  set   ids
        [2] worker   hash  its sign of life
  ARGV  [1] id       string
        [2] bell     string  channel to ring
  Returns "OK"
]]
redis.call('SREM', KEYS[1], ARGV[1])
redis.call('UNLINK', KEYS[2])
redis.call('PUBLISH', ARGV[2], 'leave')
return 'OK'
`,
});

export function leaveCall(keys: JobKeys, worker: string): (string | Buffer)[] {
  return call(leaveScript, [keys.workers, keys.worker(worker)], [worker, keys.bell]);
}
