import { setTimeout as sleep } from "node:timers/promises";

export interface WaitForOptions {
  /**
   * Milliseconds after which the wait fails. Default 120,000: a condition that comes true costs none of it, and a slow
   * machine is no fault. Give another only where the time itself is what is tested.
   */
  readonly deadlineMs?: number;
  /** What is awaited, for the error: "the take-over of count.1". A function is asked when the wait fails. */
  readonly describe: string | (() => string);
  /** Pause between two looks, in ms. Default 10: short beside any deadline, long beside one look. */
  readonly intervalMs?: number;
}

/** The condition did not come true before its deadline. `cause` is the last error that the condition threw. */
export class WaitDeadlineError extends Error {
  override readonly name: string = "WaitDeadlineError";
}

const DEFAULT_DEADLINE_MS = 120_000;

type Truthy<T> = Exclude<T, false | 0 | 0n | "" | null | undefined>;

/**
 * Looks at a condition again and again until it is truthy; the only legitimate way for a test to wait.
 *
 * A condition that throws counts as not yet true. A condition that never settles is given up at the deadline.
 *
 * @returns the first truthy value of the condition
 * @throws {WaitDeadlineError} when the deadline passes; it says what was awaited and what was seen last
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitForOptions,
): Promise<Truthy<Awaited<T>>> {
  const { deadlineMs = DEFAULT_DEADLINE_MS, describe, intervalMs = 10 } = options;
  const startedMs = performance.now();
  let lastSeen: unknown;
  let lastError: unknown;
  for (;;) {
    const remainingMs = deadlineMs - (performance.now() - startedMs);
    const look = await lookOnce(condition, Math.max(remainingMs, 1));
    if (look.kind === "value") {
      if (look.value) return look.value as Truthy<Awaited<T>>;
      lastSeen = look.value;
      lastError = undefined;
    } else if (look.kind === "error") {
      lastError = look.error;
    }
    if (look.kind === "silent" || performance.now() - startedMs >= deadlineMs) {
      const what = typeof describe === "string" ? describe : describe();
      throw new WaitDeadlineError(
        `waited ${deadlineMs} ms for ${what}; ${account(look, lastSeen, lastError)}`,
        lastError === undefined ? {} : { cause: lastError },
      );
    }
    await sleep(intervalMs);
  }
}

type Look<T> =
  | { readonly kind: "value"; readonly value: T }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "silent" };

async function lookOnce<T>(condition: () => T | Promise<T>, limitMs: number): Promise<Look<T>> {
  const timer = new AbortController();
  const silent = sleep(limitMs, { kind: "silent" } as const, { signal: timer.signal, ref: true });
  silent.catch(() => undefined); // aborted below, once the condition has answered
  const answer = (async (): Promise<Look<T>> => {
    try {
      return { kind: "value", value: await condition() };
    } catch (error) {
      return { kind: "error", error };
    }
  })();
  const look = await Promise.race([answer, silent]);
  timer.abort();
  return look;
}

function account(look: Look<unknown>, lastSeen: unknown, lastError: unknown): string {
  if (look.kind === "silent") return "the condition itself did not answer";
  if (lastError !== undefined) return `the last look threw: ${String(lastError)}`;
  return `the last look saw ${JSON.stringify(lastSeen) ?? String(lastSeen)}`;
}
