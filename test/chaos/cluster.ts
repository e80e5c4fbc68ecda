// ChaosCluster — one chaos job on one Redis with any number of worker processes, and the proof at its end.
//
// Owns:      the worker processes, the steering files, the reading of results.
// Does not:  own the Redis or the links to it: tests hurt those themselves.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineSettings } from "../../src/actors/settings.ts";
import { partitionId } from "../../src/core/ids.ts";
import { type IncarnationKeys, JobKeys } from "../../src/redis/keys.ts";
import type { RedisServer } from "../support/redis-server.ts";
import { uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";
import { type ChaosJob, type ChaosResult, limitFile, resultStream, slowFile, windowStream } from "./job.ts";
import { findViolations, judge, type Verdict, type WindowRow } from "./verdict.ts";
import type { Control, WorkerConfig, WorkerEvent } from "./worker-config.ts";
import { WorkerHandle } from "./worker-handle.ts";

export interface ClusterOptions {
  readonly job?: Partial<ChaosJob>;
  readonly settings?: Partial<EngineSettings>;
  /** Default: fast failure detection, so that a test with many take-overs is short. "default": the engine's own. */
  readonly pace?: WorkerConfig["pace"] | "default";
  /** Default 1,000: lost answers are noticed soon. */
  readonly replyTimeoutMs?: number;
  readonly control?: Control;
  readonly staleViewMs?: number;
  readonly onEvent?: (event: WorkerEvent, worker: WorkerHandle) => void;
}

export interface WorkerOptions {
  /** Instead of the server's own URL, for example that of a proxy. */
  readonly redis?: string;
  readonly crashAt?: string;
  readonly standby?: boolean;
}

const STAGES = ["numbers", "count", "verify"];
// Looked at again and again, over a new connection each time: one call for all partitions, and one for all channels.
const READ_SEQS = `
  local seqs = {}
  for i, meta in ipairs(KEYS) do seqs[i] = redis.call("HGET", meta, "seq") or "0" end
  return seqs`;
const READ_LENGTHS = `
  local lengths = {}
  for _, channel in ipairs(redis.call("KEYS", ARGV[1])) do
    lengths[#lengths + 1] = channel
    lengths[#lengths + 1] = redis.call("XLEN", channel)
  end
  return lengths`;
/** Slower than the engine's defaults would be a poor test; much faster would declare busy processes dead. */
const FAST_PACE: WorkerConfig["pace"] = { deadAfterMs: 700, beatMs: 100, roundMs: 50 };
/** Nobody is declared dead and no answer is late, however slow the machine is: for tests in which nobody dies. */
export const PATIENT: Pick<ClusterOptions, "pace" | "replyTimeoutMs"> = {
  pace: { deadAfterMs: 60_000, beatMs: 100, roundMs: 50 },
  replyTimeoutMs: 60_000,
};

export class ChaosCluster {
  readonly job: ChaosJob;
  readonly workers: WorkerHandle[] = [];
  readonly #server: RedisServer;
  readonly #options: ClusterOptions;
  #limit: number | undefined;

  constructor(server: RedisServer, options: ClusterOptions = {}) {
    this.#server = server;
    this.#options = options;
    this.job = {
      name: uniqueTag("chaos"),
      partitions: 2,
      keys: 300,
      ratePerSecond: 600,
      maxBatch: 40,
      reportEvery: 5,
      padBytes: 20,
      slowMs: 50,
      requestMs: 0,
      dir: mkdtempSync(join(tmpdir(), "weir-chaos-")),
      ...options.job,
    };
  }

  get alive(): WorkerHandle[] {
    return this.workers.filter((worker) => worker.isAlive);
  }

  /** Starts a worker process; it joins by itself. */
  add(options: WorkerOptions = {}): WorkerHandle {
    const { settings, pace, replyTimeoutMs = 1_000, control, staleViewMs = 0, onEvent } = this.#options;
    const config: WorkerConfig = {
      redis: options.redis ?? this.#server.url,
      job: this.job,
      settings: { cacheEntries: 100, ...settings },
      pace: pace === "default" ? undefined : (pace ?? FAST_PACE),
      replyTimeoutMs,
      crashAt: options.crashAt,
      control,
      staleViewMs,
      standby: options.standby ?? false,
    };
    const worker = new WorkerHandle(config, onEvent);
    this.workers.push(worker);
    return worker;
  }

  /** Starts `count` workers and waits until every partition is running. */
  async start(count: number): Promise<void> {
    const added = Array.from({ length: count }, () => this.add());
    for (const worker of added) await worker.joined();
    await this.waitForProgress(1);
  }

  /** @returns partitions of the job, such as `count.0` */
  get partitions(): string[] {
    return STAGES.flatMap((stage) =>
      Array.from({ length: this.job.partitions }, (_, index) => partitionId(stage, index)),
    );
  }

  /** Committed epochs per partition, as stored. */
  async epochs(): Promise<Map<string, number>> {
    const keys = await this.#dataKeys();
    const metas = this.partitions.map((partition) => keys.meta(partition));
    const seqs = (await this.#server.cli("EVAL", READ_SEQS, metas.length, ...metas)) as string[];
    return new Map(this.partitions.map((partition, index) => [partition, Number(seqs[index])]));
  }

  /** Owner of every partition, as assigned. */
  async owners(): Promise<Map<string, { worker: string; version: number }>> {
    const flat = (await this.#server.cli("HGETALL", new JobKeys(this.job.name).assignments)) as string[];
    const owners = new Map<string, { worker: string; version: number }>();
    for (let i = 0; i < flat.length; i += 2) {
      const [version = "0", worker = ""] = flat[i + 1]!.split(" ");
      owners.set(flat[i]!, { worker, version: Number(version) });
    }
    return owners;
  }

  /** Waits until the partitions are spread evenly over the live workers, and each is worked on by its owner. */
  async settle(): Promise<void> {
    await this.#untilWorkers("spread the partitions evenly", async () => {
      const loads = new Map(this.alive.map((worker) => [worker.id, 0]));
      for (const [partition, owner] of await this.owners()) {
        if (this.#lastToRun(partition) !== owner.worker || !loads.has(owner.worker)) return false;
        loads.set(owner.worker, loads.get(owner.worker)! + 1);
      }
      const counts = [...loads.values()];
      return Math.max(...counts) - Math.min(...counts) <= 1;
    });
    await this.waitForProgress(2);
  }

  /** Entries that wait in every channel. */
  async channelLengths(): Promise<Map<string, number>> {
    const pattern = `{weir:${this.job.name}}:*:x:*`;
    const flat = (await this.#server.cli("EVAL", READ_LENGTHS, 0, pattern)) as (string | number)[];
    const lengths = new Map<string, number>();
    for (let i = 0; i < flat.length; i += 2) lengths.set(String(flat[i]), Number(flat[i + 1]));
    return lengths;
  }

  /** Waits until every partition has committed `commits` epochs more than now. */
  async waitForProgress(commits: number): Promise<void> {
    const before = await this.epochs().catch(() => new Map<string, number>());
    await this.#untilWorkers(`commit ${commits} more epochs of every partition`, async () => {
      const now = await this.epochs();
      return this.partitions.every(
        (partition) => now.get(partition)! >= (before.get(partition) || 0) + commits,
      );
    });
  }

  /**
   * Sets how many records there are: more than any attempt can have read by now. Call it when the job is healthy: what
   * was read then is at most a few commits ahead of the stored positions.
   */
  async end(): Promise<void> {
    if (this.#limit === undefined) {
      const ahead = this.job.ratePerSecond * 5 + this.job.maxBatch * 20;
      this.#limit = Math.max(...(await this.#positions())) + ahead;
    }
    writeFileSync(limitFile(this.job), String(this.#limit));
  }

  /** Makes the results sink slow, or fast again. */
  slow(on: boolean): void {
    if (on) writeFileSync(slowFile(this.job), "");
    else rmSync(slowFile(this.job), { force: true });
  }

  /** Ends the input and waits until all live workers have left a finished job. */
  async finish(): Promise<Verdict> {
    await this.end();
    await waitFor(() => this.workers.every((worker) => !worker.isAlive), {
      deadlineMs: 120_000,
      intervalMs: 25,
      describe: () => `all workers to finish; ${this.describe()}`,
    });
    if (!this.workers.some((worker) => worker.count("over", "finished") > 0))
      throw new Error(`no worker saw the job finish; ${this.describe()}`);
    return this.verdict();
  }

  /** Judges what the result streams hold at the end. */
  async verdict(): Promise<Verdict> {
    return judge(this.job, this.#limit ?? 0, {
      results: await this.#results(),
      fileResults: this.#fileResults(),
      windows: await this.#windows(),
    });
  }

  /** What is wrong with the results already, whatever is still to come. */
  async violations(): Promise<string[]> {
    return findViolations(this.job, await this.#results(), await this.#windows());
  }

  /** Code of the error that ended the job; undefined when none has. */
  get failure(): string | undefined {
    for (const worker of this.workers)
      for (const event of worker.events) if (event.kind === "failed") return event.code;
    return undefined;
  }

  /** Number of events of all workers, dead ones included. */
  count(kind: WorkerEvent["kind"], code?: string): number {
    return this.workers.reduce((sum, worker) => sum + worker.count(kind, code), 0);
  }

  /** Kills what is left and removes the directory. */
  async stop(): Promise<void> {
    await Promise.all(this.alive.map((worker) => worker.kill()));
    rmSync(this.job.dir, { recursive: true, force: true });
  }

  describe(): string {
    return this.workers.map((worker) => `worker ${worker.pid}: ${worker.describe()}`).join("\n");
  }

  /** Waits for what the workers do; when none of them lives any more, it is in vain. */
  async #untilWorkers(what: string, condition: () => Promise<boolean>): Promise<void> {
    let isDone = false;
    const look = async (): Promise<boolean> => {
      isDone = await condition();
      return isDone || this.alive.length === 0;
    };
    await waitFor(look, { intervalMs: 25, describe: () => `the workers to ${what}; ${this.describe()}` });
    if (!isDone) throw new Error(`no worker is left to ${what}; ${this.describe()}`);
  }

  #lastToRun(partition: string): string | undefined {
    let lastMs = 0;
    let id: string | undefined;
    for (const worker of this.workers)
      for (const event of worker.events)
        if (event.kind === "partition-running" && event.partition === partition && event.atMs >= lastMs) {
          lastMs = event.atMs;
          id = worker.id;
        }
    return id;
  }

  async #dataKeys(): Promise<IncarnationKeys> {
    const keys = new JobKeys(this.job.name);
    return keys.incarnation(Number(await this.#server.cli("HGET", keys.record, "incarnation")));
  }

  /** Position of every split, as committed. */
  async #positions(): Promise<number[]> {
    const keys = await this.#dataKeys();
    const positions: number[] = [];
    for (let split = 0; split < this.job.partitions; split++) {
      const text = await this.#server.cli("HGET", keys.meta(partitionId("numbers", split)), `src:s${split}`);
      positions.push(text === null ? 0 : (JSON.parse(String(text)) as { position: number }).position);
    }
    return positions;
  }

  async #results(): Promise<ChaosResult[]> {
    return (await this.#rows(resultStream(this.job))) as ChaosResult[];
  }

  #fileResults(): ChaosResult[] {
    return readdirSync(this.job.dir)
      .filter((name) => name.startsWith("results"))
      .flatMap((name) => readFileSync(join(this.job.dir, name), "utf8").trimEnd().split("\n"))
      .map(parseLine);
  }

  async #windows(): Promise<WindowRow[]> {
    return (await this.#rows(windowStream(this.job))) as WindowRow[];
  }

  async #rows(stream: string): Promise<unknown[]> {
    const rows: unknown[] = [];
    let from = "-";
    for (;;) {
      const entries = (await this.#server.cli("XRANGE", stream, from, "+", "COUNT", 5_000)) as [
        string,
        string[],
      ][];
      for (const [, fields] of entries) rows.push(JSON.parse(fields[1]!));
      const last = entries.at(-1);
      if (last === undefined || entries.length < 5_000) return rows;
      from = `(${last[0]}`;
    }
  }
}

/** Two owners of one file can leave a line that is none. */
function parseLine(line: string): ChaosResult {
  try {
    return JSON.parse(line) as ChaosResult;
  } catch {
    return { kind: "violation", key: `unreadable line "${line}"`, count: 0, expected: 0 };
  }
}

/** Lets a fault take effect for a random while; the only pause of these tests that waits for no condition. */
export async function letRun(
  fromMs: number,
  toMs: number,
  random: () => number = Math.random,
): Promise<void> {
  await sleep(fromMs + random() * (toMs - fromMs));
}
