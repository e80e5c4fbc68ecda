// Head — where a partition's work comes from: its channels, or its source. The partition actor drives it.
import type { Batch } from "../core/batch.ts";
import type { ChannelTrim, MetaField } from "../core/ports/state-backend.ts";
import type { WatermarkHold } from "../time/watermark-hold.ts";

/** One unit of work: a batch, then time, then the end. */
export interface HeadWork {
  readonly batch: Batch | undefined;
  /** Which input of the partition's operator the batch belongs to: 1 for the second of an operator with two, else 0. */
  readonly input: number;
  /** The partition's merged watermark after the batch when it advanced. */
  readonly watermark: number | undefined;
  /** All inputs are idle: nobody should wait for this partition's watermark. */
  readonly idle: boolean;
  /** No work follows; the merged watermark is MAX_WATERMARK. */
  readonly ended: boolean;
}

export interface Head {
  /** The next unit of work; undefined when there is none now and the actor will be woken. */
  next(): HeadWork | undefined;
  /** Nothing is waiting at this moment: a good time to commit. */
  readonly drained: boolean;
  /** Merged watermark of everything handed out so far. */
  readonly watermark: number;
  /** All inputs are idle: nobody should wait for this partition's watermark. */
  readonly idle: boolean;
  /** The input that the watermark stands by; undefined when all have ended. */
  readonly hold: WatermarkHold | undefined;
  /** All inputs have ended and everything was handed out. */
  readonly ended: boolean;
  /** Adds the positions of all work handed out since the last call. */
  collectProgress(meta: MetaField[], trims: ChannelTrim[]): void;
  /** The commit with these trims is durable. */
  onCommitted(trims: readonly ChannelTrim[]): void;
  close(): Promise<void>;
}

/** How a head's asynchronous results come back into the actor's turns. */
export interface HeadHost {
  /** Runs `action` in a later turn of the actor. Ignored after the actor stopped. */
  post(action: () => void): void;
  /** Ends the actor with this error. */
  fail(error: Error): void;
}
