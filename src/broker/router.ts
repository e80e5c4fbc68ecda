// Router — step 6's hot loop: scatters a batch over the channels of one edge.
//
// One router per edge and producer partition; the kind of partitioning is decided when it is built, not per record.
import type { Batch } from "../core/batch.ts";
import { EngineError, toError } from "../core/errors.ts";
import { hashKey, KEY_GROUPS, partitionOfKeyGroup } from "../core/key-group.ts";
import { noteIngest } from "./channel-buffer.ts";
import type { EdgeBuffer } from "./edge-buffer.ts";
import { addMark } from "./trace-marks.ts";

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

/** Takes a batch and appends its records to the buffers of the edge's channels. */
export type Route = (batch: Batch) => void;

export function routeByKey(edge: EdgeBuffer, keyOf: (record: unknown) => unknown): Route {
  const { channels, id } = edge;
  const ownerOf = new Uint8Array(KEY_GROUPS);
  for (let group = 0; group < KEY_GROUPS; group++)
    ownerOf[group] = partitionOfKeyGroup(group, channels.length);

  return (batch) => {
    const { values } = batch;
    const keys = new Array<unknown>(values.length);
    let at = 0;
    try {
      for (; at < values.length; at++) keys[at] = keyOf(values[at]);
    } catch (thrown) {
      throw new KeySelectorError(id, values[at], toError(thrown));
    }
    if (channels.length === 1) {
      // Keys are hashed all the same: what has no stable identity is refused on any number of partitions.
      for (let i = 0; i < keys.length; i++) hashKey(keys[i], id);
      channels[0]!.appendBatch({ ...batch, keys });
    } else if (values.length < channels.length || batch.traces !== undefined) {
      dealOneByOne(batch, keys, edge, ownerOf);
    } else {
      scatter(batch, keys, edge, ownerOf);
    }
    edge.bufferedRecords += values.length;
  };
}

const GROUP_MASK = KEY_GROUPS - 1;

/** Hot: one hash, one table look-up and two or three pushes per record (npm run bench -- --only count). */
function scatter(
  { values, timestamps, ingestMs }: Batch,
  keys: readonly unknown[],
  { channels, id }: EdgeBuffer,
  ownerOf: Uint8Array,
): void {
  for (const channel of channels) channel.prepareOpen(timestamps !== undefined);
  if (timestamps === undefined) {
    for (let i = 0; i < values.length; i++) {
      const open = channels[ownerOf[hashKey(keys[i], id) & GROUP_MASK]!]!.open;
      open.values.push(values[i]);
      open.keys!.push(keys[i]);
    }
  } else {
    for (let i = 0; i < values.length; i++) {
      const open = channels[ownerOf[hashKey(keys[i], id) & GROUP_MASK]!]!.open;
      open.values.push(values[i]);
      open.keys!.push(keys[i]);
      open.timestamps!.push(timestamps[i]!);
    }
  }
  for (const channel of channels) {
    if (channel.open.values.length > 0) noteIngest(channel.open, ingestMs);
    channel.closeIfFull();
  }
}

/** For batches that are smaller than the number of channels, of which most get nothing, and for marked ones. */
function dealOneByOne(
  { values, timestamps, ingestMs, traces }: Batch,
  keys: readonly unknown[],
  { channels, id }: EdgeBuffer,
  ownerOf: Uint8Array,
): void {
  let nextMark = 0;
  for (let i = 0; i < values.length; i++) {
    const channel = channels[ownerOf[hashKey(keys[i], id) & GROUP_MASK]!]!;
    channel.prepareOpen(timestamps !== undefined);
    const { open } = channel;
    if (traces?.[nextMark]?.index === i) addMark(open, { ...traces[nextMark++]!, index: open.values.length });
    open.values.push(values[i]);
    open.keys!.push(keys[i]);
    open.timestamps?.push(timestamps![i]!);
    noteIngest(open, ingestMs);
    channel.closeIfFull();
  }
}

/** Whole batches to one consumer after the other. */
export function routeRoundRobin(edge: EdgeBuffer, start: number): Route {
  const { channels } = edge;
  let next = start % channels.length;
  return (batch) => {
    channels[next]!.appendBatch(batch);
    next = (next + 1) % channels.length;
    edge.bufferedRecords += batch.values.length;
  };
}

export function routeToAll(edge: EdgeBuffer): Route {
  return (batch) => {
    for (const channel of edge.channels) channel.appendBatch(batch);
    edge.bufferedRecords += batch.values.length * edge.channels.length;
  };
}
