// ErrorReport — an error as the command line shows it: one line for people, an object for programs.
import { isEngineError, toError } from "../core/errors.ts";

export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** Whether the error itself says that trying again is pointless. */
  readonly final: boolean;
  /** Stacks of the error and of its causes, for `--verbose`. */
  readonly stack: string;
}

export function reportOf(thrown: unknown): ErrorReport {
  const error = toError(thrown);
  if (isEngineError(error)) {
    const { code, message, details, retry } = error;
    return { code, message, details, final: retry === "never", stack: stackOf(error) };
  }
  const { code } = error as { code?: unknown };
  return {
    code: typeof code === "string" ? code : "UNEXPECTED",
    message: error.message === "" ? error.name : error.message,
    details: {},
    final: true,
    stack: stackOf(error),
  };
}

/** @returns text that ends without a line break */
export function formatError(report: ErrorReport, options: { verbose: boolean }): string {
  const line = `weir: ${report.message} [${report.code}]`;
  return options.verbose ? `${line}\n${report.stack}` : line;
}

/** JSON that fits one line; details that JSON cannot hold become text. */
export function errorObject(report: ErrorReport): { readonly error: object } {
  const { code, message, details } = report;
  return { error: { code, message, details: plain(details) } };
}

function plain(details: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(JSON.stringify(details, (_key, value: unknown) => toPlain(value)));
  } catch {
    return String(details);
  }
}

function toPlain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Error ? value.message : value;
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
