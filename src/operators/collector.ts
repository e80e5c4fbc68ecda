// Collector — gathers what an operator emits during a batch or a timer slice, in columns, for one receiver.
//
// Owns:      the values, timestamps and traces until flush, and a mark to which a failed record is taken back.
// Does not:  decide when to flush: nothing leaves an operator in the middle of a record.
import type { TraceMark } from "../core/batch.ts";
import type { OperatorMetrics, Receiver } from "./operator.ts";

export class Collector {
  readonly #receiver: Receiver;
  readonly #metrics: OperatorMetrics | undefined;
  #values: unknown[] = [];
  /** NaN for a value without event time. */
  #timestamps: number[] = [];
  #untimed = 0;
  #traces: TraceMark[] | undefined = undefined;
  /** Mark of the record that is being processed, when it is traced. */
  trace: TraceMark | undefined = undefined;
  #valuesMark = 0;
  #untimedMark = 0;
  #tracesMark = 0;

  /** @param metrics counts what is flushed; undefined for side outputs */
  constructor(receiver: Receiver, metrics: OperatorMetrics | undefined) {
    this.#receiver = receiver;
    this.#metrics = metrics;
  }

  /** Hot: called once per emitted record. @param timestamp event time in epoch ms, undefined for none */
  emit(value: unknown, timestamp: number | undefined): void {
    if (this.trace !== undefined) this.#addTrace(this.trace);
    this.#values.push(value);
    if (timestamp === undefined) {
      this.#untimed++;
      this.#timestamps.push(Number.NaN);
    } else {
      this.#timestamps.push(timestamp);
    }
  }

  #addTrace(mark: TraceMark): void {
    this.#traces ??= [];
    this.#traces.push({ ...mark, index: this.#values.length });
  }

  /** Start of a record that may be taken back. */
  mark(): void {
    this.#valuesMark = this.#values.length;
    this.#untimedMark = this.#untimed;
    this.#tracesMark = this.#traces?.length ?? 0;
  }

  /** Takes back what was emitted since {@link mark}. */
  rollback(): void {
    this.#values.length = this.#valuesMark;
    this.#timestamps.length = this.#valuesMark;
    this.#untimed = this.#untimedMark;
    if (this.#traces !== undefined) this.#traces.length = this.#tracesMark;
  }

  /** @param ingestMs wall clock in epoch ms at which the oldest record behind these entered the job; 0 when unknown */
  flush(ingestMs: number): void {
    const values = this.#values;
    const count = values.length;
    if (count === 0) return;
    const timestamps = this.#timestamps;
    const untimed = this.#untimed;
    const traces = this.#traces !== undefined && this.#traces.length > 0 ? this.#traces : undefined;
    this.#values = [];
    this.#timestamps = [];
    this.#untimed = 0;
    this.#traces = undefined;
    this.#valuesMark = 0;
    this.#untimedMark = 0;
    this.#tracesMark = 0;
    if (this.#metrics !== undefined) this.#metrics.recordsOut += count;
    if (untimed === 0 || untimed === count) {
      const column = untimed === 0 ? timestamps : undefined;
      this.#receiver.onBatch({ values, timestamps: column, keys: undefined, ingestMs, traces });
    } else {
      this.#flushRuns(values, timestamps, traces ?? [], ingestMs);
    }
  }

  /** A batch has event time for all of its records or for none: mixed emissions are cut where that changes. */
  #flushRuns(values: unknown[], timestamps: number[], traces: readonly TraceMark[], ingestMs: number): void {
    let start = 0;
    for (let end = 1; end <= values.length; end++) {
      const timed = !Number.isNaN(timestamps[start]);
      if (end < values.length && !Number.isNaN(timestamps[end]) === timed) continue;
      const marks = traces
        .filter((mark) => mark.index >= start && mark.index < end)
        .map((mark) => ({ ...mark, index: mark.index - start }));
      this.#receiver.onBatch({
        values: values.slice(start, end),
        timestamps: timed ? timestamps.slice(start, end) : undefined,
        keys: undefined,
        ingestMs,
        traces: marks.length > 0 ? marks : undefined,
      });
      start = end;
    }
  }
}
