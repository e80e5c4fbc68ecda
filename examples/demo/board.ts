// Board — what the demo shows: a table per day as its windows close, and how the job gets on.
//
// On a terminal the progress stands below the tables and is drawn over again; elsewhere it is a line now and then.
import { styleText } from "node:util";
import type { JobPlan, WorkerReport } from "weir";
import { formatCount } from "../../src/cli/figures.ts";
import { LiveTable } from "../../src/cli/live-table.ts";
import { usesColor } from "../../src/cli/output.ts";
import { ProgressMeter, type StageProgress } from "../../src/cli/progress-meter.ts";
import { formatLiveTable } from "../../src/cli/progress-text.ts";
import { formatDay } from "./day-table.ts";
import type { Ranking } from "./job.ts";

const MAX_WIDTH = 100;
const LINE_EVERY_MS = 5_000;

export interface BoardOptions {
  readonly plan: JobPlan;
  /** What is replayed. */
  readonly flights: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly speed: number;
}

export class Board {
  readonly #options: BoardOptions;
  readonly #meter: ProgressMeter;
  readonly #live: LiveTable | undefined;
  readonly #colors: boolean = usesColor(process.stdout);
  #startMs = Date.now();
  #lines: readonly string[] = [];
  #lineAtMs = LINE_EVERY_MS;
  #departed = 0;
  #day = "";

  constructor(options: BoardOptions) {
    this.#options = options;
    this.#meter = new ProgressMeter(
      options.plan.stages.map(({ id, partitions, source }) => ({
        id,
        partitions,
        isSource: source !== undefined,
      })),
    );
    if (process.stdout.isTTY && process.stderr.isTTY)
      this.#live = new LiveTable(process.stderr, [process.stdout]);
  }

  /** Since {@link begin}. */
  get elapsedMs(): number {
    return Date.now() - this.#startMs;
  }

  /** The replay starts now. */
  begin(): void {
    this.#startMs = Date.now();
  }

  /** A day is over. */
  showDay(ranking: Ranking): void {
    this.#departed += ranking.flights;
    this.#day = ranking.day;
    this.#print(formatDay(ranking, this.#width, this.#colors));
  }

  /** Something that must not be missed. */
  tell(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const text = lines.map((line) => `── ${line}`).join("\n");
    this.#print(`${this.#colors ? styleText(["bold", "cyan"], text) : text}\n\n`);
  }

  /** @param workers the latest report of each worker that lives */
  showProgress(status: string, workers: readonly WorkerReport[]): void {
    const stages = this.#meter.observe(workers, Date.now()).map((stage) => this.#inReplayTime(stage));
    const elapsedMs = this.elapsedMs;
    const job = this.#options.plan.job;
    const [head = "", titles = "", ...rows] = formatLiveTable(
      { job, status, elapsedMs, workers: workers.length, stages },
      this.#width,
    );
    if (this.#live !== undefined) {
      this.#lines = this.#colors
        ? [this.#bar(), styleText("bold", head), styleText("dim", titles), ...rows]
        : [this.#bar(), head, titles, ...rows];
      this.#live.show(this.#lines);
    } else if (elapsedMs >= this.#lineAtMs) {
      this.#lineAtMs = elapsedMs + LINE_EVERY_MS;
      this.#print(`${[this.#bar(), titles, ...rows].join("\n")}\n\n`);
    }
  }

  close(): void {
    this.#live?.close();
  }

  get #width(): number {
    return Math.min(MAX_WIDTH, process.stdout.columns ?? MAX_WIDTH);
  }

  #print(text: string): void {
    process.stdout.write(text);
    if (this.#lines.length > 0) this.#live?.show(this.#lines);
  }

  #bar(): string {
    const { flights } = this.#options;
    const count = `${this.#day.padEnd(10)}  ${formatCount(this.#departed).padStart(6)} of ${formatCount(flights)} flights`;
    const width = Math.max(10, Math.min(40, this.#width - count.length - 2));
    const full = Math.round((width * this.#departed) / flights);
    return `${"█".repeat(full)}${"░".repeat(width - full)}  ${count}`;
  }

  /** A watermark of 2001 is decades behind the clock; what counts is how far it is behind the replay. */
  #inReplayTime(stage: StageProgress): StageProgress {
    const { firstMs, lastMs, speed } = this.#options;
    const replayedMs = Math.min(lastMs, firstMs + this.elapsedMs * speed);
    if (stage.watermark === null || !Number.isFinite(speed)) return { ...stage, watermarkDelayMs: null };
    return { ...stage, watermarkDelayMs: Math.max(0, replayedMs - stage.watermark) / speed };
  }
}
