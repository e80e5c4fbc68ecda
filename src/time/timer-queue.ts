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
import { KeyMap } from "../core/key-map.ts";
import type { StoredTimer } from "../core/ports/state-backend.ts";
import { BucketHeap } from "./bucket-heap.ts";
import { Bucket, type QueuedTimer } from "./timer-bucket.ts";
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
  readonly #heap = new BucketHeap();
  readonly #buckets = new KeyMap<Bucket>();
  #nextOrder = 1;
  #size = 0;
  /** Since the last collect. */
  #added: QueuedTimer[] = [];
  #removed: QueuedTimer[] = [];
  /** Buckets that became empty since then: what is undone may still put timers back there. */
  #emptied: Bucket[] = [];
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
    return this.#size;
  }

  /**
   * Sets a timer; one that is set already keeps its place.
   *
   * @param time epoch ms; in event time also MAX_WATERMARK for the end of the input
   * @returns whether it is new
   * @throws {InvalidTimerTimeError}
   */
  register(namespace: Namespace, key: unknown, time: number): boolean {
    const bucket = this.#bucket(this.#checked(time));
    if (bucket.find(namespace, key) !== undefined) return false;
    this.#add(bucket, namespace, key);
    return true;
  }

  /**
   * Sets a timer that the caller knows not to be set, without a search. For operators that never call {@link register}
   * and {@link delete}: then nothing is kept that a search would need.
   *
   * @throws {InvalidTimerTimeError}
   */
  registerNew(namespace: Namespace, key: unknown, time: number): void {
    this.#add(this.#bucket(this.#checked(time)), namespace, key);
  }

  #checked(time: number): number {
    if (
      typeof time !== "number" ||
      !(time > Number.NEGATIVE_INFINITY) ||
      (time === Number.POSITIVE_INFINITY && this.kind !== "event")
    )
      throw new InvalidTimerTimeError(this.#operator, this.kind, time);
    return time + 0; // -0 and 0 are the same time
  }

  #add(bucket: Bucket, namespace: Namespace, key: unknown): void {
    const timer = bucket.add(namespace, key, this.#nextOrder++);
    this.#size++;
    this.#added.push(timer);
    this.#log?.push({ timer, registered: true });
  }

  /** @returns whether there was one */
  delete(namespace: Namespace, key: unknown, time: number): boolean {
    const timer = this.#buckets.get(time)?.find(namespace, key);
    if (timer === undefined) return false;
    this.#end(timer);
    this.#log?.push({ timer, registered: false });
    return true;
  }

  /** The next timer with time <= `through`, which stays in the queue. */
  peek(through: number): Timer | undefined {
    for (;;) {
      const bucket = this.#heap.first;
      if (bucket === undefined || bucket.time > through) return undefined;
      if (bucket.first !== undefined) return bucket.first;
      this.#drop(bucket);
    }
  }

  /** Time of the next timer, or undefined. */
  nextTime(): number | undefined {
    return this.peek(Number.POSITIVE_INFINITY)?.time;
  }

  /** Takes the timer that {@link peek} returned out: it fires now. Never undone: a failing timer does not fire again. */
  pop(): void {
    const timer = this.#heap.first?.first;
    invariant(timer !== undefined, "only a timer that was peeked at is taken");
    this.#end(timer);
    // What fires is garbage soon, and must not keep alive what stood beside it.
    timer.behind = undefined;
  }

  /** Visits the first `limit` timers with time <= `through` in their order, without taking them out. */
  forEachDue(through: number, limit: number, visit: (timer: Timer) => void): void {
    let left = limit;
    this.#heap.visitInOrder((bucket) => {
      if (bucket.time > through) return false;
      for (let timer = bucket.first; timer !== undefined; timer = timer.behind) {
        if (left-- <= 0) return false;
        visit(timer);
      }
      return true;
    });
  }

  /** Visits all pending timers in no particular order. */
  forEach(visit: (timer: Timer) => void): void {
    for (const { first } of this.#heap.all())
      for (let timer = first; timer !== undefined; timer = timer.behind) visit(timer);
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
      if (registered) {
        this.#takeOut(timer);
      } else {
        timer.bucket.putBack(timer);
        this.#size++;
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
    for (const bucket of this.#emptied)
      if (bucket.first === undefined && bucket.position >= 0) this.#drop(bucket);
    if (this.#emptied.length > 0) this.#emptied = [];
  }

  /** Puts a stored timer back. Call in the order of registration; see {@link restoreTimers}. */
  restore({ namespace, key, time, order }: DecodedTimer): void {
    const bucket = this.#bucket(time);
    if (bucket.find(namespace, key) !== undefined) return;
    bucket.add(namespace, key, order).stored = true;
    this.#size++;
    this.#nextOrder = Math.max(this.#nextOrder, order + 1);
  }

  #end(timer: QueuedTimer): void {
    this.#takeOut(timer);
    if (timer.stored) this.#removed.push(timer);
  }

  #takeOut(timer: QueuedTimer): void {
    const { bucket } = timer;
    bucket.takeOut(timer);
    this.#size--;
    if (bucket.first === undefined) this.#emptied.push(bucket);
  }

  #bucket(time: number): Bucket {
    let bucket = this.#buckets.get(time);
    if (bucket === undefined) {
      bucket = new Bucket(this.kind, time);
      this.#buckets.set(time, bucket);
      this.#heap.add(bucket);
    }
    return bucket;
  }

  #drop(bucket: Bucket): void {
    this.#buckets.delete(bucket.time);
    this.#heap.remove(bucket);
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
