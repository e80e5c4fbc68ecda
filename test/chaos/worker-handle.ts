// WorkerHandle — the parent's side of one worker process.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { waitFor } from "../support/wait-for.ts";
import type { WorkerCommand, WorkerConfig, WorkerEvent } from "./worker-config.ts";
import { workerProgram } from "./worker-program.ts";

export interface WorkerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class WorkerHandle {
  /** Everything it said, in order. */
  readonly events: WorkerEvent[] = [];
  readonly exited: Promise<WorkerExit>;
  readonly #child: ChildProcess;
  readonly #errorOutput: string[] = [];
  #exit: WorkerExit | undefined;

  /** @param onEvent called with every event, after it was added to {@link events} */
  constructor(config: WorkerConfig, onEvent: (event: WorkerEvent, worker: WorkerHandle) => void = () => {}) {
    this.#child = spawn(process.execPath, [workerProgram(), JSON.stringify(config)], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      const event = parseEvent(line);
      if (event === undefined) return;
      this.events.push(event);
      onEvent(event, this);
    });
    this.#child.stderr!.on("data", (chunk: Buffer) => this.#errorOutput.push(chunk.toString()));
    this.#child.stdin!.on("error", () => undefined); // it died before it could read
    this.exited = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Id under which it joined the job, if it did. */
  get id(): string | undefined {
    return this.events.find((event) => event.kind === "joined")?.worker;
  }

  get exit(): WorkerExit | undefined {
    return this.#exit;
  }

  get isAlive(): boolean {
    return this.#exit === undefined;
  }

  /** What it wrote to standard error, for messages. */
  get errorOutput(): string {
    return this.#errorOutput.join("").slice(-4_000);
  }

  command(command: WorkerCommand): void {
    this.#child.stdin!.write(`${command}\n`);
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  /** SIGCONT. */
  resume(): void {
    this.#child.kill("SIGCONT");
  }

  count(kind: WorkerEvent["kind"], code?: string): number {
    return this.events.filter((event) => event.kind === kind && (code === undefined || event.code === code))
      .length;
  }

  async joined(): Promise<void> {
    await this.waitForEvent((event) => event.kind === "joined", "to join");
  }

  /**
   * @param from index in {@link events} at which to begin
   * @returns index of the first event that is accepted
   * @throws {Error} when the process ends without it
   */
  async waitForEvent(accept: (event: WorkerEvent) => boolean, what: string, from = 0): Promise<number> {
    const find = (): number => this.events.findIndex((event, index) => index >= from && accept(event));
    const describe = (): string => `worker ${this.pid} ${what}; ${this.describe()}`;
    await waitFor(() => find() >= 0 || !this.isAlive, { describe });
    const found = find();
    if (found < 0) throw new Error(`waited in vain for ${describe()}`);
    return found;
  }

  /** Its last words, for messages. */
  describe(): string {
    const last = this.events.slice(-5).map((event) => JSON.stringify(event));
    return `exit ${JSON.stringify(this.#exit)}; last events:\n${last.join("\n")}\n${this.errorOutput}`;
  }
}

function parseEvent(line: string): WorkerEvent | undefined {
  try {
    return JSON.parse(line) as WorkerEvent;
  } catch {
    return undefined;
  }
}
