// The job of the tests that stop, resume and share: what it emits shows every lost and doubled record.
import { defineJob, emits, type Job, list, type Sink } from "../../src/index.ts";
import { groupBy } from "./engine.ts";
import type { Sale } from "./sales.ts";
import { type Step, scripted } from "./scripted-source.ts";

/** Lets a script go on from outside. */
export class Signal {
  set: () => void = () => {};
  readonly #isSet = new Promise<void>((resolve) => {
    this.set = resolve;
  });
  readonly step = { wait: (): Promise<void> => this.#isSet };
}

export interface Visit {
  readonly shop: string;
  readonly ids: readonly number[];
}

/** Every record with all ids of its shop so far: one lost or doubled record shows in all that follow. */
export function visitsJob(name: string, script: readonly Step<Sale>[], sink: Sink<Visit>): Job {
  return defineJob(name, (job) =>
    job
      .source("sales", scripted([script]), { parallelism: 1, timestamp: (sale) => sale.id })
      .keyBy((sale) => sale.shop)
      .process("visits", {
        state: { ids: list<number>() },
        emits: emits<Visit>(),
        onRecord(sale, context) {
          context.state.ids.append(sale.id);
          context.emit({ shop: context.key, ids: [...context.state.ids.get()] });
        },
      })
      .to("out", sink),
  );
}

export function visitsOf(input: readonly Sale[]): Visit[] {
  return [...groupBy(input, (sale) => sale.shop)].flatMap(([shop, own]) =>
    own.map((_, i) => ({ shop, ids: own.slice(0, i + 1).map((sale) => sale.id) })),
  );
}
