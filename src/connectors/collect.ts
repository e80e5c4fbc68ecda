// collect — results in an array of this process: for tests and for jobs that run inside a program.
import type { Prepared, Sink, SinkContext, SinkWriter } from "./contract.ts";

/** A sink whose committed records can be read in the process that runs the job. */
export interface CollectSink<T> extends Sink<T> {
  /**
   * Every record of every committed epoch, exactly once, in the order in which epochs became durable. A new array
   * when something was added since the last look.
   */
  readonly results: readonly T[];
}

interface CollectedEpoch<T> {
  readonly partition: number;
  readonly attempt: number;
  readonly epoch: number;
  readonly records: readonly T[];
}

/**
 * Collects all records in memory.
 *
 * Filled only by committed epochs. A partition that goes back to an earlier state takes its later epochs out again;
 * a job that starts anew with the same sink starts with an empty array.
 */
export function collect<T = unknown>(): CollectSink<T> {
  const collection = new Collection<T>();
  return {
    description: "collect in memory",
    guarantee: "transactional",
    needs: "same-process",
    open: (context) => new CollectWriter(collection, context),
    get results() {
      return collection.results();
    },
  };
}

/** Shared by all partitions and attempts; the part that must outlive them. */
class Collection<T> {
  #committed: CollectedEpoch<T>[] = [];
  #results: readonly T[] | undefined = [];
  /** Prepared and not known to be durable, by partition; survives the attempt, whose commit may be durable. */
  readonly #prepared = new Map<number, CollectedEpoch<T>[]>();
  /** The attempt that opened each partition last: the only one of which another commit can succeed. */
  readonly #attempts = new Map<number, number>();

  results(): readonly T[] {
    this.#results ??= this.#committed.flatMap((epoch) => epoch.records);
    return this.#results;
  }

  /** Makes the partition's part agree with its last durable epoch. */
  recover(partition: number, attempt: number, durable: number): void {
    // Where several workers share a process, one that was overtaken may still be opening. A first attempt is a new job's.
    if (durable > 0 && attempt < (this.#attempts.get(partition) ?? 0)) return;
    this.#attempts.set(partition, attempt);
    this.#committed = this.#committed.filter((each) => each.partition !== partition || each.epoch <= durable);
    this.#results = undefined;
    for (const each of this.#prepared.get(partition) ?? []) if (each.epoch <= durable) this.#add(each);
    this.#prepared.set(partition, []);
  }

  /** What an attempt prepares that was overtaken has the number of an epoch of its successor, and is never committed. */
  prepare(epoch: CollectedEpoch<T>): void {
    if (epoch.attempt === this.#attempts.get(epoch.partition))
      this.#prepared.get(epoch.partition)?.push(epoch);
  }

  /** Does nothing for an attempt that was overtaken: its successor has seen what is durable of it. */
  commit(partition: number, attempt: number, epoch: number): void {
    const waiting = this.#prepared.get(partition);
    const index = waiting?.findIndex((each) => each.attempt === attempt && each.epoch === epoch) ?? -1;
    if (waiting === undefined || index < 0) return;
    for (const each of waiting.splice(index, 1)) this.#add(each);
  }

  #add(epoch: CollectedEpoch<T>): void {
    if (epoch.records.length === 0) return;
    this.#committed.push(epoch);
    this.#results = undefined;
  }
}

class CollectWriter<T> implements SinkWriter<T> {
  readonly #collection: Collection<T>;
  readonly #partition: number;
  readonly #attempt: number;
  #records: T[] = [];
  #prepared: number;
  #acknowledged: number;

  constructor(collection: Collection<T>, { partition, attempt, committed }: SinkContext) {
    this.#collection = collection;
    this.#partition = partition;
    this.#attempt = attempt;
    this.#prepared = committed === undefined ? 0 : Number(committed);
    this.#acknowledged = this.#prepared;
    collection.recover(partition, attempt, this.#prepared);
  }

  write(records: readonly T[]): void {
    for (let i = 0; i < records.length; i++) this.#records.push(records[i] as T);
  }

  prepare(): Prepared {
    const records = this.#records;
    this.#records = [];
    const epoch = ++this.#prepared;
    this.#collection.prepare({ partition: this.#partition, attempt: this.#attempt, epoch, records });
    return { token: epoch };
  }

  committed(): void {
    this.#collection.commit(this.#partition, this.#attempt, ++this.#acknowledged);
  }

  close(): void {}
}
