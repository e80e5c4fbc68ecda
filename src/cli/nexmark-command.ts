// weir nexmark — one query of the Nexmark benchmark, from the first event to the last row in a file.
//
// Embedded, or on Redis in this process, or on Redis in worker processes that this one starts:
//
//   parent   removes what an earlier run left, starts N children, replaces crashed ones, tells the totals
//   child    `weir nexmark --managed` with the same options: joins the job, works until it is over
//
// A run on Redis that was interrupted goes on where it was when it is started again; `--fresh` begins anew. A run that
// was over begins anew in any case.
import { createReadStream } from "node:fs";
import { type Command, Option } from "commander";
import { EngineError } from "../core/errors.ts";
import { isOver } from "../core/job-lifecycle.ts";
import type { JobStatus } from "../core/ports/coordination.ts";
import { nexmarkQueries } from "../nexmark/queries.ts";
import { JobFailedError } from "../runtime/errors.ts";
import { connect, type Weir } from "../runtime/weir.ts";
import {
  addOptionalRedisOption,
  addOutputOptions,
  addProfileOptions,
  cpuProfileFolder,
  perform,
  type RunningOptions,
  requireRedis,
  runningArguments,
} from "./command.ts";
import { startCpuProfile } from "./cpu-profile.ts";
import type { ErrorReport } from "./error-report.ts";
import { WorkersCrashedError } from "./errors.ts";
import { EXIT, FORCED_EXIT } from "./exit-codes.ts";
import { formatCount } from "./figures.ts";
import {
  checkNexmarkFiles,
  type NexmarkOptions,
  type NexmarkRequest,
  nexmarkDefaults,
  nexmarkWorkerArgs,
  readNexmarkRequest,
  requestedJob,
} from "./nexmark-request.ts";
import { Output, type OutputOptions } from "./output.ts";
import { runHere } from "./run-here.ts";
import { RunNews } from "./run-news.ts";
import { StopSignals } from "./stop-signals.ts";
import { type EventNotice, noticeOf, tellError } from "./worker-messages.ts";
import { WorkerProcesses } from "./worker-processes.ts";

type ProfileOptions = Pick<RunningOptions, "cpuProf" | "cpuProfDir">;

/** Apart from the rest: options of other commands have the same names but another form. */
function profileOf({ cpuProf, cpuProfDir }: ProfileOptions): ProfileOptions {
  return { cpuProf, cpuProfDir };
}

interface NexmarkCommandOptions extends NexmarkOptions, OutputOptions, ProfileOptions {
  readonly managed?: boolean;
}

/** Adds the command `nexmark`. */
export function registerNexmark(program: Command): void {
  const command = program
    .command("nexmark")
    .description("run a query of the Nexmark benchmark over generated or recorded events, and write its rows")
    .requiredOption("--query <name>", `one of ${Object.keys(nexmarkQueries).join(", ")}`)
    .option("--events <n>", "how many events are generated", nexmarkDefaults.events)
    .option("--seed <n>", "another seed makes other events", nexmarkDefaults.seed)
    .option("--events-per-second <n>", "density of events in event time", nexmarkDefaults.eventsPerSecond)
    .option("--out-of-order-group <n>", "shuffle events in groups of n", nexmarkDefaults.outOfOrderGroup)
    .option("--rate <n>", "events per second of real time (default: as fast as they are taken)")
    .option("--input <file>", "read events from combined NDJSON; the options before do not count then")
    .option(
      "--side-input <file>",
      "the table of q13 as NDJSON (default: keys 0 to 9999, each with itself as text)",
    )
    .requiredOption("--output <file>", "NDJSON file for the rows")
    .option("--changelog", "write every change of the result, with its op, instead of the result");
  addOptionalRedisOption(command)
    .option("--workers <n>", "worker processes to start; needs --redis (default: this process works)")
    .option("--parallelism <n>", "partitions per stage (default: 2 x cores)")
    .option("--job <name>", "name of the job on Redis (default: made of query, seed and number of events)")
    .option("--fresh", "delete what an interrupted run left on Redis, instead of going on with it")
    .addOption(new Option("--managed", "started by weir nexmark, which shows what happens").hideHelp());
  addOutputOptions(addProfileOptions(command)).action(async (options: NexmarkCommandOptions) => {
    if (options.managed === true) process.exitCode = await workManaged(options);
    else await perform(options, (output) => runNexmark(options, output));
  });
}

async function runNexmark(options: NexmarkCommandOptions, output: Output): Promise<number> {
  const request = readNexmarkRequest(options);
  await checkNexmarkFiles(request);
  const weir = await connect({ redis: request.redis });
  try {
    if (request.redis !== undefined) await makeWay(weir, request, output);
    const timer = new RunTimer();
    const status =
      request.workers === undefined
        ? await runInProcess(weir, request, profileOf(options), timer, output)
        : await runInWorkers(weir, request, request.workers, profileOf(options), timer, output);
    if (status === "finished") await showTotals(request, timer.seconds, output);
    else showStopped(request, status, output);
    return EXIT.ok;
  } finally {
    await weir.close();
  }
}

/** From the moment in which the first partition runs: without the start of processes. */
class RunTimer {
  #startedMs: number | undefined;
  #endedMs = 0;

  onEvent({ kind }: EventNotice): void {
    if (kind === "partition-running") this.#startedMs ??= performance.now();
  }

  /** The last call counts. */
  end(): void {
    this.#endedMs = performance.now();
  }

  get seconds(): number {
    return (this.#endedMs - (this.#startedMs ?? this.#endedMs)) / 1_000;
  }
}

/** Deletes what an earlier run left, unless there is something to go on with. */
async function makeWay(weir: Weir, { job, fresh }: NexmarkRequest, output: Output): Promise<void> {
  const left = (await weir.status(job))?.job.status;
  if (left === undefined) return;
  if (fresh || isOver(left)) return weir.remove(job);
  output.note(`job ${job} is not over and goes on where it is; --fresh begins anew`, {
    event: { kind: "resumed", job },
  });
}

/** @returns how the job stands when this process has left it */
async function runInProcess(
  weir: Weir,
  request: NexmarkRequest,
  profile: ProfileOptions,
  timer: RunTimer,
  output: Output,
): Promise<JobStatus> {
  const news = new RunNews(output);
  const folder = cpuProfileFolder(profile);
  const endProfile = folder === undefined ? undefined : await startCpuProfile(folder);
  const run = await weir.run(await requestedJob(request), {
    parallelism: request.parallelism,
    onEvent: (event) => {
      const notice = noticeOf(event);
      timer.onEvent(notice);
      news.notice(notice);
    },
  });
  const signals = new StopSignals({
    onDrain: () => void run.stop(),
    onForce: (signal) => process.exit(FORCED_EXIT[signal]),
  });
  try {
    const { status } = await run.finished;
    timer.end();
    return status;
  } finally {
    signals.close();
    const path = await endProfile?.();
    if (path !== undefined) output.note(`CPU profile: ${path}`, { event: { kind: "cpu-profile", path } });
  }
}

async function runInWorkers(
  weir: Weir,
  request: NexmarkRequest,
  count: number,
  profile: ProfileOptions,
  timer: RunTimer,
  output: Output,
): Promise<JobStatus> {
  const news = new RunNews(output);
  const workers = new WorkerProcesses({
    count,
    args: [...nexmarkWorkerArgs(request), ...runningArguments(profile)],
    // Not an argument, so that no password shows in the list of processes.
    env: { WEIR_REDIS_URL: request.redis ?? "" },
    stdout: output.stderr,
    stderr: output.stderr,
    onMessage: (message, pid) => {
      timer.end();
      if (message.kind !== "event") return;
      timer.onEvent(message.event);
      news.notice(message.event, pid);
    },
    onCrash: ({ pid, how, respawnInMs }) => news.crash(pid, how, respawnInMs),
  });
  const signals = new StopSignals({
    onDrain: (signal) => workers.drain(signal),
    onForce: (signal) => {
      workers.kill();
      process.exit(FORCED_EXIT[signal]);
    },
  });
  try {
    workers.start();
    const { pids } = workers;
    output.detail(`worker processes ${pids.join(", ")}`, { event: { kind: "workers", pids } });
    // Their last message is the outcome; leaving takes them a moment more.
    const end = await workers.ended;
    const left = (await weir.status(request.job))?.job;
    if (left?.status === "finished") return "finished";
    if (left?.status === "failed") throw new JobFailedError(request.job, left.failure);
    if (end.kind === "crashed") throw new WorkersCrashedError(request.job, end.crashes, end.how);
    if (end.kind === "error") throw new WorkerFailedError(end.message.error);
    return left?.status ?? "created";
  } finally {
    signals.close();
  }
}

/** A worker process ended with an error that no other worker would escape; its code is that error's. */
class WorkerFailedError extends EngineError {
  constructor({ code, message, details }: ErrorReport) {
    super(code, message, { details });
  }
}

/** What a worker process does. Everything that goes wrong is for the parent to show, once for all its children. */
async function workManaged(options: NexmarkCommandOptions): Promise<number> {
  try {
    const redis = requireRedis("nexmark --managed", { redis: process.env["WEIR_REDIS_URL"] });
    const request = readNexmarkRequest({ ...options, redis });
    return await runHere(await requestedJob(request), {
      redis,
      run: { parallelism: request.parallelism, shared: true },
      output: new Output({ quiet: true, verbose: options.verbose }),
      cpuProfile: cpuProfileFolder(profileOf(options)),
      managed: true,
    });
  } catch (thrown) {
    return tellError(thrown);
  }
}

function showStopped({ query, job, redis }: NexmarkRequest, status: JobStatus, output: Output): void {
  const next = redis === undefined ? "its rows are not complete" : "run it again to go on";
  output.result(`${query}: stopped before the end; ${next}`, { query, job, status });
}

async function showTotals(request: NexmarkRequest, seconds: number, output: Output): Promise<void> {
  const { query, job, input, generated, output: path } = request;
  const events = input === undefined ? generated.events : await countLines(input);
  const rows = await countLines(path);
  const perSecond = Math.round(events / seconds);
  const text =
    `${query}: ${formatCount(events)} events, ${formatCount(rows)} rows in ${seconds.toFixed(2)} s, ` +
    `${formatCount(perSecond)} events/s; the rows are in ${path}`;
  const figures = { events, rows, seconds: Number(seconds.toFixed(3)), eventsPerSecond: perSecond };
  output.result(text, { query, job, status: "finished", ...figures, output: path });
}

const LINE_FEED = 0x0a;

/** Lines that are not blank: the records of an NDJSON file. */
async function countLines(path: string): Promise<number> {
  let lines = 0;
  let blank = true;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    const bytes = chunk as Buffer;
    for (let from = 0; from < bytes.length; ) {
      const lineFeed = bytes.indexOf(LINE_FEED, from);
      const end = lineFeed < 0 ? bytes.length : lineFeed;
      for (let at = from; blank && at < end; at++) blank = isBlank(bytes[at]!);
      if (lineFeed < 0) break;
      if (!blank) lines++;
      blank = true;
      from = lineFeed + 1;
    }
  }
  return blank ? lines : lines + 1;
}

/** Space, tab, carriage return. */
function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}
