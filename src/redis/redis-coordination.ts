// RedisCoordination — the control plane of a job on Redis. Outlives restarts of the server; the data plane does not.
//
// Owns:      its own link, made anew whenever it breaks; a second link that listens to the bell.
// Does not:  beat (heartbeat-thread.ts); decide anything: every decision is a script that compares and sets.
//
// Every request can be repeated after a lost reply without doing a second thing: that is what makes reconnecting safe
// here, while it is not for commits.
//
// Laws (docs/laws.md)
//   A1  At most one leader per term; a deposed leader changes nothing.
//   A2  The assignment version of a partition never decreases and grows with every change of owner.
//   A3  The job's status follows its life cycle; a final status is never left.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { InvariantError, isEngineError, toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import { checkMoves } from "../core/job-lifecycle.ts";
import {
  JobLeftoversError,
  JobLostError,
  JobNotFoundError,
  SessionEndedError,
  StaleAssignmentError,
} from "../core/partition-errors.ts";
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
} from "../core/ports/coordination.ts";
import { type Argument, RedisConnection, type Reply } from "./connection.ts";
import { Doorbell } from "./doorbell.ts";
import { classifyReply } from "./errors.ts";
import { JobKeys } from "./keys.ts";
import { ScriptRunner } from "./script-runner.ts";
import {
  createJobCall,
  createJobScript,
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
import { controlScripts } from "./scripts.ts";
import { checkServer } from "./server-check.ts";

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

/** Between two attempts to reach Redis. */
const RETRY_MS = 100;

export class RedisCoordination implements Coordination {
  readonly #options: RedisCoordinationOptions;
  readonly #keys: JobKeys;
  readonly #patienceMs: number;
  readonly #doorbell: Doorbell;
  #link: Promise<Link> | undefined;
  /** The job was here: when it is not any more, it was deleted. */
  #seen = false;
  #closed = false;

  private constructor(options: RedisCoordinationOptions) {
    this.#options = options;
    this.#keys = new JobKeys(options.job);
    this.#patienceMs = options.patienceMs ?? 5000;
    this.#doorbell = new Doorbell(this.#connectionOptions("bell"), this.#keys.bell);
  }

  /** Connects once, so that a wrong URL or a wrong server is told at once. @throws as `RedisSession.open` */
  static async open(options: RedisCoordinationOptions): Promise<RedisCoordination> {
    const coordination = new RedisCoordination(options);
    try {
      await coordination.#connected();
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
    if (this.#seen) return { job: await this.#requireJob(), created: false };
    const answer = await this.#run(createJobScript, () => createJobCall(this.#keys, record, partitions));
    if (answer === "LEFTOVERS") throw new JobLeftoversError(this.#keys.job, this.#keys.pattern);
    this.#seen = true;
    return { job: await this.#requireJob(), created: answer === "CREATED" };
  }

  async raiseLayouts(expected: number, layouts: string): Promise<boolean> {
    return this.#expectJob(
      await this.#run(raiseLayoutsScript, () => raiseLayoutsCall(this.#keys, expected, layouts)),
    );
  }

  async join(worker: WorkerInfo): Promise<void> {
    this.#expectJob(await this.#run(joinScript, () => joinCall(this.#keys, worker)));
  }

  async requestLeave(worker: string): Promise<void> {
    await this.#run(requestLeaveScript, () => requestLeaveCall(this.#keys, worker));
  }

  async leave(worker: string): Promise<void> {
    await this.#run(leaveScript, () => leaveCall(this.#keys, worker));
  }

  async observe(): Promise<Observation> {
    const reply = (await this.#run(observeScript, () => observeCall(this.#keys))) as unknown as ObserveReply;
    const job = parseJob(reply[0]);
    if (job === undefined && this.#seen) throw new JobLostError(this.#keys.job);
    this.#seen ||= job !== undefined;
    return {
      job,
      leader: parseLeader(reply[1]),
      workers: reply[2].map(parseWorker).filter((worker) => worker !== undefined),
      assignments: parseAssignments(reply[3]),
      ended: new Set(reply[4]),
    };
  }

  async elect(worker: string, expectedTerm: number): Promise<boolean> {
    return this.#expectJob(await this.#run(electScript, () => electCall(this.#keys, worker, expectedTerm)));
  }

  async leaderBeat(worker: string, term: number): Promise<boolean> {
    return (await this.#run(leaderBeatScript, () => leaderBeatCall(this.#keys, worker, term))) === "OK";
  }

  async assign(
    worker: string,
    term: number,
    changes: ReadonlyMap<PartitionId, Assignment>,
  ): Promise<boolean> {
    const answer = (await this.#run(assignScript, () =>
      assignCall(this.#keys, worker, term, changes),
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
    return this.#expectJob(
      await this.#run(setStatusScript, () => setStatusCall(this.#keys, from, to, text, nonce)),
    );
  }

  async report(worker: string, report: string): Promise<void> {
    await this.#run(reportScript, () => reportCall(this.#keys, worker, report));
  }

  waitForChange(timeoutMs: number): void | Promise<void> {
    return this.#doorbell.wait(timeoutMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#doorbell.close();
    const link = await this.#link?.catch(() => undefined);
    link?.connection.close();
  }

  /** @returns whether the answer is OK. @throws {JobLostError | JobNotFoundError} when there is no job */
  #expectJob(answer: Reply): boolean {
    if (answer === "MISSING") {
      if (this.#seen) throw new JobLostError(this.#keys.job);
      throw new JobNotFoundError(this.#keys.job);
    }
    this.#seen = true;
    return answer === "OK";
  }

  async #requireJob(): Promise<JobRecord> {
    const { job } = await this.observe();
    if (job === undefined) throw new JobNotFoundError(this.#keys.job);
    return job;
  }

  /**
   * Runs a script, over new links if need be, until Redis answers or the patience is over.
   *
   * @param prepare makes the call anew for every attempt
   */
  async #run(script: Script, prepare: () => Argument[]): Promise<Reply> {
    const startedMs = performance.now();
    for (;;) {
      try {
        const link = await this.#connected();
        return await link.runner.run(script, prepare());
      } catch (error) {
        const away = this.#closed || performance.now() - startedMs > this.#patienceMs;
        if (away || !isPassing(toError(error))) throw error;
      }
      await sleep(RETRY_MS);
    }
  }

  #connected(): Promise<Link> {
    if (this.#closed)
      return Promise.reject(new SessionEndedError(new Error("the coordination was closed by this process")));
    if (this.#link === undefined) {
      const opening = openLink(this.#connectionOptions("control"));
      this.#link = opening;
      const forget = (): void => {
        if (this.#link === opening) this.#link = undefined;
      };
      opening.then((link) => link.connection.onEnd(forget), forget);
    }
    return this.#link;
  }

  #connectionOptions(role: string): { url: string; name: string; replyTimeoutMs: number } {
    const { url, name = "weir", replyTimeoutMs = 5000 } = this.#options;
    return { url, name: `${name}-${role}`, replyTimeoutMs };
  }
}

interface Link {
  readonly connection: RedisConnection;
  readonly runner: ScriptRunner;
}

async function openLink(options: { url: string; name: string; replyTimeoutMs: number }): Promise<Link> {
  const connection = await RedisConnection.open(options);
  try {
    await checkServer(connection);
    const runner = new ScriptRunner(connection);
    await runner.load(controlScripts);
    return { connection, runner };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Time may heal it: the server is away, loads, is a replica for now, or refuses writes for now. */
function isPassing(error: Error): boolean {
  if (isEngineError(error)) return error.retry !== "never";
  const failure = classifyReply(error.message);
  return failure === "refused" || failure === "session";
}

function toFields(flat: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i]!, flat[i + 1]!);
  return fields;
}

function parseJob(flat: readonly string[]): JobRecord | undefined {
  if (flat.length === 0) return undefined;
  const fields = toFields(flat);
  const failure = fields.get("failure");
  return {
    name: fields.get("name") ?? "",
    status: (fields.get("status") ?? "created") as JobStatus,
    incarnation: Number(fields.get("incarnation")),
    planHash: fields.get("planHash") ?? "",
    config: fields.get("config") ?? "",
    layouts: fields.get("layouts") ?? "{}",
    layoutSeq: Number(fields.get("layoutSeq") ?? "0"),
    failure: failure === undefined ? undefined : parseFailure(failure),
  };
}

/** JSON leaves out what is undefined. */
function parseFailure(text: string): JobFailure {
  const { code, message, partition } = JSON.parse(text) as JobFailure;
  return { code, message, partition };
}

function parseLeader(flat: readonly string[]): Leadership | undefined {
  if (flat.length === 0) return undefined;
  const fields = toFields(flat);
  return {
    worker: fields.get("worker") ?? "",
    term: Number(fields.get("term")),
    beat: Number(fields.get("beat")),
  };
}

function parseWorker(flat: readonly string[]): WorkerBeat | undefined {
  if (flat.length === 0) return undefined;
  const fields = toFields(flat);
  return {
    id: fields.get("id") ?? "",
    host: fields.get("host") ?? "",
    pid: Number(fields.get("pid")),
    beat: Number(fields.get("beat")),
    progress: Number(fields.get("progress")),
    leaving: fields.get("leaving") === "1",
    report: fields.get("report"),
  };
}

function parseAssignments(flat: readonly string[]): Map<PartitionId, Assignment> {
  const assignments = new Map<PartitionId, Assignment>();
  for (let i = 0; i < flat.length; i += 2) {
    const text = flat[i + 1]!;
    const blank = text.indexOf(" ");
    const worker = text.slice(blank + 1);
    if (worker !== "") assignments.set(flat[i]!, { worker, version: Number(text.slice(0, blank)) });
  }
  return assignments;
}
