// TimerQueue — the timers of one kind of one operator instance, in the order in which they fire.
//
// Owns:      pending timers, what changed since the last commit, the undo log of the current record.
// Does not:  know what a timer means, watch the clock, or prefetch the state its function will use.
//
// Timers of one time stand in one bucket, buckets in a binary heap: windows put thousands of keys at the same time, and
// those cost one heap operation together. A timer is identified by (kind, namespace, key, time); registering it again
// changes nothing. Every timer carries the number of its registration, and so does the stored member:
//
// Laws (docs/laws.md)
//   T1  Timers fire in the order of time, then of registration; after a restore too. Registration numbers of
//       partitions that were merged by a rescale may be equal: then the member decides.
//   T2  A deleted timer never fires.
//   T3  Timers restored from storage fire exactly like ones that were never stored.
import type { Namespace } from "../core/address.ts";
import { EngineError, invariant } from "../core/errors.ts";
import { keyGroupOf } from "../core/key-group.ts";
import type { StoredTimer } from "../core/ports/state-backend.ts";
import { Bucket, IndexHeap, QueuedTimer } from "./timer-bucket.ts";
import { type DecodedTimer, decodeTimer, type Timer, type TimerKind } from "./timer-member.ts";

/** A timer was set for something that is not a time. */
export class InvalidTimerTimeError extends EngineError<"INVALID_TIMER_TIME"> {
  constructor(operator: string, kind: TimerKind, time: unknown) {
    super(
      "INVALID_TIMER_TIME",
      `operator "${operator}": a timer in ${kind} time was set for ${String(time)} (${typeof time}); give milliseconds since ` +
        "1970-01-01 UTC, or MAX_WATERMARK for the end of the input",
      { details: { operator, kind, time: String(time) } },
    );
  }
}

/** What a commit must store about timers of one key group. */
export interface TimerDeltas {
  readonly timerAdds: StoredTimer[];
  readonly timerRemoves: string[];
}

export class TimerQueue {
  readonly kind: TimerKind;
  readonly #operator: string;
  readonly #heap: Bucket[] = [];
  readonly #buckets = new Map<number, Bucket>();
  #nextOrder = 1;
  #live = 0;
  /** Since the last collect. */
  #added: QueuedTimer[] = [];
  #removed: QueuedTimer[] = [];
  #sparse = new Set<Bucket>();
  /** Undo log of the record; undefined when nothing is ever taken back. */
  readonly #log: { readonly timer: QueuedTimer; readonly registered: boolean }[] | undefined;
  #orderMark = 1;
  #addedMark = 0;
  #removedMark = 0;

  /** @param journaling the changes of a record may be taken back (policies other than `fail`) */
  constructor(kind: TimerKind, operator: string, journaling: boolean) {
    this.kind = kind;
    this.#operator = operator;
    this.#log = journaling ? [] : undefined;
  }

  /** Timers that are pending. */
  get size(): number {
    return this.#live;
  }

  /**
   * Sets a timer; one that is set already keeps its place.
   *
   * @param time epoch ms; in event time also MAX_WATERMARK for the end of the input
   * @returns whether it is new
   * @throws {InvalidTimerTimeError}
   */
  register(namespace: Namespace, key: unknown, time: number): boolean {
    if (
      typeof time !== "number" ||
      !(time > Number.NEGATIVE_INFINITY) ||
      (time === Number.POSITIVE_INFINITY && this.kind !== "event")
    )
      throw new InvalidTimerTimeError(this.#operator, this.kind, time);
    const at = time + 0; // -0 and 0 are the same time
    const bucket = this.#bucket(at);
    if (bucket.find(namespace, key) !== undefined) return false;
    const timer = new QueuedTimer(this.kind, namespace, key, at, this.#nextOrder++);
    bucket.push(timer);
    this.#live++;
    this.#added.push(timer);
    this.#log?.push({ timer, registered: true });
    return true;
  }

  /** @returns whether there was one */
  delete(namespace: Namespace, key: unknown, time: number): boolean {
    const bucket = this.#buckets.get(time);
    const timer = bucket?.find(namespace, key);
    if (bucket === undefined || timer === undefined) return false;
    this.#end(bucket, timer);
    this.#log?.push({ timer, registered: false });
    return true;
  }

  /** The next timer with time <= `through`, which stays in the queue. */
  peek(through: number): Timer | undefined {
    for (;;) {
      const bucket = this.#heap[0];
      if (bucket === undefined || bucket.time > through) return undefined;
      const timer = bucket.first();
      if (timer !== undefined) return timer;
      this.#buckets.delete(bucket.time);
      this.#popBucket();
    }
  }

  /** Time of the next timer, or undefined. */
  nextTime(): number | undefined {
    return this.peek(Number.POSITIVE_INFINITY)?.time;
  }

  /** Takes the timer that {@link peek} returned out: it fires now. Never undone: a failing timer does not fire again. */
  pop(): void {
    const bucket = this.#heap[0];
    const timer = bucket?.first();
    invariant(bucket !== undefined && timer !== undefined, "only a timer that was peeked at is taken");
    bucket.head++;
    this.#end(bucket, timer);
  }

  /** Visits the first `limit` timers with time <= `through` in their order, without taking them out. */
  forEachDue(through: number, limit: number, visit: (timer: Timer) => void): void {
    let left = limit;
    // Best-first walk over the heap: children of a bucket are looked at only once the bucket itself is done.
    const frontier = new IndexHeap(this.#heap);
    if (this.#heap.length > 0) frontier.push(0);
    for (;;) {
      const position = frontier.pop();
      if (position === undefined) return;
      const bucket = this.#heap[position] as Bucket;
      if (bucket.time > through) return;
      for (let i = bucket.head; i < bucket.timers.length; i++) {
        const timer = bucket.timers[i] as QueuedTimer;
        if (!timer.live) continue;
        if (left-- <= 0) return;
        visit(timer);
      }
      if (2 * position + 1 < this.#heap.length) frontier.push(2 * position + 1);
      if (2 * position + 2 < this.#heap.length) frontier.push(2 * position + 2);
    }
  }

  /** Visits all pending timers in no particular order. */
  forEach(visit: (timer: Timer) => void): void {
    for (const bucket of this.#heap) for (const timer of bucket.timers) if (timer.live) visit(timer);
  }

  // Records

  /** Start of a record whose changes may be taken back. */
  beginRecord(): void {
    if (this.#log === undefined) return;
    if (this.#log.length > 0) this.#log.length = 0;
    this.#orderMark = this.#nextOrder;
    this.#addedMark = this.#added.length;
    this.#removedMark = this.#removed.length;
  }

  /** Takes back everything since {@link beginRecord}. */
  rollback(): void {
    const log = this.#log;
    if (log === undefined) return;
    for (let i = log.length - 1; i >= 0; i--) {
      const { timer, registered } = log[i] as (typeof log)[number];
      const bucket = this.#bucket(timer.time);
      if (registered) {
        if (timer.live) {
          bucket.end(timer);
          this.#live--;
        }
      } else {
        bucket.revive(timer);
        this.#live++;
      }
    }
    log.length = 0;
    this.#nextOrder = this.#orderMark;
    this.#added.length = this.#addedMark;
    this.#removed.length = this.#removedMark;
  }

  // Epochs

  /** Timers set or ended since the last {@link collect}; an upper bound. */
  get pendingWrites(): number {
    return this.#added.length + this.#removed.length;
  }

  /** Moves the changes since the last call into the deltas of their key groups. Call between records only. */
  collect(groupOf: (keyGroup: number) => TimerDeltas): void {
    for (const timer of this.#added) {
      if (!timer.live) continue;
      groupOf(keyGroupOf(timer.key)).timerAdds.push({ member: timer.member, time: timer.time });
      timer.stored = true;
    }
    for (const timer of this.#removed) groupOf(keyGroupOf(timer.key)).timerRemoves.push(timer.member);
    if (this.#added.length > 0) this.#added = [];
    if (this.#removed.length > 0) this.#removed = [];
    for (const bucket of this.#sparse) bucket.compact();
    this.#sparse.clear();
    this.#dropEmptyBuckets();
  }

  /** Puts a stored timer back. Call in the order of registration; see {@link restoreTimers}. */
  restore(stored: DecodedTimer): void {
    const bucket = this.#bucket(stored.time);
    if (bucket.find(stored.namespace, stored.key) !== undefined) return;
    const timer = new QueuedTimer(this.kind, stored.namespace, stored.key, stored.time, stored.order);
    timer.stored = true;
    bucket.push(timer);
    this.#live++;
    this.#nextOrder = Math.max(this.#nextOrder, stored.order + 1);
  }

  #end(bucket: Bucket, timer: QueuedTimer): void {
    bucket.end(timer);
    this.#live--;
    if (timer.stored) this.#removed.push(timer);
    if (bucket.sparse) this.#sparse.add(bucket);
  }

  // The heap of buckets

  #bucket(time: number): Bucket {
    let bucket = this.#buckets.get(time);
    if (bucket === undefined) {
      bucket = new Bucket(time);
      this.#buckets.set(time, bucket);
      this.#heap.push(bucket);
      this.#siftUp(this.#heap.length - 1);
    }
    return bucket;
  }

  /** Deleted timers leave empty buckets behind until their time comes; too many of them are swept out. */
  #dropEmptyBuckets(): void {
    const { length } = this.#heap;
    if (length < 64 || length < this.#live * 2) return;
    let kept = 0;
    for (const bucket of this.#heap) {
      if (bucket.live === 0) this.#buckets.delete(bucket.time);
      else this.#heap[kept++] = bucket;
    }
    this.#heap.length = kept;
    // A sorted array is a heap.
    this.#heap.sort((a, b) => a.time - b.time);
  }

  #popBucket(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && right.time < (heap[child] as Bucket).time) child++;
      const smaller = heap[child] as Bucket;
      if (smaller.time >= last.time) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
  }

  #siftUp(from: number): void {
    const heap = this.#heap;
    const bucket = heap[from] as Bucket;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Bucket;
      if (above.time <= bucket.time) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = bucket;
  }
}

/** Puts the stored timers of one operator instance into the queues of their kinds (law T3). */
export function restoreTimers(
  stored: readonly (readonly [number, readonly StoredTimer[]])[],
  queues: readonly TimerQueue[],
): void {
  const decoded: { readonly timer: DecodedTimer; readonly member: string }[] = [];
  for (const [, timers] of stored)
    for (const { member } of timers) decoded.push({ timer: decodeTimer(member), member });
  decoded.sort((a, b) => a.timer.order - b.timer.order || (a.member < b.member ? -1 : 1));
  for (const { timer } of decoded) queues.find((queue) => queue.kind === timer.kind)?.restore(timer);
}
