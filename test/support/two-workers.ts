// A job whose input begins when its partitions are shared: nothing moves once records flow.
import type { Job, RunEvent, RunOptions } from "../../src/index.ts";
import { allPartitions } from "../../src/runtime/job-config.ts";
import { type Engine, PATIENT, until, withWeir } from "../engine/engine.ts";

/** What a source waits for, and the call that ends the wait. */
export interface Start {
  readonly started: Promise<void>;
  start(): void;
}

export function newStart(): Start {
  let start = (): void => {};
  const started = new Promise<void>((resolve) => {
    start = resolve;
  });
  return { started, start };
}

/**
 * Runs a job to its end: embedded as it is, on Redis with two workers, so that frames are encoded and read again.
 *
 * @param start begins the input
 */
export async function runShared(
  engine: Engine,
  job: Job,
  options: RunOptions,
  start: () => void,
): Promise<void> {
  await withWeir(engine, job.name, async (weir) => {
    const run = await weir.run(job, { ...PATIENT, ...options });
    if (engine.name === "embedded") {
      start();
      await run.finished;
      return;
    }
    const other = await engine.connect();
    const share = Math.floor(allPartitions(run.plan).length / 2);
    let running = 0;
    const onEvent = ({ kind }: RunEvent): void => {
      if (kind === "partition-running") running++;
    };
    const second = await other.run(job, { ...PATIENT, ...options, joinOnly: true, onEvent });
    await until(second, "partitions to move", () => running >= share);
    start();
    await Promise.all([run.finished, second.finished]);
    await other.close();
  });
}
