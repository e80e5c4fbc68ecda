// What Redis stores of the control plane, read back: each function takes the flat reply of an HGETALL.
import type { PartitionId } from "../core/ids.ts";
import type {
  Assignment,
  JobFailure,
  JobRecord,
  JobStatus,
  Leadership,
  WorkerBeat,
} from "../core/ports/coordination.ts";

function toFields(flat: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i]!, flat[i + 1]!);
  return fields;
}

/** @returns undefined when there is no job */
export function parseJob(flat: readonly string[]): JobRecord | undefined {
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

/** @returns undefined before the first election */
export function parseLeader(flat: readonly string[]): Leadership | undefined {
  if (flat.length === 0) return undefined;
  const fields = toFields(flat);
  return {
    worker: fields.get("worker") ?? "",
    term: Number(fields.get("term")),
    beat: Number(fields.get("beat")),
  };
}

/** @returns undefined for a worker whose record is gone */
export function parseWorker(flat: readonly string[]): WorkerBeat | undefined {
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

/** Partitions that somebody owns. */
export function parseAssignments(flat: readonly string[]): Map<PartitionId, Assignment> {
  const assignments = new Map<PartitionId, Assignment>();
  for (let i = 0; i < flat.length; i += 2) {
    const text = flat[i + 1]!;
    const blank = text.indexOf(" ");
    const worker = text.slice(blank + 1);
    if (worker !== "") assignments.set(flat[i]!, { worker, version: Number(text.slice(0, blank)) });
  }
  return assignments;
}
