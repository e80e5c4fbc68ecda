// Starts benchmark processes and Redis, and adds up processor time from the operating system's and Redis's accounting.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { RedisServer } from "../test/support/redis-server.ts";
import type { ProcessResult } from "./process.ts";
import type { Task } from "./tasks.ts";

const PROCESS_FILE = fileURLToPath(new URL("./process.ts", import.meta.url));

export type Line = { readonly kind: string; readonly [name: string]: unknown };

export interface BenchProcess {
  readonly child: ChildProcess;
  readonly lines: Line[];
  readonly result: Promise<ProcessResult>;
}

/** The process gets the options of Node that this one has. */
export function startProcess(task: Task): BenchProcess {
  const child = spawn(process.execPath, [...process.execArgv, PROCESS_FILE, JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Line[] = [];
  const result = new Promise<ProcessResult>((resolve, reject) => {
    let last: ProcessResult | undefined;
    createInterface({ input: child.stdout! }).on("line", (text) => {
      const line = JSON.parse(text) as Line;
      lines.push(line);
      if (line.kind === "result") last = line as unknown as ProcessResult;
    });
    child.on("exit", (code, signal) => {
      if (last !== undefined && code === 0) resolve(last);
      else
        reject(
          new Error(`benchmark process ended with ${signal ?? code}: ${JSON.stringify(lines.slice(-3))}`),
        );
    });
  });
  // A process that is killed on purpose is nobody's error.
  result.catch(() => {});
  return { child, lines, result };
}

export interface RunResult {
  readonly recordsPerSecond: number;
  /** Per second of processor time of all processes together, Redis included: "per core". */
  readonly recordsPerCoreSecond: number;
  readonly seconds: number;
  readonly workerCpuSeconds: number;
  readonly redisCpuSeconds: number;
  readonly results: readonly ProcessResult[];
}

/** Time for processes to load, plan and attach before the gate opens. */
const PREPARE_MS = 5_000;

let nextJob = 0;

export function jobName(kind: string): string {
  return `bench-${kind}-${process.pid}-${nextJob++}`;
}

export function gateMs(): number {
  return Date.now() + PREPARE_MS;
}

/** Runs a task to its end with `workers` processes. @param records what the rate counts */
export async function runTask(
  task: Task,
  workers: number,
  records: number,
  server: RedisServer | undefined,
): Promise<RunResult> {
  const redisBefore = await redisCpuSeconds(server);
  const processes = Array.from({ length: workers }, () => startProcess(task));
  const results = await Promise.all(processes.map((each) => each.result));
  const redisCpu = (await redisCpuSeconds(server)) - redisBefore;
  const seconds = (Math.max(...results.map((result) => result.endedMs)) - task.startAtMs) / 1_000;
  const workerCpu = results.reduce((sum, result) => sum + result.cpuMs, 0) / 1_000;
  return {
    recordsPerSecond: records / seconds,
    recordsPerCoreSecond: records / (workerCpu + redisCpu),
    seconds,
    workerCpuSeconds: workerCpu,
    redisCpuSeconds: redisCpu,
    results,
  };
}

async function redisCpuSeconds(server: RedisServer | undefined): Promise<number> {
  if (server === undefined) return 0;
  const info = String(await server.cli("INFO", "cpu"));
  const read = (name: string): number => Number(new RegExp(`${name}:([0-9.]+)`).exec(info)?.[1] ?? 0);
  return read("used_cpu_user") + read("used_cpu_sys");
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** @param quantile 0 < quantile < 1 */
export function percentile(values: readonly number[], quantile: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
}
