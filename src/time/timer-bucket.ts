// Bucket — all timers of one time, in the order of registration; and the walk over a heap of buckets in the order of time.
import type { Namespace } from "../core/address.ts";
import { encodeTimer, type Timer, type TimerKind } from "./timer-member.ts";

export class QueuedTimer implements Timer {
  readonly kind: TimerKind;
  readonly namespace: Namespace;
  readonly key: unknown;
  readonly time: number;
  readonly order: number;
  live = true;
  /** An earlier commit carries it, so its end must be committed too. */
  stored = false;

  constructor(kind: TimerKind, namespace: Namespace, key: unknown, time: number, order: number) {
    this.kind = kind;
    this.namespace = namespace;
    this.key = key;
    this.time = time;
    this.order = order;
  }

  get member(): string {
    return encodeTimer(this.kind, this.order, this.time, this.namespace, this.key);
  }
}

/** Up to so many timers are searched one by one. */
const UNINDEXED = 8;

/** All timers of one time, in the order of registration. */
export class Bucket {
  readonly time: number;
  timers: QueuedTimer[] = [];
  head = 0;
  live = 0;
  #index: Map<Namespace, Map<unknown, QueuedTimer>> | undefined = undefined;

  constructor(time: number) {
    this.time = time;
  }

  find(namespace: Namespace, key: unknown): QueuedTimer | undefined {
    if (this.#index !== undefined) return this.#index.get(namespace)?.get(key);
    for (let i = this.head; i < this.timers.length; i++) {
      const timer = this.timers[i] as QueuedTimer;
      if (timer.live && timer.namespace === namespace && timer.key === key) return timer;
    }
    return undefined;
  }

  push(timer: QueuedTimer): void {
    this.timers.push(timer);
    this.live++;
    if (this.#index !== undefined) this.#addToIndex(timer);
    else if (this.timers.length - this.head > UNINDEXED) {
      this.#index = new Map();
      for (let i = this.head; i < this.timers.length; i++) {
        const present = this.timers[i] as QueuedTimer;
        if (present.live) this.#addToIndex(present);
      }
    }
  }

  end(timer: QueuedTimer): void {
    timer.live = false;
    this.live--;
    this.#index?.get(timer.namespace)?.delete(timer.key);
  }

  revive(timer: QueuedTimer): void {
    timer.live = true;
    this.live++;
    if (this.#index !== undefined) this.#addToIndex(timer);
  }

  /** First live timer; drops dead ones in front of it. */
  first(): QueuedTimer | undefined {
    while (this.head < this.timers.length) {
      const timer = this.timers[this.head] as QueuedTimer;
      if (timer.live) return timer;
      this.head++;
    }
    return undefined;
  }

  get sparse(): boolean {
    return this.timers.length - this.head > 64 && this.live * 2 < this.timers.length - this.head;
  }

  compact(): void {
    this.timers = this.timers.filter((timer, position) => position >= this.head && timer.live);
    this.head = 0;
  }

  #addToIndex(timer: QueuedTimer): void {
    const index = this.#index as Map<Namespace, Map<unknown, QueuedTimer>>;
    let keys = index.get(timer.namespace);
    if (keys === undefined) {
      keys = new Map();
      index.set(timer.namespace, keys);
    }
    keys.set(timer.key, timer);
  }
}

/** Positions of the bucket heap, smallest time first. */
export class IndexHeap {
  readonly #buckets: readonly Bucket[];
  readonly #positions: number[] = [];

  constructor(buckets: readonly Bucket[]) {
    this.#buckets = buckets;
  }

  push(position: number): void {
    const positions = this.#positions;
    let at = positions.length;
    positions.push(position);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#time(parent) <= this.#time(at)) break;
      this.#swap(parent, at);
      at = parent;
    }
  }

  pop(): number | undefined {
    const positions = this.#positions;
    const first = positions[0];
    const last = positions.pop();
    if (first === undefined || last === undefined || positions.length === 0) return first;
    positions[0] = last;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= positions.length) return first;
      if (child + 1 < positions.length && this.#time(child + 1) < this.#time(child)) child++;
      if (this.#time(at) <= this.#time(child)) return first;
      this.#swap(at, child);
      at = child;
    }
  }

  #time(at: number): number {
    return (this.#buckets[this.#positions[at] as number] as Bucket).time;
  }

  #swap(a: number, b: number): void {
    const positions = this.#positions;
    const kept = positions[a] as number;
    positions[a] = positions[b] as number;
    positions[b] = kept;
  }
}
