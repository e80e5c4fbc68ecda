// A job that another connection takes over in the middle of its input, where there is more than one; embedded it runs through.
import { expect } from "vitest";
import type { Job, JobRun, RunOptions } from "../../src/index.ts";
import { type Engine, until, withWeir } from "./engine.ts";
import type { Step } from "./scripted-source.ts";

const OPTIONS: RunOptions = {
  parallelism: 2,
  settings: { cacheEntries: 100, timerSlice: 2, commitIntervalMs: 1, watermarkIntervalMs: 1 },
};

/** The middle of a script: the run that comes to it is stopped there, and another one goes on. */
export class Middle {
  run: JobRun | undefined;
  isReached = false;
  goOn: () => void = () => {};
  readonly #goesOn = new Promise<void>((resolve) => {
    this.goOn = resolve;
  });
  readonly step: Step<never> = {
    wait: () => {
      this.isReached = true;
      return this.#goesOn;
    },
  };

  /** Whether the watermark has come to all stages of the run. */
  hasSeen(watermark: number): boolean {
    const { run } = this;
    if (run === undefined) return false;
    const told = new Map(run.stages().map((each) => [each.stage, each.watermark]));
    return run.plan.stages.every(({ id }) => (told.get(id) ?? Number.NaN) >= watermark);
  }
}

/** Runs the job to its end. On Redis it is stopped in the middle, and another connection goes on. */
export async function runWithTakeOver(engine: Engine, job: Job, middle: Middle): Promise<void> {
  await withWeir(engine, job.name, async (weir) => {
    const run = await weir.run(job, OPTIONS);
    middle.run = run;
    if (engine.name === "embedded") {
      middle.goOn();
      expect((await run.finished).status).toBe("finished");
      return;
    }
    await until(run, "half of the input", () => middle.isReached);
    await run.stop();
    expect((await run.finished).status).toBe("running");
    middle.goOn();
    const other = await engine.connect();
    try {
      const next = await other.run(job, OPTIONS);
      middle.run = next;
      expect((await next.finished).status).toBe("finished");
    } finally {
      await other.close();
    }
  });
}
