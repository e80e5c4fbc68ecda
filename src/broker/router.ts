// Router — step 6's hot loop: scatters a batch over the channels of one edge.
//
// One router per edge and producer partition; the kind of partitioning is decided when it is built, not per record.
import type { Batch, TraceMark } from "../core/batch.ts";
import { EngineError, toError } from "../core/errors.ts";
import { hashKey, KEY_GROUPS, partitionOfKeyGroup } from "../core/key-group.ts";
import { addTrace, type ChannelBuffer, noteIngest } from "./channel-buffer.ts";

/** A key selector threw: nobody can tell where the record belongs. */
export class KeySelectorError extends EngineError<"KEY_SELECTOR"> {
  constructor(edge: string, record: unknown, cause: Error) {
    const shown = shorten(record);
    super(
      "KEY_SELECTOR",
      `keyBy of "${edge}" threw ${cause.name}: ${cause.message} for record ${shown}; ` +
        "filter such records out, or give them a key of their own, before keyBy",
      { details: { edge, record: shown }, cause },
    );
  }
}

function shorten(record: unknown): string {
  try {
    return JSON.stringify(record)?.slice(0, 200) ?? String(record);
  } catch {
    return String(record);
  }
}

/** Takes a batch and appends its records to the channels' buffers. */
export type Route = (batch: Batch) => void;

/** @param channels one per consumer partition, in order */
export function routeByKey(
  edge: string,
  channels: readonly ChannelBuffer[],
  keyOf: (record: unknown) => unknown,
): Route {
  const ownerOf = new Uint8Array(KEY_GROUPS);
  for (let group = 0; group < KEY_GROUPS; group++)
    ownerOf[group] = partitionOfKeyGroup(group, channels.length);
  const mask = KEY_GROUPS - 1;

  return (batch) => {
    const { values, timestamps } = batch;
    const keys = new Array<unknown>(values.length);
    let at = 0;
    try {
      for (; at < values.length; at++) keys[at] = keyOf(values[at]);
    } catch (thrown) {
      throw new KeySelectorError(edge, values[at], toError(thrown));
    }
    // Hot: one hash, one table look-up and two or three pushes per record (bench/embedded.ts).
    if (channels.length === 1) {
      // Keys are hashed all the same: what has no stable identity is refused on any number of partitions.
      for (let i = 0; i < keys.length; i++) hashKey(keys[i], edge);
      channels[0]!.appendBatch({ ...batch, keys });
      return;
    }
    for (const channel of channels) channel.prepareOpen(timestamps !== undefined);
    if (timestamps === undefined) {
      for (let i = 0; i < values.length; i++) {
        const open = channels[ownerOf[hashKey(keys[i], edge) & mask]!]!.open;
        open.values.push(values[i]);
        open.keys!.push(keys[i]);
      }
    } else {
      for (let i = 0; i < values.length; i++) {
        const open = channels[ownerOf[hashKey(keys[i], edge) & mask]!]!.open;
        open.values.push(values[i]);
        open.keys!.push(keys[i]);
        open.timestamps!.push(timestamps[i]!);
      }
    }
    if (batch.traces !== undefined) scatterTraces(batch.traces, keys, channels, ownerOf);
    for (const channel of channels) {
      if (channel.open.values.length > 0) noteIngest(channel.open, batch.ingestMs);
      channel.closeIfFull();
    }
  };
}

/** Traced records are rare: their new positions are found by replaying the routing of the batch backwards. */
function scatterTraces(
  traces: readonly TraceMark[],
  keys: readonly unknown[],
  channels: readonly ChannelBuffer[],
  ownerOf: Uint8Array,
): void {
  const mask = KEY_GROUPS - 1;
  const owners = keys.map((key) => ownerOf[hashKey(key) & mask]!);
  for (const mark of traces) {
    const owner = owners[mark.index]!;
    let after = 0;
    for (let i = mark.index + 1; i < owners.length; i++) if (owners[i] === owner) after++;
    const open = channels[owner]!.open;
    addTrace(open, { ...mark, index: open.values.length - 1 - after });
  }
}

/** Whole batches to one consumer after the other. */
export function routeRoundRobin(channels: readonly ChannelBuffer[], start: number): Route {
  let next = start % channels.length;
  return (batch) => {
    channels[next]!.appendBatch(batch);
    next = (next + 1) % channels.length;
  };
}

export function routeToAll(channels: readonly ChannelBuffer[]): Route {
  return (batch) => {
    for (const channel of channels) channel.appendBatch(batch);
  };
}

export function routeToOne(channel: ChannelBuffer): Route {
  return (batch) => channel.appendBatch(batch);
}
