// Lockstep — two sources whose batches reach an operator in a known order, where results depend on it.
import type { JobRun, Source } from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Step, scripted } from "./scripted-source.ts";

export interface Turn<T> {
  readonly input: 0 | 1;
  readonly records: readonly T[];
}

export class Lockstep<T> {
  readonly sources: readonly [Source<T>, Source<T>];
  /** The job, once it runs. */
  run: JobRun | undefined;

  /** @param stage of the operator: the next batch comes when it has processed those before */
  constructor(stage: string, turns: readonly Turn<T>[]) {
    const scriptOf = (input: 0 | 1): Step<T>[] => {
      let before = 0;
      return turns.flatMap((turn): Step<T>[] => {
        const processed = before;
        before += turn.records.length;
        const wait = (): Promise<unknown> =>
          waitFor(() => this.#processed(stage) >= processed, {
            describe: `${processed} records in ${stage}`,
          });
        return turn.input === input ? [{ wait }, turn.records] : [];
      });
    };
    this.sources = [scripted([scriptOf(0)]), scripted([scriptOf(1)])];
  }

  #processed(stage: string): number {
    return this.run?.stages().find((report) => report.stage === stage)?.recordsIn ?? 0;
  }
}
