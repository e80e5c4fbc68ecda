// Release: an attempt ends by its own will.
import { call, defineScript, type Script } from "./script.ts";

export const releaseScript: Script = defineScript({
  name: "release",
  flags: "allow-oom",
  keys: ["meta"],
  args: ["fence", "bell"],
  body: `
--[[
  release - give a partition back: nobody owns it until the next attach.
  Why a script: only the attempt that still owns it may do so.

  KEYS  [1] meta   hash    record of the partition
  ARGV  [1] fence  string  must equal meta.fence
        [2] bell   string  channel to ring
  Returns "OK" | "FENCED"
  Laws  C6 an old attempt writes nothing
]]
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 'FENCED' end
redis.call('HSET', KEYS[1], 'fence', '', 'owner', '')
redis.call('PUBLISH', ARGV[2], 'released')
return 'OK'
`,
});

export function releaseCall(metaKey: string, fence: string, bell: string): (string | Buffer)[] {
  return call(releaseScript, [metaKey], [fence, bell]);
}
