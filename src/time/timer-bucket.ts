// Bucket — all timers of one time, in the order of registration.
//
// The timers are a linked list: taking one out costs the same wherever it stands, a million of them is never copied, and
// what has fired is let go of at once. A timer that was taken out still knows its place, so that changes that are undone
// in reverse order put it back there.
import type { Namespace } from "../core/address.ts";
import { KeyMap } from "../core/key-map.ts";
import { encodeTimer, type Timer, type TimerKind } from "./timer-member.ts";

export class QueuedTimer implements Timer {
  readonly bucket: Bucket;
  readonly namespace: Namespace;
  readonly key: unknown;
  readonly order: number;
  live = true;
  /** An earlier commit carries it, so its end must be committed too. */
  stored = false;
  before: QueuedTimer | undefined = undefined;
  behind: QueuedTimer | undefined = undefined;

  constructor(bucket: Bucket, namespace: Namespace, key: unknown, order: number) {
    this.bucket = bucket;
    this.namespace = namespace;
    this.key = key;
    this.order = order;
  }

  get kind(): TimerKind {
    return this.bucket.kind;
  }

  get time(): number {
    return this.bucket.time;
  }

  get member(): string {
    return encodeTimer(this.kind, this.order, this.time, this.namespace, this.key);
  }
}

/** Up to so many timers are searched one by one. */
const UNINDEXED = 8;

export class Bucket {
  readonly kind: TimerKind;
  readonly time: number;
  /** Where the bucket stands in the heap; -1 when it is not there. */
  position = -1;
  first: QueuedTimer | undefined = undefined;
  #last: QueuedTimer | undefined = undefined;
  #size = 0;
  #index: Map<Namespace, KeyMap<QueuedTimer>> | undefined = undefined;

  constructor(kind: TimerKind, time: number) {
    this.kind = kind;
    this.time = time;
  }

  find(namespace: Namespace, key: unknown): QueuedTimer | undefined {
    if (this.#index === undefined && this.#size > UNINDEXED) this.#buildIndex();
    if (this.#index !== undefined) return this.#index.get(namespace)?.get(key);
    for (let timer = this.first; timer !== undefined; timer = timer.behind)
      if (timer.namespace === namespace && timer.key === key) return timer;
    return undefined;
  }

  /** Adds a timer that {@link find} would not find, behind all others. */
  add(namespace: Namespace, key: unknown, order: number): QueuedTimer {
    const timer = new QueuedTimer(this, namespace, key, order);
    timer.before = this.#last;
    if (this.#last === undefined) this.first = timer;
    else this.#last.behind = timer;
    this.#last = timer;
    this.#size++;
    if (this.#index !== undefined) this.#addTo(this.#index, timer);
    return timer;
  }

  takeOut(timer: QueuedTimer): void {
    const { before, behind } = timer;
    if (before === undefined) this.first = behind;
    else before.behind = behind;
    if (behind === undefined) this.#last = before;
    else behind.before = before;
    timer.live = false;
    this.#size--;
    this.#index?.get(timer.namespace)?.delete(timer.key);
  }

  /** Takes back the last {@link takeOut} that was not taken back; everything after it has been undone. */
  putBack(timer: QueuedTimer): void {
    const { before, behind } = timer;
    if (before === undefined) this.first = timer;
    else before.behind = timer;
    if (behind === undefined) this.#last = timer;
    else behind.before = timer;
    timer.live = true;
    this.#size++;
    if (this.#index !== undefined) this.#addTo(this.#index, timer);
  }

  #buildIndex(): void {
    this.#index = new Map();
    for (let timer = this.first; timer !== undefined; timer = timer.behind) this.#addTo(this.#index, timer);
  }

  #addTo(index: Map<Namespace, KeyMap<QueuedTimer>>, timer: QueuedTimer): void {
    let keys = index.get(timer.namespace);
    if (keys === undefined) {
      keys = new KeyMap();
      index.set(timer.namespace, keys);
    }
    keys.set(timer.key, timer);
  }
}
