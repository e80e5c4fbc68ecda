// The commit: step 7 of the walk (ARCHITECTURE.md), on the server. docs/protocols/checkpoint.md.
import { defineScript, type Script } from "./script.ts";

/**
 * Lua raises in mid-script when `unpack` pushes about 8,000 values (measured on 7.0); a half-applied commit would be
 * the price. The caller cuts every list to this.
 */
export const MAX_UNPACKED = 4000;

// The plan: the facts of one commit that are many and small, packed as MessagePack into one argument: on 100 hashes with two
// fields each this halves the server's time and quarters the client's against one argument per value (measured).
// Payloads of outputs stay plain arguments, because packing would copy them.
//
// All lists are flat, indexes are into KEYS and start at 1:
//
//     [ channels   how many output channels: KEYS[2] .. KEYS[1 + channels]
//     , outputs    { index, id } ...            payload of the n-th output is ARGV[4 + n]
//     , appends    { index, maxLength or 0, { field, value ... } } ...
//     , writes     { command, index, { argument ... } } ...      HSET HDEL RPUSH UNLINK ZADD ZREM
//     , drops      { index, index of directory hash, field } ... removes the field when the key no longer exists
//     , trims      { index, smallest id to keep } ...
//     , ended      {} or { index of the set, partition, bell }
//     , meta       { { name, value ... }, ... }  the last list holds seq
//     ]

const body = `
--[[
  commit, commit-drain - make one epoch of one partition durable, or nothing at all.
  Why a script: outputs, state, timers, trims and the partition's own record must never be seen apart.

  KEYS  [1] meta     hash    record of the partition; never created here
        [2..] touched        output channels first, then whatever the plan refers to
  ARGV  [1] fence    string  must equal meta.fence
        [2] replid   string  history that the attach saw; must be the server's
        [3] seq      integer this epoch; meta.seq must be one less
        [4] plan     msgpack see above
        [5..] payloads       one frame per output
  Returns {"OK", length of each output channel ...} | {"DUP"} | {"FENCED"} | {"HISTORY", current}
          | {"ROLLBACK", stored seq} | {"MISSING"}
  Laws  C4 all or nothing   C5 repeating an epoch is DUP   C6 an old attempt is FENCED   C7 an old history is HISTORY

  meta.begun counts the commits that wrote anything, meta.seq those that ended. They differ for ever after a commit
  that stopped half-way, also when the half was loaded from a torn append-only file and later commits followed it.
]]
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if replid ~= ARGV[2] then return {'HISTORY', replid or ''} end
local meta = KEYS[1]
local stored = redis.call('HMGET', meta, 'fence', 'seq')
if not stored[2] then return {'MISSING'} end
if stored[1] ~= ARGV[1] then return {'FENCED'} end
local seq, have = tonumber(ARGV[3]), tonumber(stored[2])
if have == seq then return {'DUP'} end
if have ~= seq - 1 then return {'ROLLBACK', stored[2]} end

local plan = cmsgpack.unpack(ARGV[4])
local channels, outputs, appends, writes = plan[1], plan[2], plan[3], plan[4]
local drops, trims, ended, facts = plan[5], plan[6], plan[7], plan[8]

redis.call('HINCRBY', meta, 'begun', 1)
local payload = 5
for i = 1, #outputs, 2 do
  redis.call('XADD', KEYS[outputs[i]], outputs[i + 1], 'f', ARGV[payload])
  payload = payload + 1
end
for i = 1, #appends, 3 do
  local most = appends[i + 1]
  if most > 0 then
    redis.call('XADD', KEYS[appends[i]], 'MAXLEN', '~', most, '*', unpack(appends[i + 2]))
  else
    redis.call('XADD', KEYS[appends[i]], '*', unpack(appends[i + 2]))
  end
end
for i = 1, #writes, 3 do
  redis.call(writes[i], KEYS[writes[i + 1]], unpack(writes[i + 2]))
end
for i = 1, #drops, 3 do
  if redis.call('EXISTS', KEYS[drops[i]]) == 0 then
    redis.call('HDEL', KEYS[drops[i + 1]], drops[i + 2])
  end
end
for i = 1, #trims, 2 do
  redis.call('XTRIM', KEYS[trims[i]], 'MINID', trims[i + 1])
end
if ended[1] then
  redis.call('SADD', KEYS[ended[1]], ended[2])
  redis.call('PUBLISH', ended[3], 'ended')
end
for i = 1, #facts do
  redis.call('HSET', meta, unpack(facts[i]))
end

local answer = {'OK'}
for i = 1, channels do
  answer[i + 1] = redis.call('XLEN', KEYS[i + 1])
end
return answer
`;

const contract = {
  keys: ["meta", "...touched"],
  args: ["fence", "replid", "seq", "plan", "...payloads"],
  body,
} as const;

/** For partitions that bring new data in: refused when memory is short. */
export const commitScript: Script = defineScript({ name: "commit", ...contract });

/** For all others: they consume more than they write, and memory is only freed by letting them (H12). */
export const commitDrainScript: Script = defineScript({
  name: "commit-drain",
  flags: "allow-oom",
  ...contract,
});
