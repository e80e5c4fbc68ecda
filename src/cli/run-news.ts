// RunNews — how the news of a run is shown, whoever does the work.
import type { Output } from "./output.ts";
import { formatSummary, type RunSummary, summaryObject } from "./progress-text.ts";
import { type EventNotice, isNoteworthy, noticeText } from "./worker-messages.ts";

/** The same kind of trouble comes again with every attempt and from every worker: for people, now and then is enough. */
const REPEAT_MS = 2_000;

export class RunNews {
  readonly #output: Output;
  readonly #shownMs = new Map<EventNotice["kind"], number>();
  #restarts = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Partitions and worker processes that were started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** @param worker process id of the child that it happened in */
  notice(notice: EventNotice, worker?: number): void {
    if (notice.kind === "partition-restart") this.#restarts++;
    showNotice(this.#output, notice, worker, isNoteworthy(notice) && this.#isDue(notice.kind));
  }

  crash(pid: number, how: string, respawnInMs: number): void {
    this.#restarts++;
    this.#output.note(`worker ${pid} ended with ${how}; another one starts in ${respawnInMs} ms`, {
      event: { kind: "worker-crash", pid, how, respawnInMs },
    });
  }

  /** People read it beside the progress, on stderr; programs find it as the last line of stdout, also when quiet. */
  summary(summary: RunSummary): void {
    if (this.#output.json) this.#output.result("", summaryObject(summary));
    else this.#output.note(formatSummary(summary), {});
  }

  #isDue(kind: EventNotice["kind"]): boolean {
    const nowMs = performance.now();
    if (nowMs - (this.#shownMs.get(kind) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return false;
    this.#shownMs.set(kind, nowMs);
    return true;
  }
}

/**
 * @param worker process id of the child that it happened in
 * @param forEverybody false: only `--verbose` and programs see it
 */
export function showNotice(
  output: Output,
  notice: EventNotice,
  worker?: number,
  forEverybody: boolean = isNoteworthy(notice),
): void {
  const text = worker === undefined ? noticeText(notice) : `worker ${worker}: ${noticeText(notice)}`;
  const object = { event: worker === undefined ? notice : { ...notice, pid: worker } };
  if (forEverybody) output.note(text, object);
  else output.detail(text, object);
}
