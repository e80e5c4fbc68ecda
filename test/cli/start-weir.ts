// The `weir` command as a real process, from the sources.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type WaitForOptions, waitFor } from "../support/wait-for.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class WeirProcess {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (code) => resolve({ code, stdout: this.#stdout, stderr: this.#stderr }));
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Closes our end of its standard output. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  /** Waits for what it prints or does; the error shows what it printed so far. */
  until<T>(
    what: string,
    condition: () => T | Promise<T>,
    deadlineMs = 30_000,
  ): ReturnType<typeof waitFor<T>> {
    const describe: WaitForOptions["describe"] = () =>
      `${what}; it printed:\n${this.#stdout}\n${this.#stderr}`;
    return waitFor(condition, { deadlineMs, describe, intervalMs: 50 });
  }
}

/** Starts `weir`; it is killed when the test is over, if it still runs. */
export function startWeir(args: readonly string[], env: Readonly<Record<string, string>> = {}): WeirProcess {
  const child = spawn(process.execPath, ["--import", "tsx", MAIN, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", WEIR_REDIS_URL: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const started = new WeirProcess(child);
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await started.ended;
  });
  return started;
}

export function weir(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return startWeir(args, env).ended;
}

export function jobFile(name: string): string {
  return fileURLToPath(new URL(`./jobs/${name}`, import.meta.url));
}

/** Lines without the empty one at the end, sorted: partitions print in any order. */
export function sortedLines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .sort();
}

/** The JSON objects of a text with one per line. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
