// lookup — joins each record with a row of an outside table. Step 4 of the walk (ARCHITECTURE.md).
//
// Owns:      the cache of rows, and which records wait for which key.
// Does not:  keep the table: what a row was when it was looked up is what the record is joined with.
//
// A batch whose keys are all cached is joined like a map, without a promise. The keys that a batch misses are loaded
// with as few calls as `maxKeys` allows; a key that is being loaded already is not asked for again.
//
// Laws (docs/laws.md)
//   Y9  Every record is joined with the row that `load` gave for its key, whatever is cached, evicted or restarted,
//       and no key is under way twice at the same time.
import type { Batch } from "../../core/batch.ts";
import type { Codec } from "../../core/codec.ts";
import { EngineError, toError } from "../../core/errors.ts";
import { UnsupportedKeyError } from "../../core/key-group.ts";
import { AsyncFunctionError } from "../stateless-operator.ts";
import type { AsyncOperator, AsyncOperatorContext } from "./async-operator.ts";
import type { Attempt } from "./attempt.ts";
import { type Caller, type CallLimits, CallPool } from "./call-pool.ts";
import { type AsyncOrder, exitOrder } from "./exit-order.ts";
import type { HeldRecord } from "./held-record.ts";
import { HoldingOperator } from "./holding-operator.ts";
import { type CacheLimits, LookupCache } from "./lookup-cache.ts";

/** What a loader may know of the call that it makes. */
export interface LoadContext {
  /** From 1; counts the repeats after failures and time-outs. */
  readonly attempt: number;
  /** Aborted when the call takes too long, or when the partition stops. */
  readonly signal: AbortSignal;
}

/** `inner` drops records without a row. */
export type LookupKind = "inner" | "left";

export interface LookupDefinition {
  // biome-ignore lint/suspicious/noExplicitAny: the types of record, key, row and result met where the user called
  readonly key: (record: any) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly load: (keys: readonly any[], context: LoadContext) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly join: (record: any, row: any) => unknown;
  readonly kind: LookupKind;
  /** Undefined: every record is looked up anew. */
  readonly cache: CacheLimits | undefined;
  /** Keys of one call, at most. */
  readonly maxKeys: number;
  /** Records held at most, before no more input is taken. */
  readonly capacity: number;
  readonly order: AsyncOrder;
  readonly limits: CallLimits;
  readonly codec: Codec<unknown>;
}

/** A loader answered with something that does not say which row belongs to which key. */
export class LookupAnswerError extends EngineError<"LOOKUP_ANSWER"> {
  constructor(operator: string, answer: unknown, keys: number) {
    const shown = Array.isArray(answer)
      ? `an array of ${answer.length}`
      : answer === null
        ? "null"
        : `of type ${typeof answer}`;
    super(
      "LOOKUP_ANSWER",
      `operator "${operator}": load was given ${keys} keys and its answer is ${shown}; ` +
        "return a Map from key to row, or an array with one row, or undefined, per key and in their order",
      { details: { operator, answer: shown, keys } },
    );
  }
}

export function lookupOperator(
  definition: LookupDefinition,
): (context: AsyncOperatorContext) => AsyncOperator {
  return (context) => new LookupOperator(context, definition);
}

/** One call: its keys, and the records that wait for each of them. */
interface KeyLoad {
  readonly keys: unknown[];
  readonly waiting: HeldRecord[][];
}

class LookupOperator extends HoldingOperator implements Caller<KeyLoad> {
  readonly #definition: LookupDefinition;
  protected readonly calls: CallPool<KeyLoad>;
  readonly #cache: LookupCache | undefined;
  /** Records that wait for a key, by the keys that are under way. */
  readonly #loading = new Map<unknown, HeldRecord[]>();
  /** The call that is being put together. */
  #next: KeyLoad = { keys: [], waiting: [] };

  constructor(context: AsyncOperatorContext, definition: LookupDefinition) {
    super(context, { exit: exitOrder(definition.order), keyed: false, codec: definition.codec });
    this.#definition = definition;
    this.#cache = definition.cache === undefined ? undefined : new LookupCache(definition.cache);
    const { operator, clock } = context;
    const { limits } = definition;
    this.calls = new CallPool({ operator, limits, clock, caller: this, wake: () => context.wake() });
  }

  get isFull(): boolean {
    const { capacity, limits } = this.#definition;
    return this.held >= capacity || this.calls.size >= limits.concurrency;
  }

  get isDue(): boolean {
    return this.calls.isDue || this.hasSettled;
  }

  /** Looking up is repeatable: nothing waits for a commit. */
  get awaitsCommit(): boolean {
    return false;
  }

  protected take(batch: Batch): void {
    const { values } = batch;
    const nowMs = this.context.clock.monotonicMs();
    this.noteIngest(batch.ingestMs);
    for (let from = 0; from < values.length; ) from = this.#takeFrom(batch, from, nowMs);
    this.output.trace = undefined;
    this.#submitNext();
  }

  /** @returns where to go on: behind a record whose function threw, or at the end */
  #takeFrom(batch: Batch, from: number, nowMs: number): number {
    const { values, timestamps, traces } = batch;
    const { key: keyOf } = this.#definition;
    const mayUndo = this.context.onError !== "fail";
    let i = from;
    try {
      for (; i < values.length; i++) {
        if (mayUndo) this.output.mark();
        const key = keyOf(values[i]);
        const cached = this.#known(key, nowMs);
        if (cached === undefined) {
          this.#await(this.hold(batch, i), key);
        } else if (this.mayPass) {
          if (traces !== undefined) this.output.trace = traces.find((mark) => mark.index === i);
          this.#emit(values[i], cached.row, timestamps?.[i]);
        } else {
          this.settle(this.hold(batch, i), false, cached.row);
        }
      }
    } catch (error) {
      if (this.mayPass) this.fail(error, values[i], timestamps?.[i]);
      else this.settle(this.hold(batch, i), true, toError(error));
      i++;
    }
    return i;
  }

  #known(key: unknown, nowMs: number): { readonly row: unknown } | undefined {
    if (key === undefined || key === null) return NO_ROW;
    return this.#cache?.find(key, nowMs);
  }

  #await(held: HeldRecord, key: unknown): void {
    const known = this.#loading.get(key);
    if (known !== undefined) {
      known.push(held);
      return;
    }
    if (typeof key === "object" || typeof key === "function") {
      this.settle(held, true, new UnsupportedKeyError(this.context.operator, key));
      return;
    }
    const waiting = [held];
    this.#loading.set(key, waiting);
    this.#next.keys.push(key);
    this.#next.waiting.push(waiting);
    if (this.#next.keys.length >= this.#definition.maxKeys) this.#submitNext();
  }

  #submitNext(): void {
    const load = this.#next;
    if (load.keys.length === 0) return;
    this.#next = { keys: [], waiting: [] };
    this.calls.submit(load);
  }

  protected resume(records: readonly HeldRecord[]): void {
    const nowMs = this.context.clock.monotonicMs();
    for (const held of records) {
      try {
        const key = this.#definition.key(held.record);
        const known = this.#known(key, nowMs);
        if (known === undefined) this.#await(held, key);
        else this.settle(held, false, known.row);
      } catch (error) {
        this.settle(held, true, toError(error));
      }
    }
    this.#submitNext();
  }

  call({ keys }: KeyLoad, attempt: Attempt<KeyLoad>): unknown {
    const { load } = this.#definition;
    return load(keys, new CallContext(attempt));
  }

  succeeded(load: KeyLoad, answer: unknown): void {
    const { keys, waiting } = load;
    const rowOf = rowsOf(answer, keys.length);
    if (rowOf === undefined) {
      this.failed(load, new LookupAnswerError(this.context.operator, answer, keys.length));
      return;
    }
    const nowMs = this.context.clock.monotonicMs();
    for (let i = 0; i < keys.length; i++) {
      const row = rowOf(keys[i], i) ?? undefined;
      this.#cache?.put(keys[i], row, nowMs);
      this.#loading.delete(keys[i]);
      for (const held of waiting[i]!) this.settle(held, false, row);
    }
  }

  failed({ keys, waiting }: KeyLoad, error: Error): void {
    for (let i = 0; i < keys.length; i++) {
      this.#loading.delete(keys[i]);
      for (const held of waiting[i]!) this.settle(held, true, error);
    }
  }

  protected emitResult({ record, outcome, timestamp }: HeldRecord): void {
    this.#emit(record, outcome, timestamp);
  }

  #emit(record: unknown, row: unknown, timestamp: number | undefined): void {
    const { kind, join } = this.#definition;
    if (row === undefined && kind === "inner") return;
    const result = join(record, row);
    if (result instanceof Promise) {
      // Nobody waits for it; its failure would be reported as unhandled.
      result.catch(() => {});
      throw new AsyncFunctionError(this.context.operator, "lookup");
    }
    this.output.emit(result, timestamp);
  }

  protected advanceCalls(): void {
    this.calls.advance();
  }

  acknowledge(): void {}

  close(): void {
    this.calls.close();
  }
}

const NO_ROW: { readonly row: undefined } = Object.freeze({ row: undefined });

/** @returns undefined for an answer of neither form */
function rowsOf(answer: unknown, keys: number): ((key: unknown, index: number) => unknown) | undefined {
  if (answer instanceof Map) return (key) => answer.get(key) as unknown;
  if (Array.isArray(answer) && answer.length === keys) return (_key, index) => answer[index] as unknown;
  return undefined;
}

class CallContext implements LoadContext {
  readonly #attempt: Attempt<KeyLoad>;

  constructor(attempt: Attempt<KeyLoad>) {
    this.#attempt = attempt;
  }

  get attempt(): number {
    return this.#attempt.number;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }
}
