// What a worker process tells the `weir run` that started it, over the channel of child_process. Plain JSON.
import type { RunEvent, WorkerReport } from "../runtime/reports.ts";
import { type ErrorReport, reportOf } from "./error-report.ts";
import { exitCodeFor } from "./exit-codes.ts";

export type WorkerMessage =
  | { readonly kind: "event"; readonly event: EventNotice }
  /** This worker's part is over. `drained`: by a signal, the job goes on elsewhere or later. */
  | { readonly kind: "outcome"; readonly status: string; readonly report: WorkerReport | undefined }
  | { readonly kind: "error"; readonly error: ErrorReport; readonly report: WorkerReport | undefined };

/** Makes a managed worker wait for {@link BEGIN} before it reads the job. */
export const STANDBY_FLAG = "--standby";
/** What the parent says to a worker that stands by. */
export const BEGIN = "begin";

/** Waits until the parent wants the work. @returns false when the parent is gone */
export function beginAsked(): Promise<boolean> {
  // It may have gone while this process was loading.
  if (!process.connected) return Promise.resolve(false);
  return new Promise((resolve) => {
    process.once("message", () => resolve(true));
    process.once("disconnect", () => resolve(false));
  });
}

/** A RunEvent without its Error object. */
export interface EventNotice {
  readonly kind: RunEvent["kind"];
  readonly partition?: string;
  readonly message?: string;
  readonly delayMs?: number;
}

export function noticeOf(event: RunEvent): EventNotice {
  switch (event.kind) {
    case "partition-running":
    case "partition-ended":
      return { kind: event.kind, partition: event.partition };
    case "partition-restart":
      return {
        ...{ kind: event.kind, partition: event.partition },
        ...{ message: event.error.message, delayMs: event.delayMs },
      };
    case "commit-refused":
      return { kind: event.kind, partition: event.partition, message: event.reason };
    case "job-failing":
      return {
        kind: event.kind,
        message: event.error.message,
        ...(event.partition === undefined ? {} : { partition: event.partition }),
      };
    case "session-lost":
    case "control-plane-lost":
      return { kind: event.kind, message: event.error.message };
  }
}

const NOTEWORTHY: ReadonlySet<EventNotice["kind"]> = new Set([
  "partition-restart",
  "commit-refused",
  "session-lost",
  "control-plane-lost",
]);

/** Whether people want to know without having asked. */
export function isNoteworthy(notice: EventNotice): boolean {
  return NOTEWORTHY.has(notice.kind);
}

export function noticeText(notice: EventNotice): string {
  switch (notice.kind) {
    case "partition-running":
      return `partition ${notice.partition} runs`;
    case "partition-ended":
      return `partition ${notice.partition} has ended`;
    case "partition-restart":
      return `partition ${notice.partition} failed and starts again in ${notice.delayMs} ms: ${notice.message}`;
    case "commit-refused":
      return `Redis refuses the commits of partition ${notice.partition}, trying again: ${notice.message}`;
    case "job-failing":
      return `the job fails: ${notice.message}`;
    case "session-lost":
      return `the link to Redis is over and a new one is opened: ${notice.message}`;
    case "control-plane-lost":
      return `Redis does not answer, trying again: ${notice.message}`;
  }
}

/** Resolves when the message is on its way, so that the process may end; a parent that is gone is no obstacle. */
export function tellParent(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/** @returns the exit code of a worker that ends with this error */
export async function tellError(thrown: unknown, report?: WorkerReport): Promise<number> {
  const error = reportOf(thrown);
  await tellParent({ kind: "error", error, report });
  return exitCodeFor(error.code);
}
