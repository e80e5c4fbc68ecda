// Names of the parts of a running job. They stand in Redis keys, logs and errors, so they are plain strings.

/** `<stage>.<index>`, for example `count.3`. */
export type PartitionId = string;
/** `<edge>:<producer index>><consumer index>`, for example `count-in:0>3`. */
export type ChannelId = string;

export function partitionId(stage: string, index: number): PartitionId {
  return `${stage}.${index}`;
}

export function parsePartitionId(id: PartitionId): { stage: string; index: number } {
  const dot = id.lastIndexOf(".");
  return { stage: id.slice(0, dot), index: Number(id.slice(dot + 1)) };
}

export function channelId(edge: string, producer: number, consumer: number): ChannelId {
  return `${edge}:${producer}>${consumer}`;
}

export function parseChannelId(id: ChannelId): { edge: string; producer: number; consumer: number } {
  const colon = id.lastIndexOf(":");
  const [producer, consumer] = id.slice(colon + 1).split(">");
  return { edge: id.slice(0, colon), producer: Number(producer), consumer: Number(consumer) };
}

/** Names may stand in Redis keys and file names: letters, digits, `_`, `-`, at most 100 characters. */
export const NAME_PATTERN: RegExp = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
