// RedisCoordination — the control plane of a job on Redis. Outlives restarts of the server; the data plane does not.
//
// Owns:      the incarnation that it goes by; a second link that listens to the bell.
// Does not:  beat (heartbeat-thread.ts); decide anything: every decision is a script that compares and sets.
//
// Laws (docs/laws.md)
//   A1  At most one leader per term; a deposed leader changes nothing.
//   A2  The assignment version of a partition never decreases and grows with every change of owner.
//   A3  The job's status follows its life cycle; a final status is never left.
//   A9  Whoever has seen one job takes no part in, and changes nothing of, another that has its name since.
import { randomBytes } from "node:crypto";
import { InvariantError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import { checkMoves } from "../core/job-lifecycle.ts";
import {
  JobLeftoversError,
  JobLostError,
  JobNotFoundError,
  JobReplacedError,
  StaleAssignmentError,
} from "../core/partition-errors.ts";
import type {
  Assignment,
  Coordination,
  JobFailure,
  JobRecord,
  JobStatus,
  NewJob,
  Observation,
  WorkerInfo,
} from "../core/ports/coordination.ts";
import type { Argument, Reply } from "./connection.ts";
import { ControlLink } from "./control-link.ts";
import { parseAssignments, parseJob, parseLeader, parseWorker } from "./control-records.ts";
import { Doorbell } from "./doorbell.ts";
import { JobKeys } from "./keys.ts";
import {
  createJobCall,
  createJobScript,
  newIncarnation,
  type ObserveReply,
  observeCall,
  observeScript,
  raiseLayoutsCall,
  raiseLayoutsScript,
  setStatusCall,
  setStatusScript,
} from "./scripts/job.ts";
import {
  assignCall,
  assignScript,
  electCall,
  electScript,
  leaderBeatCall,
  leaderBeatScript,
} from "./scripts/leadership.ts";
import type { Script } from "./scripts/script.ts";
import {
  joinCall,
  joinScript,
  leaveCall,
  leaveScript,
  reportCall,
  reportScript,
  requestLeaveCall,
  requestLeaveScript,
} from "./scripts/workers.ts";

export interface RedisCoordinationOptions {
  readonly url: string;
  readonly job: string;
  /** Shown by CLIENT LIST. Default `weir`. */
  readonly name?: string | undefined;
  /** How long a request keeps trying while Redis is away. Default 5000. */
  readonly patienceMs?: number | undefined;
  /** Default 5000. */
  readonly replyTimeoutMs?: number | undefined;
}

export class RedisCoordination implements Coordination {
  readonly #keys: JobKeys;
  readonly #link: ControlLink;
  readonly #doorbell: Doorbell;
  /** Of the first job that was seen: every call names it. When that job is gone or replaced, all is over here. */
  #incarnation: number | undefined;

  private constructor(options: RedisCoordinationOptions) {
    const { url, job, name = "weir", patienceMs = 5000, replyTimeoutMs = 5000 } = options;
    this.#keys = new JobKeys(job);
    this.#link = new ControlLink({ url, name: `${name}-control`, replyTimeoutMs }, patienceMs);
    this.#doorbell = new Doorbell({ url, name: `${name}-bell`, replyTimeoutMs }, this.#keys.bell);
  }

  /** Connects once, so that a wrong URL or a wrong server is told at once. @throws as `RedisSession.open` */
  static async open(options: RedisCoordinationOptions): Promise<RedisCoordination> {
    const coordination = new RedisCoordination(options);
    try {
      await coordination.#link.connect();
    } catch (error) {
      await coordination.close();
      throw error;
    }
    coordination.#doorbell.start();
    return coordination;
  }

  async createJob(
    record: NewJob,
    partitions: readonly PartitionId[],
  ): Promise<{ job: JobRecord; created: boolean }> {
    // Whoever saw the job and finds it gone must not begin anew from zero.
    if (this.#incarnation !== undefined) return { job: await this.#requireJob(), created: false };
    const incarnation = newIncarnation();
    const answer = await this.#link.run(createJobScript, () =>
      createJobCall(this.#keys, incarnation, record, partitions),
    );
    if (answer === "LEFTOVERS") throw new JobLeftoversError(this.#keys.job, this.#keys.pattern);
    const created = answer === "CREATED";
    if (created) this.#incarnation = incarnation;
    return { job: await this.#requireJob(), created };
  }

  async raiseLayouts(expected: number, layouts: string): Promise<boolean> {
    const answer = await this.#run(raiseLayoutsScript, (incarnation) =>
      raiseLayoutsCall(this.#keys, incarnation, expected, layouts),
    );
    return answer === "OK";
  }

  async join(worker: WorkerInfo): Promise<void> {
    await this.#run(joinScript, (incarnation) => joinCall(this.#keys, incarnation, worker));
  }

  async requestLeave(worker: string): Promise<void> {
    await this.#run(requestLeaveScript, (incarnation) => requestLeaveCall(this.#keys, incarnation, worker));
  }

  async leave(worker: string): Promise<void> {
    await this.#link.run(leaveScript, () => leaveCall(this.#keys, worker));
  }

  async observe(): Promise<Observation> {
    const call = (): Argument[] => observeCall(this.#keys);
    const reply = (await this.#link.run(observeScript, call)) as unknown as ObserveReply;
    const job = parseJob(reply[0]);
    this.#checkSame(job?.incarnation);
    return {
      job,
      leader: parseLeader(reply[1]),
      workers: reply[2].map(parseWorker).filter((worker) => worker !== undefined),
      assignments: parseAssignments(reply[3]),
      ended: new Set(reply[4]),
    };
  }

  async elect(worker: string, expectedTerm: number): Promise<boolean> {
    const answer = await this.#run(electScript, (incarnation) =>
      electCall(this.#keys, incarnation, worker, expectedTerm),
    );
    return answer === "OK";
  }

  async leaderBeat(worker: string, term: number): Promise<boolean> {
    const answer = await this.#run(leaderBeatScript, (incarnation) =>
      leaderBeatCall(this.#keys, incarnation, worker, term),
    );
    return answer === "OK";
  }

  async assign(
    worker: string,
    term: number,
    changes: ReadonlyMap<PartitionId, Assignment>,
  ): Promise<boolean> {
    const answer = (await this.#run(assignScript, (incarnation) =>
      assignCall(this.#keys, incarnation, worker, term, changes),
    )) as readonly string[];
    switch (answer[0]) {
      case "OK":
        return true;
      case "STALE":
        throw new StaleAssignmentError(answer[1]!, Number(answer[2]), Number(answer[3]));
      case "UNKNOWN":
        throw new InvariantError("A2 only partitions of the job are assigned", { partition: answer[1] });
      default:
        return false;
    }
  }

  async setStatus(from: readonly JobStatus[], to: JobStatus, failure?: JobFailure): Promise<boolean> {
    checkMoves(this.#keys.job, from, to);
    const nonce = randomBytes(12).toString("hex");
    const text = failure === undefined ? "" : JSON.stringify(failure);
    const answer = await this.#run(setStatusScript, (incarnation) =>
      setStatusCall(this.#keys, incarnation, from, to, text, nonce),
    );
    return answer === "OK";
  }

  async report(worker: string, report: string): Promise<void> {
    await this.#run(reportScript, (incarnation) => reportCall(this.#keys, incarnation, worker, report));
  }

  waitForChange(timeoutMs: number): void | Promise<void> {
    return this.#doorbell.wait(timeoutMs);
  }

  async close(): Promise<void> {
    this.#doorbell.close();
    await this.#link.close();
  }

  /**
   * Runs a script that belongs to one incarnation.
   *
   * @throws {JobNotFoundError | JobLostError} when there is no job
   * @throws {JobReplacedError} when there is another
   */
  async #run(script: Script, prepare: (incarnation: number) => Argument[]): Promise<Reply> {
    const incarnation = this.#incarnation ?? (await this.#requireJob()).incarnation;
    const answer = await this.#link.run(script, () => prepare(incarnation));
    const word = Array.isArray(answer) ? answer[0] : answer;
    if (word === "MISSING") throw new JobLostError(this.#keys.job);
    if (word === "REPLACED") throw new JobReplacedError(this.#keys.job, incarnation);
    return answer;
  }

  async #requireJob(): Promise<JobRecord> {
    const { job } = await this.observe();
    if (job === undefined) throw new JobNotFoundError(this.#keys.job);
    return job;
  }

  /** @param found incarnation that is stored now; undefined without a job */
  #checkSame(found: number | undefined): void {
    const known = this.#incarnation;
    if (known === undefined) this.#incarnation = found;
    else if (found === undefined) throw new JobLostError(this.#keys.job);
    else if (found !== known) throw new JobReplacedError(this.#keys.job, known, found);
  }
}
