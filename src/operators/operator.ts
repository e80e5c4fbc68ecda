// What an operator is to the partition that runs it. Step 4 of the walk (ARCHITECTURE.md).
//
// Operators are plain synchronous objects: a batch in, batches out to the next receiver. They know neither actors
// nor channels nor Redis. Keyed operators also tell which state they will need, so that it can be fetched before
// their code runs, and hand over what they changed when an epoch closes.
import type { Batch } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import type { KeyGroupRange } from "../core/key-group.ts";
import type { StateLoad, StateWrites, StoredTimer } from "../core/ports/state-backend.ts";

/** Takes batches and watermarks, in order: the next operator, several of them, or the partition's outgoing edge. */
export interface Receiver {
  onBatch(batch: Batch): void;
  /** Later records are strictly newer than `watermark`; MAX_WATERMARK at the end of the input. */
  onWatermark(watermark: number): void;
}

/** What happens with a record whose user function throws or that cannot be decoded. */
export type ErrorPolicy = "fail" | "skip" | "deadLetter";

/** What a dead-letter stream carries. */
export interface DeadLetter {
  readonly error: { readonly name: string; readonly message: string; readonly code: string | undefined };
  readonly operator: string;
  readonly record: unknown;
  /** Where the record stood, as far as it is known; event time for records inside the job. */
  readonly position: string;
}

/** Tag of the side output that carries dead letters. */
export const DEAD_LETTER_TAG = "$dead-letter";

/** Counters of one operator instance, plain fields: incremented per batch or per rare event, read by the reporter. */
export interface OperatorMetrics {
  recordsIn: number;
  recordsOut: number;
  /** Records dropped by the `skip` policy. */
  skipped: number;
  deadLetters: number;
  /** Records behind the watermark that no window could take. */
  late: number;
}

export function createOperatorMetrics(): OperatorMetrics {
  return { recordsIn: 0, recordsOut: 0, skipped: 0, deadLetters: 0, late: 0 };
}

/** Given to the factory of every operator instance. */
export interface OperatorContext {
  /** Name of the operator in the job: its identity in state and errors. */
  readonly operator: string;
  readonly partition: number;
  readonly parallelism: number;
  readonly clock: Clock;
  readonly metrics: OperatorMetrics;
  readonly onError: ErrorPolicy;
  readonly output: Receiver;
  /** The receiver of a side output; undefined when nobody reads it. */
  side(tag: string): Receiver | undefined;
}

/** Given to the factory of keyed operators. */
export interface KeyedOperatorContext extends OperatorContext {
  readonly keyGroups: KeyGroupRange;
  /** Nothing is stored for this partition yet: absent keys need no fetch as long as none was evicted. */
  readonly startsEmpty: boolean;
  /** Bounds of the state cache of this operator instance. */
  readonly cacheEntries: number;
  /** Timers stored for this operator, by key group. */
  readonly timers: readonly [number, StoredTimer[]][];
  /** Last merged watermark of the partition before this attach. */
  readonly watermark: number;
  /** Whether values stay in this heap (embedded) or are encoded by every commit: decides where encodability is checked. */
  readonly encodesOnCommit: boolean;
}

export interface Operator extends Receiver {
  /** Bytes and handles of user code, if any. */
  close?(): void;
}

/** An operator of which commits carry something. */
export interface StatefulOperator extends Operator {
  /** Takes the results of loads; never replaces what the heap already has (H6). */
  supply(loads: readonly StateLoad[]): void;
  /** State entries and timers changed since the last {@link collectWrites}: bounds the size of an epoch. */
  readonly pendingWrites: number;
  /** Moves everything changed since the last call out of the dirty set, for the epoch that closes now. */
  collectWrites(into: StateWrites[]): void;
  /** The oldest collected epoch is durable: what belonged to it may be evicted when it is clean. */
  acknowledge(): void;
}

/** Given to the factory of operators whose state belongs to their partition. */
export interface UnkeyedOperatorContext extends OperatorContext {
  /** Its state is stored under the first of them. */
  readonly keyGroups: KeyGroupRange;
  /** Nothing is stored for this partition yet. */
  readonly startsEmpty: boolean;
}

/** A stateful operator without keys. The partition calls, once: `storedState` → (fetch) → `supply`; then `onBatch`. */
export interface UnkeyedOperator extends StatefulOperator {
  /** Loads for all that the last commit stored; empty when there can be nothing. */
  storedState(): readonly StateLoad[];
}

/**
 * An operator with keyed state and timers. The partition calls, for every batch, in this order:
 * `missingForBatch` → (fetch what is missing) → `onBatch`; and for time the same with timers.
 * `batch.keys` is always set, except for batches of a second input that is broadcast.
 */
export interface KeyedOperator extends StatefulOperator {
  /** Says which input the next batch comes from: 0 or 1. Only operators with two inputs listen. */
  fromInput?(input: number): void;
  /** Loads for state that the batch will touch and that is not in the heap; empty when nothing is missing. */
  missingForBatch(batch: Batch): readonly StateLoad[];

  /** Loads needed to fire up to `limit` event-time timers with time <= watermark. */
  missingForEventTime(watermark: number, limit: number): readonly StateLoad[];
  /**
   * Fires up to `limit` due event-time timers in the order of time, then of registration.
   * When none is left it forwards the watermark to its output and returns true; else returns false and wants another call.
   */
  advanceEventTime(watermark: number, limit: number): boolean;
  missingForProcessingTime(nowMs: number, limit: number): readonly StateLoad[];
  /** @returns true when no due processing-time timer is left */
  advanceProcessingTime(nowMs: number, limit: number): boolean;
  /** Time in epoch ms of the earliest processing-time timer, or undefined. */
  nextProcessingTime(): number | undefined;
}

/** Chains: forwards to several receivers, in order. */
export function fanOut(receivers: readonly Receiver[]): Receiver {
  const only = receivers[0];
  if (receivers.length === 1 && only !== undefined) return only;
  return {
    onBatch(batch) {
      for (const receiver of receivers) receiver.onBatch(batch);
    },
    onWatermark(watermark) {
      for (const receiver of receivers) receiver.onWatermark(watermark);
    },
  };
}
