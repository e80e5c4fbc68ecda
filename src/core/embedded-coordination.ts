// EmbeddedCoordination — the control plane of a job that lives in one process.
//
// Owns:      the job's record, leadership and assignments, under the same rules as the scripts on Redis.
// Does not:  detect failures: in one process nobody outlives the others. Every look counts as everybody's sign of life.
//
// Laws A1 to A3 (docs/laws.md).
import { Bell } from "./bell.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { EmbeddedStore } from "./embedded-store.ts";
import { invariant } from "./errors.ts";
import type { PartitionId } from "./ids.ts";
import { checkMoves } from "./job-lifecycle.ts";
import { JobLostError, JobNotFoundError, StaleAssignmentError } from "./partition-errors.ts";
import type {
  Assignment,
  Coordination,
  JobFailure,
  JobRecord,
  JobStatus,
  Leadership,
  NewJob,
  Observation,
  WorkerBeat,
  WorkerInfo,
} from "./ports/coordination.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class EmbeddedCoordination implements Coordination {
  readonly #name: string;
  readonly #store: EmbeddedStore;
  readonly #bell: Bell;
  readonly #workers = new Map<string, Mutable<WorkerBeat>>();
  readonly #assignments = new Map<PartitionId, Assignment>();
  readonly #unlisten: () => void;
  #job: Mutable<JobRecord> | undefined;
  #leader: Mutable<Leadership> | undefined;

  constructor(job: string, store: EmbeddedStore, clock: Clock = systemClock) {
    this.#name = job;
    this.#store = store;
    this.#bell = new Bell(clock);
    this.#unlisten = store.onPartitionChange(() => this.#bell.ring());
  }

  async createJob(
    record: NewJob,
    partitions: readonly PartitionId[],
  ): Promise<{ job: JobRecord; created: boolean }> {
    this.#checkNotLost();
    if (this.#job !== undefined) return { job: { ...this.#job }, created: false };
    for (const partition of partitions) {
      this.#store.createPartition(partition);
      this.#assignments.set(partition, UNASSIGNED);
    }
    this.#job = {
      ...record,
      status: "created",
      incarnation: this.#store.incarnation,
      layoutSeq: this.#store.layoutSeq,
      failure: undefined,
    };
    return { job: { ...this.#job }, created: true };
  }

  async raiseLayouts(expected: number, layouts: string): Promise<boolean> {
    const job = this.#requireJob();
    if (job.layoutSeq === expected + 1 && job.layouts === layouts) return true;
    if (job.layoutSeq !== expected) return false;
    job.layouts = layouts;
    job.layoutSeq = expected + 1;
    this.#store.layoutSeq = job.layoutSeq;
    this.#bell.ring();
    return true;
  }

  async join(worker: WorkerInfo): Promise<void> {
    this.#requireJob();
    const beat = (this.#workers.get(worker.id)?.beat ?? 0) + 1;
    this.#workers.set(worker.id, { ...worker, beat, progress: 0, leaving: false, report: undefined });
    this.#bell.ring();
  }

  async requestLeave(worker: string): Promise<void> {
    const known = this.#workers.get(worker);
    if (known === undefined) return;
    known.leaving = true;
    this.#bell.ring();
  }

  async leave(worker: string): Promise<void> {
    this.#workers.delete(worker);
    this.#bell.ring();
  }

  async observe(): Promise<Observation> {
    this.#checkNotLost();
    const workers: WorkerBeat[] = [];
    for (const worker of this.#workers.values()) {
      worker.beat++;
      worker.progress++;
      workers.push({ ...worker });
    }
    const assignments = new Map<PartitionId, Assignment>();
    for (const [partition, assignment] of this.#assignments)
      if (assignment.worker !== "") assignments.set(partition, assignment);
    return {
      job: this.#job && { ...this.#job },
      leader: this.#leader && { ...this.#leader },
      workers,
      assignments,
      ended: new Set(this.#store.ended),
    };
  }

  async elect(worker: string, expectedTerm: number): Promise<boolean> {
    this.#requireJob();
    const term = this.#leader?.term ?? 0;
    if (term === expectedTerm + 1 && this.#leader?.worker === worker) return true;
    if (term !== expectedTerm) return false;
    this.#leader = { worker, term: expectedTerm + 1, beat: 0 };
    this.#bell.ring();
    return true;
  }

  async leaderBeat(worker: string, term: number): Promise<boolean> {
    if (!this.#leads(worker, term)) return false;
    this.#leader!.beat++;
    return true;
  }

  async assign(
    worker: string,
    term: number,
    changes: ReadonlyMap<PartitionId, Assignment>,
  ): Promise<boolean> {
    if (!this.#leads(worker, term)) return false;
    for (const [partition, { version, worker: owner }] of changes) {
      const stored = this.#assignments.get(partition);
      invariant(stored !== undefined, "A2 only partitions of the job are assigned", { partition });
      const repeated = stored.version === version && stored.worker === owner;
      if (version <= stored.version && !repeated)
        throw new StaleAssignmentError(partition, version, stored.version);
    }
    for (const [partition, assignment] of changes) this.#assignments.set(partition, { ...assignment });
    this.#bell.ring();
    return true;
  }

  async setStatus(from: readonly JobStatus[], to: JobStatus, failure?: JobFailure): Promise<boolean> {
    checkMoves(this.#name, from, to);
    const job = this.#requireJob();
    if (!from.includes(job.status)) return false;
    job.status = to;
    job.failure = failure ?? job.failure;
    this.#bell.ring();
    return true;
  }

  async report(worker: string, report: string): Promise<void> {
    const known = this.#workers.get(worker);
    if (known !== undefined) known.report = report;
  }

  waitForChange(timeoutMs: number): void | Promise<void> {
    return this.#bell.wait(timeoutMs);
  }

  async close(): Promise<void> {
    this.#unlisten();
    this.#bell.ring();
  }

  #leads(worker: string, term: number): boolean {
    return this.#leader?.worker === worker && this.#leader.term === term;
  }

  #requireJob(): Mutable<JobRecord> {
    this.#checkNotLost();
    if (this.#job === undefined) throw new JobNotFoundError(this.#name);
    return this.#job;
  }

  /** A job's partitions are never removed, so a store without them was emptied. */
  #checkNotLost(): void {
    if (this.#job !== undefined && this.#assignments.size > 0 && this.#store.partitions.size === 0)
      throw new JobLostError(this.#name);
  }
}

const UNASSIGNED: Assignment = { worker: "", version: 0 };
