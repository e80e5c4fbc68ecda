// ScheduledReader — what readers of made records share: with nothing due, a read waits until something is.
import type { SourceBatch, SplitReader } from "./contract.ts";
import type { Schedule } from "./schedule.ts";

export abstract class ScheduledReader<T> implements SplitReader<T> {
  protected readonly schedule: Schedule;
  /** The next number of this split. */
  protected next: number;
  #closed = false;

  constructor(schedule: Schedule, next: number) {
    this.schedule = schedule;
    this.next = next;
  }

  /** Everything due by now, within the limits. */
  protected abstract make(maxRecords: number): SourceBatch<T>;

  read(maxRecords: number): SourceBatch<T> | Promise<SourceBatch<T>> {
    const ready = this.make(maxRecords);
    if (ready.records.length > 0 || ready.end || ready.failures !== undefined || this.#closed) return ready;
    return this.schedule.whenDue(this.next).then(() => (this.#closed ? this.make(0) : this.read(maxRecords)));
  }

  close(): void {
    this.#closed = true;
    this.schedule.release();
  }
}
