// Errors of files, read and written.
import { EngineError, type RetryScope } from "../../core/errors.ts";

/** A file cannot be opened or read. */
export class FileSourceError extends EngineError<"FILE_SOURCE"> {
  constructor(path: string, reason: string, cause?: unknown, retry: RetryScope = "never") {
    super("FILE_SOURCE", `file "${path}": ${reason}`, { retry, details: { path, reason }, cause });
  }
}

/** The contents of a file break its format in a way that hides where the next record starts. */
export class FileFormatError extends EngineError<"FILE_FORMAT"> {
  constructor(path: string, where: string, reason: string, cause?: unknown) {
    super(
      "FILE_FORMAT",
      `file "${path}", ${where}: ${reason}; what follows cannot be read, so correct the file and start again`,
      { details: { path, where, reason }, cause },
    );
  }
}

/** A sink's file no longer has what was committed to it. */
export class FileSinkTornError extends EngineError<"FILE_SINK_TORN"> {
  constructor(path: string, committedBytes: number, foundBytes: number | undefined) {
    const found = foundBytes === undefined ? "it does not exist" : `it has ${foundBytes}`;
    super(
      "FILE_SINK_TORN",
      `file "${path}": ${committedBytes} bytes were committed but ${found}; somebody moved or shortened it, or the machine ` +
        "lost writes (option fsync prevents that): bring the file back, or start the job anew",
      { details: { path, committedBytes, foundBytes } },
    );
  }
}

/** A sink's file cannot be written. */
export class FileSinkError extends EngineError<"FILE_SINK"> {
  constructor(path: string, reason: string, cause?: unknown) {
    super("FILE_SINK", `file "${path}": ${reason}`, {
      retry: "partition",
      details: { path, reason },
      cause,
    });
  }
}

/** What the operating system says about a failed file operation, in words. */
export function describeFileFailure(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "ENOENT":
      return `it does not exist; relative paths start where the worker was started, here ${process.cwd()}`;
    case "EISDIR":
      return "it is a directory; give the path of a file";
    case "EACCES":
    case "EPERM":
      return "permission denied; check its owner and mode, and those of its directory";
    case "ENOSPC":
      return "no space left on the device; make room";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
