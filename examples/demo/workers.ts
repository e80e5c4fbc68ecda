// The worker processes of the demo, and who runs which partition.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

type Notice = { readonly kind: "ready" } | { readonly kind: "running" | "ended"; readonly partition: string };

export interface WorkerProcess {
  /** For people: 1, 2, 3. */
  readonly number: number;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly partitions: Set<string>;
}

/** A partition that ran in the process that was killed, and where it went. */
export interface Move {
  readonly partition: string;
  readonly to: number;
  /** From the kill until it ran again. */
  readonly afterMs: number;
}

export class Workers {
  readonly processes: readonly WorkerProcess[];
  /** Rejects when a worker ends by itself although the job is not over. */
  readonly failure: Promise<never>;
  readonly moves: Move[] = [];
  #fail: (error: Error) => void = () => {};
  #onBegin: () => void = () => {};
  #ready = 0;
  #killed: { worker: WorkerProcess; atMs: number; waiting: Set<string> } | undefined;

  constructor(count: number, args: readonly string[]) {
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => {});
    this.processes = Array.from({ length: count }, (_, i) => this.#start(i + 1, args));
  }

  /** Called once, when all workers are ready and the job begins. */
  onBegin(listener: () => void): void {
    this.#onBegin = listener;
  }

  get killed(): WorkerProcess | undefined {
    return this.#killed?.worker;
  }

  /** No warning, no clean-up: as when a machine is switched off. */
  kill(worker: WorkerProcess): void {
    this.#killed = { worker, atMs: performance.now(), waiting: new Set(worker.partitions) };
    worker.child.kill("SIGKILL");
  }

  /** Resolves when every process has ended. */
  async allEnded(): Promise<void> {
    await Promise.all(
      this.processes.map(async ({ child }) => {
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      }),
    );
  }

  killAll(): void {
    for (const { child } of this.processes) child.kill("SIGKILL");
  }

  #start(number: number, args: readonly string[]): WorkerProcess {
    const script = fileURLToPath(new URL("worker.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const worker: WorkerProcess = { number, pid: child.pid ?? 0, child, partitions: new Set() };
    child.on("message", (notice: Notice) => this.#take(worker, notice));
    child.on("exit", (code, signal) => {
      if (code === 0 || worker === this.#killed?.worker) return;
      this.#fail(new Error(`worker ${number} ended with ${signal ?? `exit code ${code}`}`));
    });
    child.on("error", (error) => this.#fail(error));
    return worker;
  }

  #take(worker: WorkerProcess, notice: Notice): void {
    switch (notice.kind) {
      case "ready":
        if (++this.#ready === this.processes.length) this.#begin();
        return;
      case "ended":
        worker.partitions.delete(notice.partition);
        return;
      case "running":
        this.#onRunning(worker, notice.partition);
    }
  }

  #begin(): void {
    for (const { child } of this.processes) child.send("begin");
    this.#onBegin();
  }

  #onRunning(worker: WorkerProcess, partition: string): void {
    for (const other of this.processes) other.partitions.delete(partition);
    worker.partitions.add(partition);
    const killed = this.#killed;
    if (killed?.waiting.delete(partition) === true)
      this.moves.push({
        partition,
        to: worker.number,
        afterMs: performance.now() - killed.atMs,
      });
  }
}
