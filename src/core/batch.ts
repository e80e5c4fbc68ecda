// Batch and Frame — what travels: records in columns, and the envelope that carries them over one channel.
//
// A batch is shared by reference between the operators of a chain and, inside one process, between actors.
// Whoever receives one treats `values`, `timestamps` and `keys` as read only.

/** Event time of "everything has been seen": the watermark at the end of a bounded input. */
export const MAX_WATERMARK: number = Number.POSITIVE_INFINITY;
/** The watermark before anything was promised. */
export const MIN_WATERMARK: number = Number.NEGATIVE_INFINITY;

/**
 * The step of a traced record in the partition that processes it. Its span is known only when the step is over, so all
 * marks that come from the record share this, and take its values when they leave the partition.
 */
export interface TraceStep {
  /** 16 hex digits: the span of the step, or the one before it when the step was not recorded. */
  spanId: string;
  /** Wall clock in epoch ms at which the step was over. */
  endedMs: number;
}

/** The trace context of one sampled record. Unsampled records have none, here and on the wire. */
export interface TraceMark {
  /** Position of the record in its batch. */
  index: number;
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits: the span that handed the record on. */
  spanId: string;
  /** W3C trace flags; bit 0 = sampled. */
  flags: number;
  /** Wall clock in epoch ms at which the record was emitted by the source or the step before. */
  emittedMs: number;
  /** Set inside the partition that processes the record, and absent from frames. */
  step?: TraceStep | undefined;
}

/** Records in columns. All columns have the length of `values`. */
export interface Batch {
  values: unknown[];
  /** Event time per record in epoch ms; undefined when the stream carries no event time. */
  timestamps: number[] | undefined;
  /** Key per record when it is already known (same-worker delivery, keyed operators). */
  keys: unknown[] | undefined;
  /** Wall clock in epoch ms at which the oldest record of the batch entered the job; 0 when unknown. */
  ingestMs: number;
  /** Ascending by index; undefined when no record is traced. */
  traces: TraceMark[] | undefined;
}

export function createBatch(
  values: unknown[],
  timestamps: number[] | undefined = undefined,
  ingestMs = 0,
): Batch {
  return { values, timestamps, keys: undefined, ingestMs, traces: undefined };
}

/**
 * Marks follow their record: gone when it was dropped, repeated when it was expanded.
 *
 * @param traces ascending by index
 * @param sources where each record of the new batch stood in the old one, ascending
 */
export function selectTraces(
  traces: readonly TraceMark[],
  sources: readonly number[],
): TraceMark[] | undefined {
  const selected: TraceMark[] = [];
  let next = 0;
  for (const mark of traces) {
    while (next < sources.length && (sources[next] as number) < mark.index) next++;
    for (let i = next; i < sources.length && sources[i] === mark.index; i++)
      selected.push({ ...mark, index: i });
  }
  return selected.length === 0 ? undefined : selected;
}

/** One entry of a channel: a batch and the control facts that travel in order with it. */
export interface Frame {
  /** Lineage of the entry before this one in the channel; 0 for the first. */
  prevLineage: number;
  /** Watermark of the producer after this frame's records. */
  watermark: number;
  /** The producer is idle: consumers do not wait for its watermark until its next frame. */
  idle: boolean;
  /** The producer's input has ended; no frame follows. */
  end: boolean;
  /** Checkpoint id when this frame is a barrier, else undefined. */
  barrier: number | undefined;
  /** Undefined for a frame that carries control facts only. */
  batch: Batch | undefined;
}
