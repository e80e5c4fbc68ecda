// A source whose pace a test decides: it begins when it is told to, gives a little at a time, and holds its last third back
// until it is told to end. So whatever a test does in between is done in the middle, on a machine of any speed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Json, Source, SourceBatch, SplitReader } from "../../src/connectors/contract.ts";

export interface Stages {
  readonly begin: Promise<void>;
  readonly end: Promise<void>;
}

/** Batches in which a split gives what it may give before `end`. */
const STEPS = 5;
const PAUSE_MS = 40;

/** @param records how many the source has, dealt out evenly to its splits */
export function stagedSource<T>(source: Source<T>, records: number, stages: Stages): Source<T> {
  return {
    ...source,
    open: async (split, position, context) => {
      const { inner, read } = (position as StagedPosition | undefined) ?? { inner: undefined, read: 0 };
      const free = Math.floor((records / context.parallelism) * (2 / 3));
      return new StagedReader(await source.open(split, inner, context), { inner, read }, free, stages);
    },
  };
}

interface StagedPosition {
  readonly inner: Json | undefined;
  /** Records of the split so far. */
  readonly read: number;
}

class StagedReader<T> implements SplitReader<T> {
  readonly #reader: SplitReader<T>;
  readonly #free: number;
  readonly #stages: Stages;
  readonly #closed: Promise<void>;
  #position: StagedPosition;
  #close: () => void = () => {};
  #isClosed = false;

  constructor(reader: SplitReader<T>, position: StagedPosition, free: number, stages: Stages) {
    this.#reader = reader;
    this.#position = position;
    this.#free = free;
    this.#stages = stages;
    this.#closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  async read(maxRecords: number): Promise<SourceBatch<T>> {
    const { begin, end } = this.#stages;
    const left = this.#free - this.#position.read;
    await Promise.race([left > 0 ? begin.then(() => sleep(PAUSE_MS)) : end, this.#closed]);
    const most = left > 0 ? Math.min(maxRecords, left, Math.ceil(this.#free / STEPS)) : maxRecords;
    if (this.#isClosed) return { records: [], position: this.#stored(), end: false };
    const batch = await this.#reader.read(most);
    this.#position = { inner: batch.position, read: this.#position.read + batch.records.length };
    return { ...batch, position: this.#stored() };
  }

  #stored(): Json {
    const { inner, read } = this.#position;
    return inner === undefined ? { read } : { inner, read };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#close();
    await this.#reader.close();
  }
}
