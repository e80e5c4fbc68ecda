// The demo without any service: the whole job in this process.
import { Writable } from "node:stream";
import { collect, connect, type Job } from "weir";
import { console as consoleSink } from "weir/connectors/console";
import type { Board } from "./board.ts";
import { type AirportDay, airportDelays, type Ranking } from "./job.ts";

export const JOB_NAME = "airport-delays";
/** Stages that do not say otherwise; fixed, so that the demo looks alike on every machine. */
export const PARALLELISM = 4;
const LOOK_EVERY_MS = 500;

export interface Results {
  readonly airportDays: readonly AirportDay[];
  readonly rankings: readonly Ranking[];
  readonly elapsedMs: number;
}

/** The job with results that this process can read when it is over. */
export function collectingJob(speed: number): { job: Job; results: () => Omit<Results, "elapsedMs"> } {
  const airportDays = collect<AirportDay>();
  const rankings = collect<Ranking>();
  const job = airportDelays({ name: JOB_NAME, speed, airportDays, rankings });
  return { job, results: () => ({ airportDays: airportDays.results, rankings: rankings.results }) };
}

/** Runs the job as fast as this machine can, and shows nothing. */
export async function runUnpaced(): Promise<Results> {
  const { job, results } = collectingJob(Number.POSITIVE_INFINITY);
  const weir = await connect();
  const startMs = performance.now();
  const run = await weir.run(job, { parallelism: PARALLELISM });
  await run.finished;
  return { ...results(), elapsedMs: performance.now() - startMs };
}

/** Runs the job at a speed that one can watch. @returns whether it came to its end */
export async function runEmbedded(speed: number, board: Board): Promise<boolean> {
  // The console sink writes whole epochs; the tables are made by its format, and stand above the board's progress.
  const screen = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      for (const line of text.split("\n")) if (line !== "") board.showDay(JSON.parse(line) as Ranking);
      done();
    },
  });
  const job = airportDelays({
    name: JOB_NAME,
    speed,
    rankings: consoleSink({ format: "json", stream: screen }),
  });
  const weir = await connect();
  const stop = (): void => void weir.close();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  const run = await weir.run(job, { parallelism: PARALLELISM });
  board.begin();
  const timer = setInterval(() => board.showProgress("running", [run.report()]), LOOK_EVERY_MS);
  try {
    const { status } = await run.finished;
    return status === "finished";
  } finally {
    clearInterval(timer);
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}
