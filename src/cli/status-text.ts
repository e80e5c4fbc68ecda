// The words and columns of `weir status`. Pure.
import type { RequestFigures } from "../operators/async/async-operator.ts";
import type { WatermarkCause } from "../runtime/watermark-causes.ts";
import type { JobStatusReport } from "../runtime/weir.ts";
import { type Column, formatBytes, formatTable } from "./figures.ts";
import type { StageProgress } from "./progress-meter.ts";
import { formatStageTable, stageObject } from "./progress-text.ts";
import { formatRequests } from "./request-text.ts";
import { formatCauses } from "./watermark-text.ts";

type WorkerStatus = JobStatusReport["workers"][number];

const WORKER_COLUMNS: readonly Column<WorkerStatus>[] = [
  { title: "worker", align: "left", text: (worker) => worker.id },
  { title: "host", align: "left", text: (worker) => worker.host },
  { title: "pid", text: (worker) => String(worker.pid) },
  { title: "partitions", text: (worker) => String(worker.partitions) },
  { title: "memory", text: ({ report }) => (report === undefined ? "-" : formatBytes(report.memoryBytes)) },
  { title: "state", align: "left", text: stateOf },
];

/** @returns lines, without a line break at the end */
export function formatStatus(
  status: JobStatusReport,
  stages: readonly StageProgress[],
  causes: readonly WatermarkCause[] = [],
  requests: readonly RequestFigures[] = [],
): string {
  const { job, leader, workers, partitions, endedPartitions } = status;
  const lines = [
    `job ${job.name}: ${job.status}, ${counted(workers.length, "worker")}, ` +
      `${endedPartitions} of ${counted(partitions, "partition")} ended` +
      // What is stored may name one that is gone.
      (workers.some(({ id }) => id === leader) ? `, led by ${leader}` : ""),
  ];
  if (job.failure !== undefined) {
    const where = job.failure.partition === undefined ? "" : ` in partition ${job.failure.partition}`;
    lines.push(`failed${where}: ${job.failure.message} [${job.failure.code}]`);
  }
  lines.push("", ...formatStageTable(stages));
  if (causes.length > 0) lines.push("", ...formatCauses(causes));
  if (requests.length > 0) lines.push("", ...formatRequests(requests));
  if (workers.length > 0) lines.push("", ...formatTable(WORKER_COLUMNS, workers));
  return lines.join("\n");
}

export function statusObject(
  status: JobStatusReport,
  stages: readonly StageProgress[],
  causes: readonly WatermarkCause[] = [],
  requests: readonly RequestFigures[] = [],
): object {
  const { job, leader, workers, partitions, endedPartitions } = status;
  return {
    job: job.name,
    status: job.status,
    incarnation: job.incarnation,
    planHash: job.planHash,
    failure: job.failure ?? null,
    leader: leader ?? null,
    partitions,
    endedPartitions,
    stages: stages.map(stageObject),
    watermarks: causes,
    requests,
    workers: workers.map((worker) => ({
      id: worker.id,
      host: worker.host,
      pid: worker.pid,
      leaving: worker.leaving,
      partitions: worker.partitions,
      memoryBytes: worker.report?.memoryBytes ?? null,
      reportedAtMs: worker.report?.atMs ?? null,
    })),
  };
}

function stateOf(worker: WorkerStatus): string {
  if (worker.leaving) return "leaving";
  return worker.report === undefined ? "starting" : "working";
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
