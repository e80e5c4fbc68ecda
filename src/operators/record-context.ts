// RecordContext — what a stateless user function may know about its record, and its way to side outputs.
import type { Batch } from "../core/batch.ts";
import { deriveBatch } from "./derived-batch.ts";
import type { OperatorContext, Receiver } from "./operator.ts";
import type { SideTag } from "./side-tag.ts";

/** One object per operator instance, used for every record: valid only while the function runs. */
export interface RecordContext {
  /** Event time of the record in epoch ms; undefined when the stream carries no event time. */
  readonly timestamp: number | undefined;
  /** Sends a value to a side output, with the record's timestamp. Nothing is sent when the function then throws. */
  side<T>(tag: SideTag<T>, value: T): void;
}

interface SideBuffer {
  readonly receiver: Receiver;
  values: unknown[];
  /** Index of the record that was current when the value was sent. */
  sources: number[];
}

/**
 * The context of a batch, standing on one of its records.
 *
 * Whether a function uses its context is seen from its length, so that functions of the record alone pay nothing: a
 * declared length of 1 cannot reach a second argument other than by `arguments`, which then is empty.
 */
export class RecordCursor implements RecordContext {
  /** Index of the current record in the batch; set by the operator's loop. */
  index = 0;
  readonly #context: OperatorContext;
  readonly #buffers = new Map<string, SideBuffer | undefined>();
  #timestamps: readonly number[] | undefined;

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  get timestamp(): number | undefined {
    return this.#timestamps?.[this.index];
  }

  side<T>(tag: SideTag<T>, value: T): void {
    const buffer = this.#bufferOf(tag.tag);
    if (buffer === undefined) return;
    buffer.values.push(value);
    buffer.sources.push(this.index);
  }

  #bufferOf(tag: string): SideBuffer | undefined {
    const known = this.#buffers.get(tag);
    if (known !== undefined || this.#buffers.has(tag)) return known;
    const receiver = this.#context.side(tag);
    const buffer = receiver === undefined ? undefined : { receiver, values: [], sources: [] };
    this.#buffers.set(tag, buffer);
    return buffer;
  }

  /** Starts a batch. */
  enter(batch: Batch): void {
    this.#timestamps = batch.timestamps;
    this.index = 0;
  }

  /** Takes back what the current record sent: its function threw. */
  discardCurrent(): void {
    for (const buffer of this.#buffers.values()) {
      if (buffer === undefined) continue;
      while (buffer.sources.at(-1) === this.index) {
        buffer.sources.pop();
        buffer.values.pop();
      }
    }
  }

  /** Hands the side values of the batch to their receivers. */
  leave(batch: Batch): void {
    this.#timestamps = undefined;
    for (const buffer of this.#buffers.values()) {
      if (buffer === undefined || buffer.values.length === 0) continue;
      const { values, sources } = buffer;
      buffer.values = [];
      buffer.sources = [];
      buffer.receiver.onBatch(deriveBatch(batch, values, sources));
    }
  }
}
