// Coordination — who owns which partition, who leads, who is alive, and how the job as a whole stands.
//
// Failure detection never trusts clocks of others: workers raise counters, observers time them on their own
// monotonic clock. Two implementations under one conformance suite: test/conformance/coordination.ts.
//
// Laws (docs/laws.md)
//   A1  At most one leader per term; a deposed leader changes nothing.
//   A2  The assignment version of a partition never decreases and grows with every change of owner.
//   A3  The job's status follows its life cycle; a final status is never left.
//   A9  Whoever has seen one job takes no part in, and changes nothing of, another that has its name since.
//   V1  Once the registry of state layouts is raised, no attempt that goes by an earlier one attaches or reads.
import type { PartitionId } from "../ids.ts";
import type { Awaitable } from "./state-backend.ts";

export interface WorkerInfo {
  readonly id: string;
  /** Host and process id, for people. */
  readonly host: string;
  readonly pid: number;
}

export interface WorkerBeat extends WorkerInfo {
  /** Raised by the heartbeat thread. */
  readonly beat: number;
  /** Raised by the main loop: stands still when the loop hangs although the thread beats. */
  readonly progress: number;
  /** The worker asked to leave: it is given nothing, and others get its partitions once it has drained them. */
  readonly leaving: boolean;
  /** JSON of the worker's last {@link Coordination.report}; undefined before the first. */
  readonly report: string | undefined;
}

export interface Assignment {
  readonly worker: string;
  readonly version: number;
}

export interface Leadership {
  readonly worker: string;
  readonly term: number;
  /** Raised by the leader with every round. */
  readonly beat: number;
}

/** created -> running -> finished | failed | cancelled; `cancelling` while partitions drain. */
export type JobStatus = "created" | "running" | "cancelling" | "finished" | "failed" | "cancelled";

export interface JobFailure {
  readonly code: string;
  readonly message: string;
  readonly partition: PartitionId | undefined;
}

export interface JobRecord {
  readonly name: string;
  readonly status: JobStatus;
  /** Of this creation of the job: no other job of its name ever had it, or will. */
  readonly incarnation: number;
  /** Hash over everything that must not change while state lives: stages, names, partitions, edges. */
  readonly planHash: string;
  /** JSON of what a joining worker must know: partition counts, source splits. */
  readonly config: string;
  /** JSON of the registry of state layouts: which versions of each state may be stored (plan/state-versions.ts). */
  readonly layouts: string;
  /** How often {@link layouts} was raised. */
  readonly layoutSeq: number;
  readonly failure: JobFailure | undefined;
}

/** What a job is created with. */
export type NewJob = Pick<JobRecord, "name" | "planHash" | "config" | "layouts">;

/** A consistent look at the control plane. */
export interface Observation {
  readonly job: JobRecord | undefined;
  readonly leader: Leadership | undefined;
  readonly workers: readonly WorkerBeat[];
  readonly assignments: ReadonlyMap<PartitionId, Assignment>;
  /** Partitions whose bounded input has ended and whose last epoch is durable. */
  readonly ended: ReadonlySet<PartitionId>;
}

/** Bound to the first job that it sees: every method throws {@link JobLostError} or {@link JobReplacedError} after that one. */
export interface Coordination {
  /**
   * Creates the job with all its partitions, or returns the existing record.
   * @returns the record now stored and whether this call created it
   */
  createJob(
    record: NewJob,
    partitions: readonly PartitionId[],
  ): Promise<{ job: JobRecord; created: boolean }>;
  /**
   * Replaces the registry of state layouts when the stored `layoutSeq` is `expected`, and stores `expected + 1`: from then
   * on, no attempt that goes by the old registry attaches.
   * @returns false when somebody else raised it since
   */
  raiseLayouts(expected: number, layouts: string): Promise<boolean>;
  join(worker: WorkerInfo): Promise<void>;
  /** Marks the worker as leaving; it keeps its partitions until they are assigned elsewhere or released. */
  requestLeave(worker: string): Promise<void>;
  /** Removes the worker. Idempotent. */
  leave(worker: string): Promise<void>;
  observe(): Promise<Observation>;
  /** Takes or keeps leadership: succeeds when the stored term is `expectedTerm`, and stores `term = expectedTerm + 1`. */
  elect(worker: string, expectedTerm: number): Promise<boolean>;
  /** The leader's sign of life. @returns false when deposed */
  leaderBeat(worker: string, term: number): Promise<boolean>;
  /** Sets owners; each version must be larger than the stored one. @returns false when deposed (nothing changed) */
  assign(worker: string, term: number, changes: ReadonlyMap<PartitionId, Assignment>): Promise<boolean>;
  /** Moves the job's status along its life cycle; false when it is no longer in one of `from`. */
  setStatus(from: readonly JobStatus[], to: JobStatus, failure?: JobFailure): Promise<boolean>;
  /** Keeps the worker's figures for status and progress; last one wins, ignored when the worker is unknown. */
  report(worker: string, report: string): Promise<void>;
  /** Resolves when something may have changed, at the latest after `timeoutMs`. */
  waitForChange(timeoutMs: number): Awaitable<void>;
  close(): Promise<void>;
}
