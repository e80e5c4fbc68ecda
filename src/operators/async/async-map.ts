// asyncMap and asyncFlatMap — one request per record. Step 4 of the walk (ARCHITECTURE.md).
//
// Law Y7  With start "committed" a request is made only after a commit has stored its record, so all requests for a
//         record have one id, whatever fails.
// Law Y12 With order "sequential" the request of a record is made only when those of all earlier records of its key are
//         settled: at most one per key is under way, in the order of the records.
import type { Batch } from "../../core/batch.ts";
import type { Codec } from "../../core/codec.ts";
import { NotIterableError } from "../flat-map.ts";
import type { DecodeKey } from "../joins/join-context.ts";
import type { AsyncOperator, AsyncOperatorContext } from "./async-operator.ts";
import type { Attempt } from "./attempt.ts";
import { type Caller, type CallLimits, CallPool } from "./call-pool.ts";
import { type KeyedAsyncOrder, keyedExitOrder } from "./exit-by-key.ts";
import { exitOrder } from "./exit-order.ts";
import type { HeldRecord } from "./held-record.ts";
import { HoldingOperator } from "./holding-operator.ts";

/** What a function may know of the request that it makes. */
export interface AsyncContext {
  /**
   * Names the record to the outside, so that a repeated request is recognised there. Repeats of one attempt of the
   * partition have the same id, and so do requests that are made anew for a record that a commit had stored.
   */
  readonly id: string;
  /** From 1; counts the repeats after failures and time-outs, not those after a take-over. */
  readonly attempt: number;
  /** Aborted when the request takes too long, or when the partition stops. */
  readonly signal: AbortSignal;
  /** Event time of the record in epoch ms; undefined when the stream carries no event time. */
  readonly timestamp: number | undefined;
}

/** What a function behind a keyBy may know. */
export interface KeyedAsyncContext<K> extends AsyncContext {
  readonly key: K;
}

// biome-ignore lint/suspicious/noExplicitAny: the types of record and result met where the user called
export type AnyAsyncFunction = (record: any, context: any) => unknown;

/** When a request is made: as soon as a place is free, or not before its record and id are durable. */
export type AsyncStart = "immediately" | "committed";

export interface AsyncMapDefinition {
  readonly fn: AnyAsyncFunction;
  /** The result is an iterable, each of whose values is a record. */
  readonly flat: boolean;
  /** `sequential` needs keys. */
  readonly order: KeyedAsyncOrder;
  /** Records come with keys, and the order is that of a key's records; undefined: that of all. */
  readonly keys?: { readonly decodeKey: DecodeKey } | undefined;
  readonly start: AsyncStart;
  readonly limits: CallLimits;
  /** Records held at most, before no more input is taken. Default: `limits.concurrency`. */
  readonly capacity?: number;
  readonly codec: Codec<unknown>;
}

export function asyncMapOperator(
  definition: AsyncMapDefinition,
): (context: AsyncOperatorContext) => AsyncOperator {
  return (context) => new AsyncMapOperator(context, definition);
}

class AsyncMapOperator extends HoldingOperator implements Caller<HeldRecord> {
  readonly #definition: AsyncMapDefinition;
  protected readonly calls: CallPool<HeldRecord>;
  readonly #sequential: boolean;
  readonly #decodeKey: DecodeKey;
  /** Requests that may be made now. */
  #next: HeldRecord[] = [];
  /** Records whose requests wait for the epochs that store them, oldest epoch first. */
  readonly #storing: (readonly HeldRecord[])[] = [];
  #unrecorded = 0;

  constructor(context: AsyncOperatorContext, definition: AsyncMapDefinition) {
    const { order, keys, codec } = definition;
    const exit = keys === undefined ? exitOrder(order) : keyedExitOrder(order);
    super(context, { exit, keyed: keys !== undefined, codec });
    this.#definition = definition;
    this.#sequential = order === "sequential";
    this.#decodeKey = keys?.decodeKey;
    const { operator, clock } = context;
    const { limits } = definition;
    this.calls = new CallPool({ operator, limits, clock, caller: this, wake: () => context.wake() });
  }

  get isFull(): boolean {
    const { limits, capacity = limits.concurrency } = this.#definition;
    return this.held >= capacity || this.calls.size >= limits.concurrency;
  }

  get isDue(): boolean {
    return this.calls.isDue || this.hasSettled;
  }

  get awaitsCommit(): boolean {
    return this.#unrecorded > 0;
  }

  protected take(batch: Batch): void {
    const waits = this.#definition.start === "committed";
    for (let i = 0; i < batch.values.length; i++) {
      const held = this.hold(batch, i);
      if (waits) this.#unrecorded++;
      else this.#allow(held);
    }
    this.#begin();
  }

  protected resume(records: readonly HeldRecord[]): void {
    for (const held of records) this.#allow(held);
    this.#begin();
  }

  protected override onStored(records: readonly HeldRecord[]): void {
    if (this.#definition.start !== "committed") return;
    this.#unrecorded = 0;
    // Records of an earlier attempt were durable, and are being asked for, already.
    this.#storing.push(records.filter((held) => held.lineage === this.context.lineage));
  }

  acknowledge(): void {
    for (const held of this.#storing.shift() ?? []) this.#allow(held);
    this.#begin();
    if (this.hasSettled) this.context.wake();
  }

  protected advanceCalls(): void {
    this.calls.advance();
    this.#begin();
  }

  /** The request of a record may be made, when those before it in its key are settled. */
  #allow(held: HeldRecord): void {
    held.mayBegin = true;
    if (!this.#sequential || held.ahead?.isSettled !== false) this.#next.push(held);
  }

  /** A function that answers at once allows the next request of its key: the list grows while it is gone through. */
  #begin(): void {
    const next = this.#next;
    for (let i = 0; i < next.length; i++) this.calls.submit(next[i]!);
    next.length = 0;
  }

  close(): void {
    this.calls.close();
  }

  call(held: HeldRecord, attempt: Attempt<HeldRecord>): unknown {
    const { fn } = this.#definition;
    return fn.length === 1
      ? (fn as (record: unknown) => unknown)(held.record)
      : fn(held.record, new RequestContext(this.context.operator, attempt, this.#decodeKey));
  }

  succeeded(held: HeldRecord, result: unknown): void {
    this.settle(held, false, result);
    this.#allowNext(held);
  }

  failed(held: HeldRecord, error: Error): void {
    this.settle(held, true, error);
    this.#allowNext(held);
  }

  #allowNext({ behind }: HeldRecord): void {
    if (this.#sequential && behind?.mayBegin === true) this.#next.push(behind);
  }

  protected emitResult({ outcome, timestamp }: HeldRecord): void {
    if (!this.#definition.flat) {
      this.output.emit(outcome, timestamp);
      return;
    }
    if (outcome === null || outcome === undefined || !(Symbol.iterator in Object(outcome)))
      throw new NotIterableError(this.context.operator, outcome, "asyncFlatMap");
    for (const value of outcome as Iterable<unknown>) this.output.emit(value, timestamp);
  }
}

class RequestContext implements KeyedAsyncContext<unknown> {
  readonly #operator: string;
  readonly #attempt: Attempt<HeldRecord>;
  readonly #decodeKey: DecodeKey;

  constructor(operator: string, attempt: Attempt<HeldRecord>, decodeKey: DecodeKey) {
    this.#operator = operator;
    this.#attempt = attempt;
    this.#decodeKey = decodeKey;
  }

  get key(): unknown {
    const { key } = this.#attempt.item;
    return this.#decodeKey === undefined ? key : this.#decodeKey(key);
  }

  get id(): string {
    return `${this.#operator}-${this.#attempt.item.number}`;
  }

  get attempt(): number {
    return this.#attempt.number;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get timestamp(): number | undefined {
    return this.#attempt.item.timestamp;
  }
}
