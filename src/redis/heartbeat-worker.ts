// The heartbeat thread itself: beats at a fixed pace over its own link, and makes a new link whenever one breaks.
import { parentPort, workerData } from "node:worker_threads";
import { RedisConnection } from "./connection.ts";
import type { HeartbeatNews, HeartbeatTask } from "./heartbeat-thread.ts";
import { JobKeys } from "./keys.ts";
import { ScriptRunner } from "./script-runner.ts";
import { beatCall, beatScript } from "./scripts/workers.ts";
import { heartbeatScripts } from "./scripts.ts";

const task = workerData as HeartbeatTask;
const keys = new JobKeys(task.job);
const progress = new BigInt64Array(task.progress);

let connection: RedisConnection | undefined;
let runner: ScriptRunner | undefined;
let busy = false;
let gone = false;
let stopped = false;

async function beat(): Promise<void> {
  // One beat at a time: a slow server must not be flooded, and late beats say nothing.
  if (busy) return;
  busy = true;
  try {
    if (runner === undefined || connection?.ended !== undefined) await connect();
    const moved = Number(Atomics.load(progress, 0));
    const answer = await runner!.run(beatScript, beatCall(keys, task.incarnation, task.worker, moved));
    if (answer === "GONE" && !gone) parentPort?.postMessage("gone" satisfies HeartbeatNews);
    gone = answer === "GONE";
  } catch {
    // No link, or a server that refuses: the next beat tries again. Observers see the counter stand still.
  } finally {
    busy = false;
  }
}

async function connect(): Promise<void> {
  runner = undefined;
  connection?.close();
  connection = await RedisConnection.open({
    url: task.url,
    name: "weir-heartbeat",
    connectTimeoutMs: Math.max(500, task.intervalMs * 2),
    replyTimeoutMs: Math.max(500, task.intervalMs * 4),
  });
  // A job that ends at once stops the thread while it connects: an open link would keep it alive.
  if (stopped) connection.close();
  runner = new ScriptRunner(connection);
  await runner.load(heartbeatScripts);
}

const timer = setInterval(() => void beat(), task.intervalMs);
void beat();

parentPort?.postMessage("started" satisfies HeartbeatNews);
parentPort?.on("message", () => {
  stopped = true;
  clearInterval(timer);
  connection?.close();
  parentPort?.close();
});
