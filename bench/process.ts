// One benchmark process: runs the task given as JSON in its first argument and prints what it measured as JSON lines.
import { connect } from "../src/runtime/weir.ts";
import { bidPool, preciseNowMs } from "./sources.ts";
import { createTaskJob, type Observed, type Task } from "./tasks.ts";

/** What a process says when its part of the job is over. */
export interface ProcessResult {
  readonly kind: "result";
  /** When the last partition of this process ended, epoch ms. */
  readonly endedMs: number;
  readonly status: string;
  /** Processor time from the start gate to the end. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly idleRssBytes: number;
  readonly observed: Observed;
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const task = JSON.parse(process.argv[2] ?? "") as Task;
const observed: Observed = { latenciesMs: [], firstRecords: [] };
if (task.kind !== "query") bidPool();
const weir = await connect(task.redis === undefined ? {} : { redis: task.redis });
let endedMs = 0;
let running = 0;
const run = await weir.run(createTaskJob(task, observed), {
  parallelism: task.parallelism,
  onEvent(event) {
    if (event.kind === "partition-running") say({ kind: "running", count: ++running, atMs: preciseNowMs() });
    if (event.kind === "partition-ended") endedMs = preciseNowMs();
    if (event.kind === "job-failing") say({ kind: "error", message: event.error.message });
  },
});
// Everything before the gate is preparation: loading, compiling, attaching.
const waitMs = task.startAtMs - Date.now();
if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
const idleRssBytes = process.memoryUsage.rss();
const before = process.cpuUsage();
const outcome = await run.finished;
const used = process.cpuUsage(before);
const result: ProcessResult = {
  kind: "result",
  endedMs,
  status: outcome.status,
  cpuMs: (used.user + used.system) / 1_000,
  rssBytes: process.memoryUsage.rss(),
  idleRssBytes,
  observed,
};
say(result);
await weir.close();
