// BucketHeap — a binary heap of buckets by their time. A bucket knows where it stands, so that any can be taken out.
import type { Bucket } from "./timer-bucket.ts";

export class BucketHeap {
  readonly #buckets: Bucket[] = [];

  /** The bucket of the smallest time. */
  get first(): Bucket | undefined {
    return this.#buckets[0];
  }

  add(bucket: Bucket): void {
    this.#buckets.push(bucket);
    this.#rise(bucket, this.#buckets.length - 1);
  }

  remove(bucket: Bucket): void {
    const at = bucket.position;
    bucket.position = -1;
    const last = this.#buckets.pop() as Bucket;
    if (last === bucket) return;
    const parent = this.#buckets[(at - 1) >> 1];
    if (at > 0 && (parent as Bucket).time > last.time) this.#rise(last, at);
    else this.#sink(last, at);
  }

  /** In no particular order. */
  all(): readonly Bucket[] {
    return this.#buckets;
  }

  /** Visits buckets in the order of time as long as `visit` returns true; the heap must stay as it is. */
  visitInOrder(visit: (bucket: Bucket) => boolean): void {
    // A bucket comes before its children, so those are looked at only once it has been visited.
    const frontier: number[] = [];
    if (this.#buckets.length > 0) frontier.push(0);
    while (frontier.length > 0) {
      const position = this.#takeSmallest(frontier);
      if (!visit(this.#at(position))) return;
      const child = 2 * position + 1;
      if (child < this.#buckets.length) this.#addTo(frontier, child);
      if (child + 1 < this.#buckets.length) this.#addTo(frontier, child + 1);
    }
  }

  #at(position: number): Bucket {
    return this.#buckets[position] as Bucket;
  }

  #rise(bucket: Bucket, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#at(parent);
      if (above.time <= bucket.time) break;
      this.#place(above, at);
      at = parent;
    }
    this.#place(bucket, at);
  }

  #sink(bucket: Bucket, from: number): void {
    const buckets = this.#buckets;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= buckets.length) break;
      if (child + 1 < buckets.length && this.#at(child + 1).time < this.#at(child).time) child++;
      if (this.#at(child).time >= bucket.time) break;
      this.#place(this.#at(child), at);
      at = child;
    }
    this.#place(bucket, at);
  }

  #place(bucket: Bucket, position: number): void {
    this.#buckets[position] = bucket;
    bucket.position = position;
  }

  // The frontier is a heap too, of positions in this one.

  #addTo(frontier: number[], position: number): void {
    let at = frontier.push(position) - 1;
    const { time } = this.#at(position);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = frontier[parent] as number;
      if (this.#at(above).time <= time) break;
      frontier[at] = above;
      at = parent;
    }
    frontier[at] = position;
  }

  #takeSmallest(frontier: number[]): number {
    const smallest = frontier[0] as number;
    const last = frontier.pop() as number;
    if (frontier.length === 0) return smallest;
    const { time } = this.#at(last);
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= frontier.length) break;
      const right = frontier[child + 1];
      if (right !== undefined && this.#at(right).time < this.#at(frontier[child] as number).time) child++;
      const smaller = frontier[child] as number;
      if (this.#at(smaller).time >= time) break;
      frontier[at] = smaller;
      at = child;
    }
    frontier[at] = last;
    return smallest;
  }
}
