// HeartbeatThread — a worker's sign of life, sent from a thread of its own so that a busy main loop does not look dead.
//
// Owns:      the thread, and the counter through which the main loop says that it moves.
// Does not:  judge anybody: observers time the two counters on their own clocks.
import { Worker } from "node:worker_threads";
import { checkRedisUrl } from "./connection.ts";

export interface HeartbeatOptions {
  readonly url: string;
  readonly job: string;
  /** Of the job that the worker has joined. */
  readonly incarnation: number;
  /** Id under which the worker joined. */
  readonly worker: string;
  /** Default 250. */
  readonly intervalMs?: number | undefined;
  /** How often the main loop raises the progress counter by itself. Default: `intervalMs`. 0: only `progress()` does. */
  readonly progressMs?: number | undefined;
  /** The worker's record is gone: it was removed by others, or the job was deleted or replaced. Called once per disappearance. */
  readonly onGone?: (() => void) | undefined;
  /** The thread broke by a defect; no more beats are sent. */
  readonly onError?: ((error: Error) => void) | undefined;
}

/** What the thread is started with. */
export interface HeartbeatTask {
  readonly url: string;
  readonly job: string;
  readonly incarnation: number;
  readonly worker: string;
  readonly intervalMs: number;
  readonly progress: SharedArrayBuffer;
}

/** What the thread says: that it can be spoken to, and that the worker's record is gone. */
export type HeartbeatNews = "started" | "gone";

/** Runs from the built package (`.js`) and from the sources (`.ts`) alike; only the first is what users have. */
function startThread(task: HeartbeatTask): Worker {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf("."));
  const entry = new URL(`./heartbeat-worker${extension}`, import.meta.url);
  const options = { workerData: task, name: "weir-heartbeat" };
  if (extension !== ".ts") return new Worker(entry, options);
  // A thread does not inherit what lets the main thread read TypeScript, so it registers that for itself.
  const loader = import.meta.resolve("tsx/esm/api");
  const boot = `import(${JSON.stringify(loader)}).then((tsx) => { tsx.register(); return import(${JSON.stringify(entry.href)}); })`;
  return new Worker(boot, { ...options, eval: true });
}

export class HeartbeatThread {
  readonly #thread: Worker;
  readonly #progress: BigInt64Array;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #over: Promise<void>;
  #isStarted = false;

  private constructor(options: HeartbeatOptions) {
    const { url, job, incarnation, worker, intervalMs = 250, progressMs = intervalMs } = options;
    checkRedisUrl(url);
    const shared = new SharedArrayBuffer(8);
    this.#progress = new BigInt64Array(shared);
    this.#thread = startThread({ url, job, incarnation, worker, intervalMs, progress: shared });
    this.#thread.unref();
    this.#thread.on("message", (news: HeartbeatNews) => {
      if (news === "started") this.#isStarted = true;
      else options.onGone?.();
    });
    this.#thread.on("error", (error: Error) => options.onError?.(error));
    this.#over = new Promise((resolve) => this.#thread.once("exit", () => resolve()));
    if (progressMs > 0) {
      this.#timer = setInterval(() => this.progress(), progressMs);
      this.#timer.unref();
    }
  }

  /** Starts beating for a worker that has joined. @throws {RedisUrlError} */
  static start(options: HeartbeatOptions): HeartbeatThread {
    return new HeartbeatThread(options);
  }

  /** The main loop moves. */
  progress(): void {
    Atomics.add(this.#progress, 0, 1n);
  }

  /** Stops beating; no beat is sent after it resolves. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    // One that still loads its code would not hear it, and a short job would wait for that.
    if (!this.#isStarted) void this.#thread.terminate();
    this.#thread.postMessage("stop");
    // A thread that hangs in its link must not hold the process.
    const patience = setTimeout(() => void this.#thread.terminate(), 1000);
    await this.#over;
    clearTimeout(patience);
  }
}
