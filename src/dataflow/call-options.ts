// Options of requests to the outside — what asyncMap, asyncFlatMap and lookup have in common, with and without keys.
import { type Codec, msgpackCodec } from "../core/codec.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { CallLimits, RetryPolicy } from "../operators/async/call-pool.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import { quote } from "./nodes/logical-node.ts";
import type { OperatorOptions } from "./stream-options.ts";

/** When and how often a request that failed, or took too long, is made again. */
export interface RetryOptions {
  /** Attempts in all, at least 1. */
  readonly attempts: number;
  /** Wait before the second attempt; doubles with each further one. Default 100 ms. */
  readonly backoff?: Duration | undefined;
  /** Upper bound of the wait. Default 10 s. */
  readonly maxBackoff?: Duration | undefined;
  /** Whether another attempt may help. Default: always. @param attempt number of the one that failed, from 1 */
  readonly when?: ((error: Error, attempt: number) => boolean) | undefined;
}

export interface CallOptions extends OperatorOptions {
  /** How long one attempt may take; then its signal is aborted. Default 30 s. */
  readonly timeout?: Duration | undefined;
  /** Default: none. What fails in the end is subject to `onError`. */
  readonly retry?: RetryOptions | undefined;
}

/** What all of them share, read from the options. */
export interface CallSettings {
  readonly codec: Codec<unknown>;
  readonly limits: CallLimits;
}

const NO_RETRY: RetryPolicy = { attempts: 1, backoffMs: 0, maxBackoffMs: 0, when: undefined };
/** Stands in for the options of a call that is refused. */
export const REFUSED_CALL: CallSettings = {
  codec: msgpackCodec,
  limits: { concurrency: 1, timeoutMs: 1, retry: NO_RETRY },
};

/** Names of the options that all of them have. */
export const CALL_OPTIONS = [
  "order",
  "timeout",
  "retry",
  "codec",
  "concurrency",
  "parallelism",
  "onError",
] as const;

export function readCallOptions(
  owner: string,
  options: CallOptions & { readonly codec?: Codec<unknown> | undefined },
  concurrency: number,
): CallSettings {
  const { timeout = "30s", retry, codec = msgpackCodec } = options;
  checkWholeNumber(owner, "concurrency", concurrency, 1);
  const { encode, decode } = (codec ?? {}) as Partial<Codec<unknown>>;
  if (typeof encode !== "function" || typeof decode !== "function")
    throw new InvalidOptionError(owner, "codec", codec, "a Codec, or leave the option out");
  const timeoutMs = parseDuration(timeout, `${owner}: option "timeout"`, "positive");
  return {
    codec: codec as Codec<unknown>,
    limits: { concurrency, timeoutMs, retry: readRetry(`${owner}, retry`, retry) },
  };
}

function readRetry(owner: string, options: RetryOptions | undefined): RetryPolicy {
  if (options === undefined) return NO_RETRY;
  checkOptions(owner, options, ["attempts", "backoff", "maxBackoff", "when"]);
  const { attempts, backoff = 100, maxBackoff = "10s", when } = options;
  if (attempts === undefined)
    throw new InvalidOptionError(owner, "attempts", attempts, "a whole number of at least 1");
  checkWholeNumber(owner, "attempts", attempts, 1);
  if (when !== undefined && typeof when !== "function")
    throw new InvalidOptionError(owner, "when", when, "a function (error, attempt) => true or false");
  return {
    attempts,
    backoffMs: parseDuration(backoff, `${owner}: option "backoff"`),
    maxBackoffMs: parseDuration(maxBackoff, `${owner}: option "maxBackoff"`),
    when,
  };
}

export function checkOneOf(owner: string, option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value))
    throw new InvalidOptionError(owner, option, value, known.map((each) => `"${each}"`).join(" or "));
}

/** Reports what is no function. Async or not, but a generator function answers with something that nobody runs. */
export function checkAsyncFunction(
  recorder: GraphRecorder,
  owner: string,
  what: string,
  fn: unknown,
  example: string,
): void {
  if (typeof fn === "function" && !fn.constructor.name.endsWith("GeneratorFunction")) return;
  const given = typeof fn === "function" ? "a generator" : quote(fn);
  recorder.report({
    code: "INVALID_FUNCTION",
    subject: owner,
    message: `${owner}: ${what} is ${given}; give a function that returns its result or a promise, for example ${example}`,
  });
}
