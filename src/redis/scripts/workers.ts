// Membership: workers come, say that they live, ask to leave, and go.
import type { JobKeys } from "../keys.ts";
import { call, defineScript, type Script } from "./script.ts";

export const joinScript: Script = defineScript({
  name: "join",
  flags: "allow-oom",
  keys: ["job", "workers", "worker"],
  args: ["id", "host", "pid", "bell"],
  body: `
--[[
  join - make a worker known.
  Why a script: it must not be known to a job that is not there, nor half known.

  KEYS  [1] job      hash  record of the job
        [2] workers  set   ids
        [3] worker   hash  its sign of life
  ARGV  [1] id       string
        [2] host     string
        [3] pid      integer
        [4] bell     string  channel to ring
  Returns "OK" | "MISSING"
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[3], 'id', ARGV[1], 'host', ARGV[2], 'pid', ARGV[3], 'progress', '0', 'leaving', '0')
redis.call('HINCRBY', KEYS[3], 'beat', 1)
redis.call('PUBLISH', ARGV[4], 'join')
return 'OK'
`,
});

export function joinCall(
  keys: JobKeys,
  worker: { readonly id: string; readonly host: string; readonly pid: number },
): (string | Buffer)[] {
  return call(
    joinScript,
    [keys.record, keys.workers, keys.worker(worker.id)],
    [worker.id, worker.host, String(worker.pid), keys.bell],
  );
}

export const beatScript: Script = defineScript({
  name: "beat",
  flags: "allow-oom",
  keys: ["worker"],
  args: ["progress"],
  body: `
--[[
  beat - a worker's sign of life. A counter and no expiry: observers time it on their own clock (H17).
  Why a script: a worker that was removed, or whose job was deleted, must not come back by beating.

  KEYS  [1] worker    hash     its sign of life
  ARGV  [1] progress  integer  counter of its main loop
  Returns "OK" | "GONE"
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'GONE' end
redis.call('HINCRBY', KEYS[1], 'beat', 1)
redis.call('HSET', KEYS[1], 'progress', ARGV[1])
return 'OK'
`,
});

export function beatCall(workerKey: string, progress: number): (string | Buffer)[] {
  return call(beatScript, [workerKey], [String(progress)]);
}

export const requestLeaveScript: Script = defineScript({
  name: "request-leave",
  flags: "allow-oom",
  keys: ["worker"],
  args: ["bell"],
  body: `
--[[
  request-leave - a worker asks that its partitions be given to others.
  Why a script: the mark must not create a worker that is gone.

  KEYS  [1] worker  hash    its sign of life
  ARGV  [1] bell    string  channel to ring
  Returns "OK" | "GONE"
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'GONE' end
redis.call('HSET', KEYS[1], 'leaving', '1')
redis.call('PUBLISH', ARGV[1], 'leaving')
return 'OK'
`,
});

export function requestLeaveCall(keys: JobKeys, worker: string): (string | Buffer)[] {
  return call(requestLeaveScript, [keys.worker(worker)], [keys.bell]);
}

export const reportScript: Script = defineScript({
  name: "report",
  flags: "allow-oom",
  keys: ["worker"],
  args: ["report"],
  body: `
--[[
  report - keep a worker's figures.
  Why a script: figures must not create a worker that is gone.

  KEYS  [1] worker  hash    its sign of life
  ARGV  [1] report  string  JSON
  Returns "OK" | "GONE"
]]
if redis.call('EXISTS', KEYS[1]) == 0 then return 'GONE' end
redis.call('HSET', KEYS[1], 'report', ARGV[1])
return 'OK'
`,
});

export function reportCall(keys: JobKeys, worker: string, report: string): (string | Buffer)[] {
  return call(reportScript, [keys.worker(worker)], [report]);
}

export const leaveScript: Script = defineScript({
  name: "leave",
  flags: "allow-oom",
  keys: ["workers", "worker"],
  args: ["id", "bell"],
  body: `
--[[
  leave - forget a worker. Harmless when it is not known.
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
