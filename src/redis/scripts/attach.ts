// Attach: the start of a partition's attempt. docs/protocols/checkpoint.md.
import { randomBytes, randomInt } from "node:crypto";
import type { JobKeys } from "../keys.ts";
import { STATE_FORMAT } from "./job.ts";
import { call, defineScript, type Script } from "./script.ts";

/** 2025-01-01T00:00:00Z; see docs/adr/0002-lineage-numbers.md. */
export const LINEAGE_EPOCH_MS = 1_735_689_600_000;
/** Random part of a lineage number: 12 bits below the milliseconds; the sum fits 53 bits until 2094. */
export const LINEAGE_RANDOM = 4096;

export const attachScript: Script = defineScript({
  name: "attach",
  flags: "allow-oom",
  keys: ["job", "meta", "...channels"],
  args: ["replid", "fence", "version", "incarnation", "layoutSeq", "worker", "random", "format", "...names"],
  body: `
--[[
  attach - start an attempt on a partition: everybody who held it before is fenced from here on.
  Why a script: the checks and the new fence must not be separated by somebody else's commit.

  KEYS  [1] job          hash    record of the job
        [2] meta         hash    record of the partition; never created here
        [3..] channels   stream  its output channels
  ARGV  [1] replid       string  history the session is bound to
        [2] fence        string  new, random, never used before
        [3] version      integer assignment version given by the leader
        [4] incarnation  integer of the job, as the worker knows it
        [5] layoutSeq    integer of the registry of state layouts that the worker goes by
        [6] worker       string  for people
        [7] random       integer 0 .. 4095, low bits of the lineage number
        [8] format       string  layout of records and state that the worker reads
        [9..] names      string  channel ids, in the order of KEYS
  Returns {"OK", lineage, {name, value ...}} | {"HISTORY", current} | {"MISSING"} | {"INCARNATION", stored}
          | {"LAYOUTS", stored} | {"FORMAT", stored} | {"STALE", stored} | {"TORN-CHANNEL", channel, recorded, what was found} | {"TORN", begun, seq}
  Laws  C6 an old attempt writes nothing   A2 assignment versions never decrease   V1 an old registry of layouts attaches no more
]]
local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
if replid ~= ARGV[1] then return {'HISTORY', replid or ''} end
local job = redis.call('HMGET', KEYS[1], 'incarnation', 'lineage', 'layoutSeq')
if not job[1] then return {'MISSING'} end
if job[1] ~= ARGV[4] then return {'INCARNATION', job[1]} end
if job[3] ~= ARGV[5] then return {'LAYOUTS', job[3] or ''} end
local meta = KEYS[2]
local stored = redis.call('HMGET', meta, 'seq', 'av', 'begun', 'fmt')
if not stored[1] then return {'MISSING'} end
if stored[4] ~= ARGV[8] then return {'FORMAT', stored[4] or ''} end
if tonumber(ARGV[3]) < tonumber(stored[2]) then return {'STALE', stored[2]} end
if stored[1] ~= stored[3] then return {'TORN', stored[3] or '', stored[1]} end

for i = 3, #KEYS do
  local name = ARGV[i + 6]
  local recorded = redis.call('HGET', meta, 'out:' .. name) or '0-0'
  local found = '0-0'
  if redis.call('EXISTS', KEYS[i]) == 1 then
    local info, reply = {}, redis.call('XINFO', 'STREAM', KEYS[i])
    for j = 1, #reply, 2 do info[reply[j]] = reply[j + 1] end
    found = info['last-generated-id']
    if info['max-deleted-entry-id'] ~= '0-0' then
      return {'TORN-CHANNEL', name, recorded, 'entry ' .. info['max-deleted-entry-id'] .. ' was deleted'}
    end
    if info['length'] > 0 then
      -- Sequence numbers are contiguous, so the ends of the channel tell how many entries it must have.
      local first = tonumber(string.match(info['first-entry'][1], '^%d+'))
      local last = tonumber(string.match(info['last-entry'][1], '^%d+'))
      if last - first + 1 ~= info['length'] then
        return {'TORN-CHANNEL', name, recorded, 'it has ' .. info['length'] .. ' entries from ' .. first .. ' to ' .. last}
      end
    end
  end
  if found ~= recorded then
    return {'TORN-CHANNEL', name, recorded, 'it ends at entry ' .. found}
  end
end

-- docs/adr/0002-lineage-numbers.md: time makes it grow although the counter may roll back, the counter makes it grow
-- although the clock may step back, the random bits make two numbers differ when both happen at once.
local now = redis.call('TIME')
local lineage = (now[1] * 1000 + math.floor(now[2] / 1000) - ${LINEAGE_EPOCH_MS}) * ${LINEAGE_RANDOM} + ARGV[7]
local last = tonumber(job[2] or '0')
if lineage <= last then lineage = last + 1 end
local text = string.format('%.0f', lineage)
redis.call('HSET', KEYS[1], 'lineage', text)
redis.call('HSET', meta, 'fence', ARGV[2], 'av', ARGV[3], 'owner', ARGV[6])
return {'OK', text, redis.call('HGETALL', meta)}
`,
});

export interface AttachCall {
  readonly metaKey: string;
  readonly channelKeys: readonly string[];
  readonly channels: readonly string[];
  readonly replid: string;
  readonly assignmentVersion: number;
  readonly incarnation: number;
  readonly layoutSeq: number;
  readonly worker: string;
}

/** @returns the call, and the fence that the attempt owns if it succeeds */
export function attachCall(keys: JobKeys, request: AttachCall): { args: (string | Buffer)[]; fence: string } {
  const fence = randomBytes(16).toString("hex");
  const args = call(
    attachScript,
    [keys.record, request.metaKey, ...request.channelKeys],
    [
      request.replid,
      fence,
      String(request.assignmentVersion),
      String(request.incarnation),
      String(request.layoutSeq),
      request.worker,
      String(randomInt(LINEAGE_RANDOM)),
      STATE_FORMAT,
      ...request.channels,
    ],
  );
  return { args, fence };
}

export type AttachReply =
  | readonly ["OK", lineage: string, meta: readonly string[]]
  | readonly ["HISTORY", current: string]
  | readonly ["MISSING"]
  | readonly ["INCARNATION", stored: string]
  | readonly ["LAYOUTS", stored: string]
  | readonly ["FORMAT", stored: string]
  | readonly ["STALE", stored: string]
  | readonly ["TORN-CHANNEL", channel: string, recorded: string, found: string]
  | readonly ["TORN", begun: string, seq: string];
