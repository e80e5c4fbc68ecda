// OperatorOutputs — what one keyed operator instance emits: its results, and what goes to side outputs that somebody reads.
import { Collector } from "./collector.ts";
import type { KeyedOperatorContext } from "./operator.ts";

export class OperatorOutputs {
  readonly results: Collector;
  readonly #context: KeyedOperatorContext;
  /** By tag; undefined where nobody reads. */
  readonly #sides = new Map<string, Collector | undefined>();

  constructor(context: KeyedOperatorContext) {
    this.#context = context;
    this.results = new Collector(context.output, context.metrics);
  }

  /** The collector of a side output; undefined when nobody reads it. */
  side(tag: string): Collector | undefined {
    const known = this.#sides.get(tag);
    if (known !== undefined || this.#sides.has(tag)) return known;
    const receiver = this.#context.side(tag);
    const collector = receiver === undefined ? undefined : new Collector(receiver, undefined);
    this.#sides.set(tag, collector);
    return collector;
  }

  /** Law S1: what is emitted from here on is what {@link rollback} takes back. */
  mark(): void {
    this.results.mark();
    for (const side of this.#sides.values()) side?.mark();
  }

  rollback(): void {
    this.results.rollback();
    for (const side of this.#sides.values()) side?.rollback();
  }

  /** @param ingestMs when the records of the batch entered the job; 0 when no record caused what is emitted */
  flush(ingestMs: number): void {
    this.results.flush(ingestMs);
    for (const side of this.#sides.values()) side?.flush(ingestMs);
  }
}
