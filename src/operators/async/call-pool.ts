// CallPool — makes calls to the outside: a bounded number at once, each with a time limit and repeats.
//
// Owns:      which calls are under way, which wait for a free place or for their next attempt; the time limits.
// Does not:  know records; act outside of the partition's turns: what arrives between waits for `advance`.
//
// Law Y4  At most `concurrency` calls are under way at any moment; one that waits for its next attempt counts.
//
// A call that never answers costs its place until the time limit, no longer: its attempt is over then, whatever its
// promise does later. All attempts have the same limit, so they reach it in the order in which they began, and one
// alarm for the oldest is enough.
import type { Clock } from "../../core/clock.ts";
import { EngineError, isEngineError, toError } from "../../core/errors.ts";
import { Attempt } from "./attempt.ts";

export interface RetryPolicy {
  /** Attempts in all, >= 1. */
  readonly attempts: number;
  /** Wait before the second attempt; doubles with each further one. */
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
  /** Whether another attempt may help. @param attempt number of the one that failed, from 1 */
  readonly when: ((error: Error, attempt: number) => boolean) | undefined;
}

export interface CallLimits {
  readonly concurrency: number;
  /** For one attempt. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
}

/** What is called, and who takes the answers. All of it runs in turns of the partition. */
export interface Caller<T> {
  /** @returns the result, or a promise of it; may throw */
  call(item: T, attempt: Attempt<T>): unknown;
  succeeded(item: T, result: unknown): void;
  /** After the last attempt. */
  failed(item: T, error: Error): void;
}

/** A call to the outside took longer than its operator allows. */
export class AsyncTimeoutError extends EngineError<"ASYNC_TIMEOUT"> {
  constructor(operator: string, timeoutMs: number, attempts: number) {
    super(
      "ASYNC_TIMEOUT",
      `operator "${operator}": a call was not answered within ${timeoutMs} ms, at attempt ${attempts}; ` +
        'raise the option timeout, add a retry, or set onError to "skip" or "deadLetter" to go on without such records',
      { retry: "operation", details: { operator, timeoutMs, attempts } },
    );
  }
}

interface Repeat<T> {
  readonly item: T;
  readonly attempt: number;
  readonly dueMs: number;
}

/** What of it is told to people. */
export interface CallCounts {
  /** Calls that hold a place: under way, or waiting for their next attempt. */
  readonly inFlight: number;
  /** Attempts that followed a failed one. */
  readonly retries: number;
  /** Attempts that were given up because they took too long. */
  readonly timeouts: number;
}

export interface CallPoolParts<T> {
  readonly operator: string;
  readonly limits: CallLimits;
  readonly clock: Clock;
  readonly caller: Caller<T>;
  readonly wake: () => void;
}

export class CallPool<T> implements CallCounts {
  readonly #parts: CallPoolParts<T>;
  /** No place was free for these; from `#next` on. */
  #waiting: T[] = [];
  #next = 0;
  #underWay = 0;
  #oldest: Attempt<T> | undefined;
  #newest: Attempt<T> | undefined;
  #arrived: Attempt<T>[] = [];
  /** In the order of their times. */
  readonly #repeats: Repeat<T>[] = [];
  #alarmMs = Number.POSITIVE_INFINITY;
  #cancelAlarm: (() => void) | undefined;
  #hasRung = false;
  #isClosed = false;
  #retries = 0;
  #timeouts = 0;

  constructor(parts: CallPoolParts<T>) {
    this.#parts = parts;
  }

  /** Calls that hold a place, and those that wait for one. */
  get size(): number {
    return this.#underWay + this.#waiting.length - this.#next;
  }

  get inFlight(): number {
    return this.#underWay;
  }

  get retries(): number {
    return this.#retries;
  }

  get timeouts(): number {
    return this.#timeouts;
  }

  get isDue(): boolean {
    return this.#arrived.length > 0 || this.#hasRung;
  }

  /** Makes the call now, or when a place is free. */
  submit(item: T): void {
    if (this.#underWay < this.#parts.limits.concurrency && this.#next === this.#waiting.length) {
      this.#underWay++;
      this.#begin(item, 1);
      this.#arm();
    } else {
      this.#waiting.push(item);
    }
  }

  /** Takes the answers that have come, gives up what takes too long, and makes the next calls. */
  advance(): void {
    this.#takeArrivals();
    this.#hasRung = false;
    const nowMs = this.#parts.clock.monotonicMs();
    while (this.#oldest !== undefined && this.#oldest.deadlineMs <= nowMs) this.#timeOut(this.#oldest);
    while (this.#repeats.length > 0 && this.#repeats[0]!.dueMs <= nowMs) {
      const { item, attempt } = this.#repeats.shift()!;
      this.#retries++;
      this.#begin(item, attempt);
    }
    while (this.#underWay < this.#parts.limits.concurrency && this.#next < this.#waiting.length) {
      const item = this.#waiting[this.#next++]!;
      if (this.#next === this.#waiting.length) {
        this.#waiting = [];
        this.#next = 0;
      }
      this.#underWay++;
      this.#begin(item, 1);
    }
    this.#arm();
  }

  /** Gives up everything; nobody is told but the functions, by their signals. */
  close(): void {
    this.#isClosed = true;
    this.#cancelAlarm?.();
    const reason = new Error("the partition has stopped");
    for (let each = this.#oldest; each !== undefined; each = each.after) each.giveUp(reason);
  }

  #begin(item: T, number: number): void {
    const { caller, clock, limits } = this.#parts;
    const attempt = new Attempt(item, number, clock.monotonicMs() + limits.timeoutMs);
    let result: unknown;
    try {
      result = caller.call(item, attempt);
    } catch (thrown) {
      this.#retry(item, number, toError(thrown));
      return;
    }
    if (!isThenable(result)) {
      this.#underWay--;
      caller.succeeded(item, result);
      return;
    }
    this.#link(attempt);
    result.then(
      (value) => this.#onSettled(attempt, false, value),
      (thrown: unknown) => this.#onSettled(attempt, true, thrown),
    );
  }

  /** Runs between turns. */
  #onSettled(attempt: Attempt<T>, failed: boolean, outcome: unknown): void {
    if (attempt.isOver || this.#isClosed) return;
    attempt.outcome = outcome;
    attempt.failed = failed;
    this.#arrived.push(attempt);
    if (this.#arrived.length === 1) this.#parts.wake();
  }

  #takeArrivals(): void {
    const arrived = this.#arrived;
    if (arrived.length === 0) return;
    this.#arrived = [];
    for (let i = 0; i < arrived.length; i++) {
      const attempt = arrived[i]!;
      attempt.isOver = true;
      this.#unlink(attempt);
      if (attempt.failed) {
        this.#retry(attempt.item, attempt.number, toError(attempt.outcome));
      } else {
        this.#underWay--;
        this.#parts.caller.succeeded(attempt.item, attempt.outcome);
      }
    }
  }

  #timeOut(attempt: Attempt<T>): void {
    const { operator, limits } = this.#parts;
    this.#timeouts++;
    this.#unlink(attempt);
    const error = new AsyncTimeoutError(operator, limits.timeoutMs, attempt.number);
    attempt.giveUp(error);
    this.#retry(attempt.item, attempt.number, error);
  }

  #retry(item: T, number: number, error: Error): void {
    const { caller, clock, limits } = this.#parts;
    let reason = error;
    try {
      if (number < limits.retry.attempts && mayHelp(limits.retry, error, number)) {
        const { backoffMs, maxBackoffMs } = limits.retry;
        const dueMs = clock.monotonicMs() + Math.min(backoffMs * 2 ** (number - 1), maxBackoffMs);
        this.#repeatAt({ item, attempt: number + 1, dueMs });
        return;
      }
    } catch (thrown) {
      reason = toError(thrown);
    }
    this.#underWay--;
    caller.failed(item, reason);
  }

  #repeatAt(repeat: Repeat<T>): void {
    let at = this.#repeats.length;
    while (at > 0 && this.#repeats[at - 1]!.dueMs > repeat.dueMs) at--;
    this.#repeats.splice(at, 0, repeat);
  }

  #link(attempt: Attempt<T>): void {
    attempt.before = this.#newest;
    if (this.#newest === undefined) this.#oldest = attempt;
    else this.#newest.after = attempt;
    this.#newest = attempt;
  }

  #unlink(attempt: Attempt<T>): void {
    const { before, after } = attempt;
    if (before === undefined) this.#oldest = after;
    else before.after = after;
    if (after === undefined) this.#newest = before;
    else after.before = before;
    attempt.before = undefined;
    attempt.after = undefined;
  }

  /** One alarm, never later than what is due first: one that rings too early is set again. */
  #arm(): void {
    const dueMs = Math.min(
      this.#oldest?.deadlineMs ?? Number.POSITIVE_INFINITY,
      this.#repeats[0]?.dueMs ?? Number.POSITIVE_INFINITY,
    );
    if (dueMs >= this.#alarmMs) return;
    this.#cancelAlarm?.();
    this.#alarmMs = dueMs;
    const { clock, wake } = this.#parts;
    this.#cancelAlarm = clock.after(Math.max(1, Math.ceil(dueMs - clock.monotonicMs())), () => {
      this.#alarmMs = Number.POSITIVE_INFINITY;
      this.#cancelAlarm = undefined;
      this.#hasRung = true;
      wake();
    });
  }
}

/** Errors of Weir say themselves whether repeating can help. */
function mayHelp({ when }: RetryPolicy, error: Error, attempt: number): boolean {
  if (isEngineError(error) && error.retry === "never") return false;
  return when === undefined || when(error, attempt);
}

function isThenable(result: unknown): result is PromiseLike<unknown> {
  return (
    result instanceof Promise ||
    (typeof result === "object" &&
      result !== null &&
      typeof (result as { then?: unknown }).then === "function")
  );
}
