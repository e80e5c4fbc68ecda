// WorkerProcesses — the child processes of `weir run --workers N`: started, replaced when they crash, drained, killed.
//
// Owns:      the children, what they said last, and when to give up.
// Does not:  know jobs or Redis. Taking over the partitions of a dead child is the work of the other workers.
//
// A child ends in one of these ways:
//   with an outcome     its part is over; it is not replaced
//   with a final error  nobody else will do better: the others are drained, and the run ends with this error
//   with code 0         somebody drained it from outside; it is not replaced
//   any other way       a crash (a kill, an exit in user code, out of memory) or an error that may pass: replaced,
//                       with backoff
import { type ChildProcess, spawn } from "node:child_process";
import type { StopSignal } from "./exit-codes.ts";
import { forwardLines } from "./line-forwarder.ts";
import { decideRespawn, defaultRespawnPolicy, type RespawnPolicy } from "./respawn-policy.ts";
import { BEGIN, STANDBY_FLAG, type WorkerMessage } from "./worker-messages.ts";

export interface WorkerProcessesOptions {
  readonly count: number;
  /** Arguments of `weir` for each child. */
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly policy?: RespawnPolicy | undefined;
  /** Already started, by {@link spawnStandby}: the first ones are taken from here. */
  readonly standby?: StandbyProcesses | undefined;
  readonly onMessage: (message: WorkerMessage, pid: number) => void;
  /** @param how for people: `exit code 7` or `signal SIGKILL` */
  readonly onCrash: (crash: { pid: number; how: string; respawnInMs: number }) => void;
}

/** Why no child is left. */
export type WorkersEnd =
  | { readonly kind: "over" }
  | { readonly kind: "error"; readonly message: Extract<WorkerMessage, { kind: "error" }> }
  | { readonly kind: "crashed"; readonly crashes: number; readonly how: string };

/** Started ahead of their work: Node and the code of Weir load while the parent still reads the job. */
export interface StandbyProcesses {
  /** @returns one that lives, and now begins its work; undefined when there is none */
  take(): ChildProcess | undefined;
  /** Ends those that were not taken. */
  close(): void;
}

/** @param args as for {@link WorkerProcesses} */
export function spawnStandby(
  count: number,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): StandbyProcesses {
  const waiting = Array.from({ length: count }, () => spawnWorker([...args, STANDBY_FLAG], env));
  // One that cannot be started is not missed: another is spawned in its place, and fails where somebody listens.
  for (const child of waiting) child.on("error", () => {});
  return {
    take() {
      for (let child = waiting.shift(); child !== undefined; child = waiting.shift())
        if (child.connected && child.send(BEGIN, () => {})) return child;
      return undefined;
    },
    close() {
      for (const child of waiting.splice(0)) child.kill("SIGKILL");
    },
  };
}

function spawnWorker(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [...inheritedFlags(), process.argv[1]!, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A Ctrl-C of the terminal must reach the children once, from here, and not a second time directly.
    detached: true,
  });
}

interface Slot {
  child: ChildProcess | undefined;
  /** When its first partition ran; undefined before. */
  workingSinceMs: number | undefined;
  crashes: number;
  last: WorkerMessage | undefined;
  respawn: NodeJS.Timeout | undefined;
}

export class WorkerProcesses {
  /** Resolves when all children have ended and none will be replaced. */
  readonly ended: Promise<WorkersEnd>;
  readonly #options: WorkerProcessesOptions;
  readonly #policy: RespawnPolicy;
  readonly #slots: Slot[];
  #resolve: (end: WorkersEnd) => void = () => {};
  #end: WorkersEnd = { kind: "over" };
  #stopping = false;

  constructor(options: WorkerProcessesOptions) {
    this.#options = options;
    this.#policy = options.policy ?? defaultRespawnPolicy;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#slots = Array.from({ length: options.count }, () => ({
      child: undefined,
      workingSinceMs: undefined,
      crashes: 0,
      last: undefined,
      respawn: undefined,
    }));
  }

  start(): void {
    for (const slot of this.#slots) this.#spawn(slot);
  }

  get pids(): number[] {
    return this.#slots.flatMap(({ child }) => (child?.pid === undefined ? [] : [child.pid]));
  }

  /** Asks all children to finish their epochs and leave; none is replaced any more. */
  drain(signal: StopSignal): void {
    this.#stopping = true;
    for (const slot of this.#slots) {
      clearTimeout(slot.respawn);
      slot.respawn = undefined;
      slot.child?.kill(signal);
    }
    this.#checkEnd();
  }

  kill(): void {
    this.drain("SIGTERM");
    for (const { child } of this.#slots) child?.kill("SIGKILL");
  }

  #spawn(slot: Slot): void {
    const { args, env, stdout, stderr, standby } = this.#options;
    const child = standby?.take() ?? spawnWorker(args, env);
    slot.child = child;
    slot.last = undefined;
    slot.workingSinceMs = undefined;
    forwardLines(child.stdout!, stdout);
    forwardLines(child.stderr!, stderr);
    child.on("message", (message) => {
      if (!isWorkerMessage(message)) return;
      if (message.kind !== "event") slot.last = message;
      else if (message.event.kind === "partition-running") slot.workingSinceMs ??= performance.now();
      this.#options.onMessage(message, child.pid ?? 0);
    });
    child.on("error", (error) => {
      // A process that could not be started has no `close`.
      if (child.pid === undefined) this.#onEnd(slot, 0, error.message);
    });
    child.on("close", (code, signal) =>
      this.#onEnd(
        slot,
        child.pid ?? 0,
        signal === null ? `exit code ${code}` : `signal ${signal}`,
        code === 0,
      ),
    );
  }

  #onEnd(slot: Slot, pid: number, how: string, succeeded = false): void {
    slot.child = undefined;
    const { last } = slot;
    if (last?.kind === "error" && last.error.final) this.#finish({ kind: "error", message: last });
    else if (last?.kind !== "outcome" && !succeeded && !this.#stopping) this.#replace(slot, pid, how);
    this.#checkEnd();
  }

  #replace(slot: Slot, pid: number, how: string): void {
    const nowMs = performance.now();
    const verdict = decideRespawn(slot.crashes, nowMs - (slot.workingSinceMs ?? nowMs), this.#policy);
    slot.crashes = verdict.crashes;
    if (verdict.kind === "give-up") {
      const { last } = slot;
      // It said why each time: Redis did not answer, for example.
      if (last?.kind === "error") this.#finish({ kind: "error", message: last });
      else this.#finish({ kind: "crashed", crashes: verdict.crashes, how });
      return;
    }
    this.#options.onCrash({ pid, how, respawnInMs: verdict.delayMs });
    slot.respawn = setTimeout(() => {
      slot.respawn = undefined;
      this.#spawn(slot);
    }, verdict.delayMs);
  }

  /** The first reason counts: the others follow from it. */
  #finish(end: WorkersEnd): void {
    if (this.#end.kind === "over") this.#end = end;
    if (!this.#stopping) this.drain("SIGTERM");
  }

  #checkEnd(): void {
    if (this.#slots.every((slot) => slot.child === undefined && slot.respawn === undefined))
      this.#resolve(this.#end);
  }
}

/** Loaders and limits pass on to the children; a debugger's port cannot be shared, and each profile is asked for. */
function inheritedFlags(): string[] {
  return process.execArgv.filter((flag) => !/^--(inspect|debug|cpu-prof|heap-prof)/.test(flag));
}

function isWorkerMessage(message: unknown): message is WorkerMessage {
  const kind = (message as { kind?: unknown } | null)?.kind;
  return kind === "event" || kind === "outcome" || kind === "error";
}
