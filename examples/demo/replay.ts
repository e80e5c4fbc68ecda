// replay — an array as a source that gives each record when its time has come, faster than it once was.
//
// A source of one's own is this small: splits that can be read side by side, and readers that say with every batch from
// where reading continues. The position is stored with the commit; after a failure another worker opens the split there.
import type { Json, Source, SourceBatch, SourceSplit, SplitReader } from "weir";

export interface ReplayOptions<T> {
  /** When a record was, in epoch ms. */
  readonly time: (record: T) => number;
  /** How many times faster than it was; Infinity: as fast as the job takes it. */
  readonly speed: number;
}

/** From where a split goes on, and when it was begun: the schedule is absolute, so a delayed reader catches up. */
interface Position {
  readonly next: number;
  readonly startMs: number;
}

/** @param records in ascending order of time, the same on every worker */
export function replay<T>(records: readonly T[], { time, speed }: ReplayOptions<T>): Source<T> {
  return {
    description: `replay of ${records.length} records at ${speed} times their speed`,
    bounded: true,
    replayable: true,
    splits: (parallelism) =>
      Array.from({ length: parallelism }, (_, first) => ({
        id: `${first}-of-${parallelism}`,
        first,
        step: parallelism,
      })),
    open: (split, position) => new ReplayReader(records, split, position, time, speed),
  };
}

/** Reads records first, first + step, first + 2 steps, ... */
class ReplayReader<T> implements SplitReader<T> {
  readonly #records: readonly T[];
  readonly #step: number;
  readonly #startMs: number;
  readonly #time: (record: T) => number;
  readonly #speed: number;
  #next: number;
  #cancelWait: () => void = () => {};

  constructor(
    records: readonly T[],
    split: SourceSplit,
    position: Json | undefined,
    time: (record: T) => number,
    speed: number,
  ) {
    const { next, startMs } = (position as Position | undefined) ?? {
      next: Number(split["first"]),
      startMs: Date.now(),
    };
    this.#records = records;
    this.#step = Number(split["step"]);
    this.#startMs = startMs;
    this.#time = time;
    this.#speed = speed;
    this.#next = next;
  }

  async read(maxRecords: number): Promise<SourceBatch<T>> {
    const first = this.#next;
    if (first < this.#records.length) await this.#until(this.#dueMs(first));
    const nowMs = Date.now();
    const due: T[] = [];
    for (; this.#next < this.#records.length && due.length < maxRecords; this.#next += this.#step) {
      if (this.#dueMs(this.#next) > nowMs) break;
      due.push(this.#records[this.#next] as T);
    }
    return {
      records: due,
      position: { next: this.#next, startMs: this.#startMs },
      end: this.#next >= this.#records.length,
      ...(due.length > 0 && { ingestMs: this.#dueMs(first) }),
    };
  }

  close(): void {
    this.#cancelWait();
  }

  #dueMs(index: number): number {
    const sinceFirstMs = this.#time(this.#records[index] as T) - this.#time(this.#records[0] as T);
    return this.#startMs + sinceFirstMs / this.#speed;
  }

  #until(dueMs: number): Promise<void> | undefined {
    const delayMs = dueMs - Date.now();
    if (delayMs <= 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs);
      this.#cancelWait = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
