// The demo on Redis: three worker processes, one of which is killed half-way, and the proof that nobody can tell.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type JobStatusReport, type Weir } from "weir";
import type { Board } from "./board.ts";
import { PARALLELISM } from "./embedded.ts";
import type { Ranking } from "./job.ts";
import { jobOnRedis, ResultReader } from "./streams.ts";
import { type Move, Workers } from "./workers.ts";

const WORKERS = 3;
/** Half-way through 90 days. */
const KILL_AFTER_DAYS = 45;
const LOOK_EVERY_MS = 100;
const SHOW_EVERY_MS = 500;

export interface RedisOutcome {
  readonly rankings: readonly Ranking[];
  readonly airportDays: readonly unknown[];
  readonly elapsedMs: number;
  /** Of the job, in all workers together. */
  readonly partitions: number;
  /** The worker that was killed, with as many partitions; undefined when the job was over too soon. */
  readonly killed: { readonly number: number; readonly partitions: number } | undefined;
  readonly moves: readonly Move[];
}

/** The demo was told to stop. */
export class DemoStoppedError extends Error {
  readonly code: string = "STOPPED";
}

export async function runOnRedis(url: string, speed: number, board: Board): Promise<RedisOutcome> {
  const weir = await connect({ redis: url });
  // A name of its own: nothing that is in this Redis already is touched.
  const job = `airport-delays-${randomBytes(3).toString("hex")}`;
  const reader = await ResultReader.open(url, job);
  const workers = new Workers(WORKERS, [url, job, String(speed)]);
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  try {
    const rankings = await follow({ weir, job, reader, workers, board, signal: abort.signal });
    const elapsedMs = board.elapsedMs;
    await workers.allEnded();
    const airportDays = await reader.allAirportDays();
    const { stages } = jobOnRedis(job, speed).plan({ parallelism: PARALLELISM });
    const partitions = stages.reduce((sum, stage) => sum + stage.partitions, 0);
    const killed = workers.killed && {
      number: workers.killed.number,
      partitions: workers.killed.partitions.size + workers.moves.length,
    };
    return { rankings, airportDays, elapsedMs, partitions, killed, moves: workers.moves };
  } catch (error) {
    throw abort.signal.aborted ? new DemoStoppedError("stopped") : error;
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    workers.killAll();
    await workers.allEnded();
    await weir.remove(job);
    await reader.deleteStreams();
    reader.close();
  }
}

interface Followed {
  readonly weir: Weir;
  readonly job: string;
  readonly reader: ResultReader;
  readonly workers: Workers;
  readonly board: Board;
  readonly signal: AbortSignal;
}

/** Watches the job from outside until it is finished. @returns every ranking, in the order of the stream */
async function follow({ weir, job, reader, workers, board, signal }: Followed): Promise<Ranking[]> {
  const rankings: Ranking[] = [];
  let status: JobStatusReport | undefined;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let told = 0;
  workers.onBegin(() => board.begin());
  for (;;) {
    if (performance.now() - lookedMs >= SHOW_EVERY_MS) {
      lookedMs = performance.now();
      status = await Promise.race([weir.status(job), workers.failure]);
      const reports = status?.workers.flatMap(({ report }) => (report === undefined ? [] : [report])) ?? [];
      board.showProgress(status?.job.status ?? "starting", reports);
    }
    for (const ranking of await reader.newRankings()) {
      rankings.push(ranking);
      board.showDay(ranking);
    }
    if (status?.job.status === "finished") return rankings;
    if (status?.job.status === "failed") throw new Error(`the job failed: ${status.job.failure?.message}`);
    if (workers.killed === undefined && rankings.length >= KILL_AFTER_DAYS) killOne(workers, status, board);
    board.tell(workers.moves.slice(told).map(describeMove));
    told = workers.moves.length;
    await sleep(LOOK_EVERY_MS, undefined, { signal });
  }
}

/** The victim is the leader: so the others must agree on a new one as well. */
function killOne(workers: Workers, status: JobStatusReport | undefined, board: Board): void {
  const leaderPid = status?.workers.find(({ id }) => id === status.leader)?.pid;
  const victim = workers.processes.find(({ pid }) => pid === leaderPid) ?? workers.processes[0];
  if (victim === undefined) return;
  const role = victim.pid === leaderPid ? ", which leads the others," : "";
  const held = listOf([...victim.partitions]);
  board.tell([`SIGKILL: worker ${victim.number}${role} is gone (pid ${victim.pid}), with ${held}`]);
  workers.kill(victim);
}

function describeMove({ partition, to, afterMs }: Move): string {
  return `${partition} runs in worker ${to}, ${(afterMs / 1_000).toFixed(2)} s after the kill`;
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? "no partition" : names.toSorted().join(", ");
}
