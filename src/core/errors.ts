// EngineError — the one root of every error Weir throws; `retry` tells the runtime what may be tried again.

/**
 * What the runtime may repeat after an error.
 *
 * - `never`: repeating cannot help; the job (or the command) ends with this error.
 * - `operation`: the same call may be sent again as it is; nothing happened.
 * - `partition`: drop the partition's heap and attach again; its committed state is right.
 * - `job`: every partition must attach again.
 */
export type RetryScope = "never" | "operation" | "partition" | "job";

export interface EngineErrorOptions {
  /** Default `never`. */
  readonly retry?: RetryScope;
  /** The values the message names, for logs and programs. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/**
 * Base class of all errors of Weir.
 *
 * The message names the thing, the value and what to do. `code` is stable and documented in `docs/errors.md`.
 */
export class EngineError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly retry: RetryScope;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: EngineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.retry = options.retry ?? "never";
    this.details = options.details ?? {};
  }
}

/**
 * Whether this is an error of Weir. By shape, not by class: a job file may bring another copy of the package, whose
 * errors say the same.
 */
export function isEngineError(thrown: unknown): thrown is EngineError {
  if (!(thrown instanceof Error)) return false;
  const { code, retry, details } = thrown as Partial<EngineError>;
  return (
    typeof code === "string" && typeof retry === "string" && typeof details === "object" && details !== null
  );
}

/** A law of the engine does not hold: a defect in Weir, never in user code. */
export class InvariantError extends EngineError<"INVARIANT"> {
  constructor(law: string, details: Readonly<Record<string, unknown>> = {}) {
    super("INVARIANT", `invariant broken: ${law} (${JSON.stringify(details)}); please report this as a bug`, {
      details: { law, ...details },
    });
  }
}

/** Throws InvariantError when `condition` is false. For laws only, never for user input. */
export function invariant(
  condition: boolean,
  law: string,
  details?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new InvariantError(law, details);
}

/** Anything thrown, as an Error; keeps the original when it is one. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
