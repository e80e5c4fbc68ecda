// ProgressDisplay — shows a job's progress as it goes: a table on a terminal, lines elsewhere, JSON for programs.
import { styleText } from "node:util";
import { toError } from "../core/errors.ts";
import { LiveTable } from "./live-table.ts";
import { type Output, usesColor } from "./output.ts";
import { formatLiveTable, formatPlainLines, type JobProgress, progressObject } from "./progress-text.ts";

/** The table; people see movement, and workers report as often. */
const LIVE_INTERVAL_MS = 500;
/** Lines: often enough to follow, seldom enough to keep. */
const LINE_INTERVAL_MS = 2_000;

export class ProgressDisplay {
  readonly #output: Output;
  readonly #look: () => Promise<JobProgress | undefined>;
  readonly #table: LiveTable | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lineAtMs: number;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param look what to show now; undefined when nothing is known yet */
  constructor(output: Output, look: () => Promise<JobProgress | undefined>) {
    this.#output = output;
    this.#look = look;
    this.#lineAtMs = performance.now() + LINE_INTERVAL_MS;
    if (output.stderr.isTTY === true && !output.quiet && !output.json)
      this.#table = new LiveTable(output.stderr, [output.stdout]);
  }

  /** Looks even when nothing is shown: totals are counted from what is seen on the way. */
  start(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#update().finally(() => {
        if (!this.#closed) this.start();
      });
    }, LIVE_INTERVAL_MS);
  }

  /** Takes the table away. No look is under way when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
    this.#table?.close();
  }

  async #update(): Promise<void> {
    let progress: JobProgress | undefined;
    try {
      progress = await this.#look();
    } catch (thrown) {
      // Whether the job can go on is for its workers to say; a look that fails is shown and tried again.
      const { message } = toError(thrown);
      this.#output.detail(`no figures: ${message}`, { event: { kind: "no-figures", message } });
      return;
    }
    if (progress === undefined || this.#closed) return;
    if (this.#table !== undefined) this.#draw(this.#table, progress);
    else this.#print(progress);
  }

  #draw(table: LiveTable, progress: JobProgress): void {
    const [head = "", titles = "", ...rows] = formatLiveTable(progress, table.columns);
    if (usesColor(this.#output.stderr))
      table.show([styleText("bold", head), styleText("dim", titles), ...rows]);
    else table.show([head, titles, ...rows]);
  }

  #print(progress: JobProgress): void {
    const { json } = this.#output;
    if (performance.now() < this.#lineAtMs && !json) return;
    this.#lineAtMs = performance.now() + LINE_INTERVAL_MS;
    const object = progressObject(progress);
    if (json) this.#output.note("", object);
    else for (const line of formatPlainLines(progress)) this.#output.note(line, object);
  }
}
