// A worker of the fault tests in a process of its own, to be killed, paused and cut off.
//
// It is put together by hand, as runtime/weir.ts does it, because taps and controls stand between it and its store.
// Argument: WorkerConfig as JSON. WEIR_CRASH_AT overrides its `crashAt`. Exit code 0: the job ended well, or it left.
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { defaultRestartPolicy } from "../../src/actors/kernel/supervision.ts";
import { createEncodingCutter } from "../../src/broker/frame-cutter.ts";
import { RedisChannelReader } from "../../src/broker/redis-channel.ts";
import { decodeFrame } from "../../src/broker/wire.ts";
import { systemClock } from "../../src/core/clock.ts";
import { toError } from "../../src/core/errors.ts";
import type { Coordination, JobRecord } from "../../src/core/ports/coordination.ts";
import { noTelemetry } from "../../src/core/ports/telemetry.ts";
import type { Job } from "../../src/index.ts";
import type { JobPlan } from "../../src/plan/plan.ts";
import { HeartbeatThread } from "../../src/redis/heartbeat-thread.ts";
import { RedisCoordination } from "../../src/redis/redis-coordination.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { defaultDetectorSettings } from "../../src/runtime/failure-detector.ts";
import {
  allPartitions,
  createJobConfig,
  formatJobConfig,
  type JobConfig,
  parseJobConfig,
} from "../../src/runtime/job-config.ts";
import { formatLayouts } from "../../src/runtime/job-layouts.ts";
import type { RunEvent } from "../../src/runtime/reports.ts";
import { resolveSettings } from "../../src/runtime/run-options.ts";
import { Worker } from "../../src/runtime/worker.ts";
import type { StoreSession } from "../../src/runtime/worker-options.ts";
import { RedisStateBackend } from "../../src/state/redis-state-backend.ts";
import { withAllDenied, withForgottenRequests, withLatePositions } from "./controls.ts";
import { chaosJob } from "./job.ts";
import { openStaleView } from "./stale-view.ts";
import { CrashPoint, type TapListener, tapBackend, tapReader } from "./store-taps.ts";
import { openUnprotected } from "./unprotected.ts";
import type { WorkerCommand, WorkerConfig, WorkerEvent } from "./worker-config.ts";

const config = JSON.parse(process.argv[2] ?? "") as WorkerConfig;
const id = `${process.pid}-${randomBytes(4).toString("hex")}`;
const crash = new CrashPoint(process.env["WEIR_CRASH_AT"] ?? config.crashAt);
let worker: Worker | undefined;
let go: () => void = () => {};
/** Of the stale view: whoever was fenced has tried what it is there for. */
let onFenced: () => void = () => {};

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => onCommand(line as WorkerCommand));
// A worker without a parent has nobody who would ever stop it.
commands.on("close", () => process.exit(1));

function onCommand(command: WorkerCommand): void {
  if (command === "go") go();
  else worker?.leave();
}

function tell(event: Omit<WorkerEvent, "atMs">): void {
  process.stdout.write(`${JSON.stringify({ atMs: Date.now(), ...event })}\n`);
}

function tellRunEvent(event: RunEvent): void {
  const partition = "partition" in event ? event.partition : undefined;
  const error = "error" in event ? event.error : undefined;
  tell({
    kind: event.kind,
    ...(partition === undefined ? {} : { partition }),
    ...(error === undefined ? {} : { code: codeOf(error), message: error.message }),
  });
}

function codeOf(error: Error): string {
  return (error as { code?: string }).code ?? error.name;
}

/** The first commit of an attempt that moved a position past records is the sign that its owner works. */
function createListener(): TapListener {
  const silent = new Set<string>();
  return {
    onAttached(partition) {
      silent.add(partition);
      tell({ kind: "attached", partition });
    },
    onAnswer(partition, epoch, answer) {
      if (answer.kind === "FENCED") onFenced();
      if (answer.kind !== "OK" && answer.kind !== "DUP")
        tell({
          kind: "answer",
          partition,
          code: answer.kind,
          ...(answer.kind === "REFUSED" ? { message: answer.reason } : {}),
        });
      else if (epoch.meta.some(([name]) => /^(in|src):/.test(name)) && silent.delete(partition))
        tell({ kind: "first-commit", partition });
    },
  };
}

async function openSession(incarnation: number): Promise<StoreSession> {
  const { redis, job, replyTimeoutMs, control } = config;
  const listener = createListener();
  if (control === "unprotected") {
    const open = openUnprotected({ redis, job: job.name, incarnation, replyTimeoutMs });
    return { ...open, backend: tapBackend(open.backend, crash, listener) };
  }
  const session = await RedisSession.open({ url: redis, replyTimeoutMs });
  const plain = new RedisStateBackend(session, job.name);
  const backend =
    control === "late-positions"
      ? withLatePositions(plain)
      : control === "forgetful"
        ? withForgottenRequests(plain)
        : control === "all-denied"
          ? withAllDenied(plain)
          : plain;
  return {
    backend: tapBackend(backend, crash, listener),
    reader: tapReader(new RedisChannelReader(session, job.name, incarnation), crash),
    onEnd: (ended) => session.onEnd(ended),
    close: async () => session.close(),
  };
}

async function enterJob(
  job: Job,
  coordination: Coordination,
): Promise<{ record: JobRecord; plan: JobPlan; config: JobConfig }> {
  const { job: stored } = await coordination.observe();
  if (stored !== undefined) {
    const storedConfig = parseJobConfig(stored.config);
    return {
      record: stored,
      plan: job.plan({ parallelism: storedConfig.parallelism }),
      config: storedConfig,
    };
  }
  const { plan, config: made } = await createJobConfig(job, config.job.partitions);
  const entry = {
    name: job.name,
    planHash: plan.hash,
    config: formatJobConfig(made),
    layouts: formatLayouts(plan),
  };
  const { job: record } = await coordination.createJob(entry, allPartitions(plan));
  return { record, plan, config: made };
}

async function runOnce(): Promise<number> {
  const { redis, pace, replyTimeoutMs } = config;
  const job = chaosJob(config.job);
  const plain = await RedisCoordination.open({ url: redis, job: job.name, replyTimeoutMs });
  let coordination: Coordination = plain;
  if (config.staleViewMs > 0) {
    const stale = openStaleView(plain, config.staleViewMs, () => tell({ kind: "paused" }));
    coordination = stale.coordination;
    onFenced = () => stale.end();
  }
  try {
    const { record, plan, config: stored } = await enterJob(job, coordination);
    const settings = resolveSettings(config.settings);
    worker = new Worker({
      id,
      plan,
      incarnation: record.incarnation,
      layoutSeq: record.layoutSeq,
      splits: new Map(Object.entries(stored.splits)),
      coordination,
      redisUrl: redis,
      openSession: () => openSession(record.incarnation),
      startHeartbeat: (onGone) =>
        HeartbeatThread.start({
          url: redis,
          job: job.name,
          incarnation: record.incarnation,
          worker: id,
          intervalMs: pace?.beatMs,
          onGone,
        }),
      settings,
      restart: defaultRestartPolicy,
      detector:
        pace === undefined
          ? defaultDetectorSettings
          : {
              ...defaultDetectorSettings,
              deadAfterMs: pace.deadAfterMs,
              startGraceMs: 3 * pace.deadAfterMs,
            },
      clock: systemClock,
      telemetry: noTelemetry,
      cut: createEncodingCutter(settings.frameBytes),
      decode: (payload, channel) => decodeFrame(payload, channel),
      durable: true,
      roundMs: pace?.roundMs ?? 200,
      onEvent: tellRunEvent,
    });
    tell({ kind: "joined", worker: id });
    const { status, failure } = await worker.run();
    tell({ kind: "over", code: status, ...(failure === undefined ? {} : { message: failure.message }) });
    if (status === "failed")
      tell({ kind: "failed", code: failure?.code ?? "", message: failure?.message ?? "" });
    return status === "failed" ? 1 : 0;
  } finally {
    await coordination.close();
  }
}

async function main(): Promise<number> {
  if (config.standby) {
    tell({ kind: "standing-by" });
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  }
  for (;;) {
    try {
      return await runOnce();
    } catch (thrown) {
      const error = toError(thrown);
      tell({ kind: "failed", code: codeOf(error), message: error.message });
      if (config.control !== "recreate" || !["JOB_LOST", "JOB_REPLACED"].includes(codeOf(error))) return 1;
    }
  }
}

process.exit(await main());
