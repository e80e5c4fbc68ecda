// The `weir` command as a real process, as it is built.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, onTestFinished, type TestContext } from "vitest";
import { ensureBuilt, WEIR } from "../support/built-weir.ts";
import { type WaitForOptions, waitFor } from "../support/wait-for.ts";

// In every test file that imports this one.
beforeAll(ensureBuilt);

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
  until<T>(what: string, condition: () => T | Promise<T>): ReturnType<typeof waitFor<T>> {
    const describe: WaitForOptions["describe"] = () =>
      `${what}; it printed:\n${this.#stdout}\n${this.#stderr}`;
    return waitFor(condition, { deadlineMs: 120_000, describe, intervalMs: 50 });
  }
}

/**
 * Starts `weir`; it is killed when the test is over, if it still runs.
 *
 * @param onFinished of the test's own context, where tests run at the same time
 */
export function startWeir(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  onFinished: TestContext["onTestFinished"] = onTestFinished,
): WeirProcess {
  const child = spawn(process.execPath, [WEIR, ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "1", WEIR_REDIS_URL: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const started = new WeirProcess(child);
  onFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await started.ended;
  });
  return started;
}

export function weir(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return startWeir(args, env).ended;
}

export interface Hold {
  /** For the environment of the command. */
  readonly env: { readonly WEIR_TEST_HOLD: string };
  /** Lets the held source go on. */
  release(): Promise<void>;
}

/** Makes the source of jobs/window-counts.mjs stop after its first records until `release`, or the end of the test. */
export async function holdSource(): Promise<Hold> {
  const folder = await mkdtemp(join(tmpdir(), "weir-hold-"));
  const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
  onTestFinished(release);
  const file = join(folder, "hold");
  await writeFile(file, "");
  return { env: { WEIR_TEST_HOLD: file }, release };
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
