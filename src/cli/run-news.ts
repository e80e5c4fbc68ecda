// How the news of a run is shown, whoever does the work.
import type { Output } from "./output.ts";
import { formatSummary, type RunSummary, summaryObject } from "./progress-text.ts";
import { type EventNotice, isNoteworthy, noticeText } from "./worker-messages.ts";

/** @param worker process id of the child that it happened in */
export function showNotice(output: Output, notice: EventNotice, worker?: number): void {
  const text = worker === undefined ? noticeText(notice) : `worker ${worker}: ${noticeText(notice)}`;
  const object = { event: worker === undefined ? notice : { ...notice, pid: worker } };
  if (isNoteworthy(notice)) output.note(text, object);
  else output.detail(text, object);
}

/**
 * People read it beside the progress, on stderr; programs find it as the last line of stdout, also when quiet.
 */
export function showSummary(output: Output, summary: RunSummary): void {
  if (output.json) output.result("", summaryObject(summary));
  else output.note(formatSummary(summary), {});
}
