// What the suites of the engine stand on: a way to run a job to its end, embedded or on Redis, and leave nothing behind.
import {
  connect,
  defineJob,
  type Job,
  type JobBuilder,
  type JobRun,
  type RunOptions,
  type StageReport,
  type Weir,
  type WorkerOutcome,
} from "../../src/index.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

/** One of the two ways in which a job runs. */
export interface Engine {
  readonly name: "embedded" | "redis";
  connect(): Promise<Weir>;
}

export const embedded: Engine = { name: "embedded", connect: () => connect() };
export const onRedis: Engine = { name: "redis", connect: () => connect({ redis: testRedisUrl() }) };

/** A condition of a busy machine: long enough that only a defect reaches it. */
export const DEADLINE_MS = 120_000;

/** For jobs whose workers do not die: a machine that holds one of them up for long does not make it look dead. */
export const PATIENT = { deadAfterMs: 60_000 } as const;

export interface EndedRun {
  readonly run: JobRun;
  readonly outcome: WorkerOutcome;
  readonly stages: readonly StageReport[];
}

/** Connects, calls `use`, and removes every trace of the job, whatever happens. */
export async function withWeir<R>(engine: Engine, job: string, use: (weir: Weir) => Promise<R>): Promise<R> {
  const weir = await engine.connect();
  try {
    return await use(weir);
  } finally {
    await weir.close();
    await weir.remove(job);
  }
}

export function newJob(build: (job: JobBuilder) => void, prefix = "engine"): Job {
  return defineJob(uniqueTag(prefix), build);
}

/** Runs a new job to its end. @throws whatever `run` or `finished` reject with */
export async function runToEnd(
  engine: Engine,
  build: (job: JobBuilder) => void,
  options: RunOptions = {},
): Promise<EndedRun> {
  const job = newJob(build);
  return withWeir(engine, job.name, async (weir) => {
    const run = await weir.run(job, { parallelism: 2, ...options });
    const outcome = await run.finished;
    return { run, outcome, stages: run.stages() };
  });
}

/** Runs a job that must fail. @returns the error of `finished` */
export async function runToFailure(
  engine: Engine,
  build: (job: JobBuilder) => void,
  options: RunOptions = {},
): Promise<Error & { code?: string; details?: Readonly<Record<string, unknown>> }> {
  try {
    await runToEnd(engine, build, options);
  } catch (thrown) {
    return thrown as Error;
  }
  throw new Error("the job was expected to fail, but it ended");
}

/** Waits for a condition of a running job; a job that ends before it holds is an error of its own. */
export async function until(run: JobRun, describe: string, condition: () => unknown): Promise<void> {
  let over: string | undefined;
  run.finished.then(
    ({ status }) => {
      over = status;
    },
    (error: Error) => {
      over = error.message;
    },
  );
  await waitFor(() => condition() || over !== undefined, { deadlineMs: DEADLINE_MS, describe });
  if (over !== undefined && !condition()) throw new Error(`the job ended (${over}) before ${describe}`);
}

/** As `JSON` text, sorted: two results are compared as multisets. */
export function sorted(records: readonly unknown[]): string[] {
  return records.map((record) => JSON.stringify(record)).sort();
}

/** A repeatable stream of numbers in [0, 1). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** Items in order, cut into pieces of `size`. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  const cut: T[][] = [];
  for (let from = 0; from < items.length; from += size) cut.push(items.slice(from, from + size));
  return cut;
}
