// A source head by itself: splits that a test feeds by hand, a manual clock, and commits that can be opened again.
import { SourceAlignment } from "../../src/actors/source-alignment.ts";
import { SourceHead } from "../../src/actors/source-head.ts";
import { parseSplitProgress, splitField } from "../../src/actors/split-state.ts";
import type { SourceBatch } from "../../src/connectors/contract.ts";
import { ManualClock } from "../../src/core/clock.ts";
import type { MetaField } from "../../src/core/ports/state-backend.ts";
import { noTelemetry } from "../../src/core/ports/telemetry.ts";
import { FailureHandler } from "../../src/operators/failure.ts";
import { createOperatorMetrics } from "../../src/operators/operator.ts";
import type { JobPlan, SourcePlan } from "../../src/plan/plan.ts";
import { boundedOutOfOrderness } from "../../src/time/watermark-strategies.ts";

/** A split whose records are their own timestamps. Reads wait until something is fed. */
export class FedSplit {
  readonly #queue: SourceBatch<unknown>[] = [];
  #waiting: ((batch: SourceBatch<unknown>) => void) | undefined;
  reads = 0;
  position = 0;

  async feed(...timestamps: readonly number[]): Promise<void> {
    await this.#give({
      records: [...timestamps],
      timestamps: [...timestamps],
      position: ++this.position,
      end: false,
    });
  }

  async end(...timestamps: readonly number[]): Promise<void> {
    await this.#give({
      records: [...timestamps],
      timestamps: [...timestamps],
      position: ++this.position,
      end: true,
    });
  }

  read(): SourceBatch<unknown> | Promise<SourceBatch<unknown>> {
    this.reads++;
    return (
      this.#queue.shift() ??
      new Promise((resolve) => {
        this.#waiting = resolve;
      })
    );
  }

  close(): void {}

  async #give(batch: SourceBatch<unknown>): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#queue.push(batch);
    else waiting(batch);
    // The answer of a pending read comes with a microtask.
    await Promise.resolve();
  }
}

export type Committed = ReadonlyMap<string, string>;

export interface HeadOptions {
  readonly name?: string;
  readonly splits: Readonly<Record<string, FedSplit>>;
  readonly plan?: Partial<SourcePlan>;
  readonly clock?: ManualClock;
  readonly alignment?: SourceAlignment;
  /** What an earlier head committed. */
  readonly committed?: Committed;
}

export function openHead(options: HeadOptions): SourceHead {
  const {
    name = "readings",
    splits,
    clock = new ManualClock(),
    committed = new Map<string, string>(),
  } = options;
  const metrics = createOperatorMetrics();
  const failure = new FailureHandler({
    ...{ operator: name, partition: 0, parallelism: 1, clock, metrics, onError: "fail" },
    output: { onBatch() {}, onWatermark() {} },
    side: () => undefined,
  });
  return new SourceHead(
    {
      ...{
        name,
        partition: `${name}.0`,
        plan: sourcePlan(options.plan),
        batchRecords: 10,
        clock,
        metrics,
        failure,
      },
      telemetry: noTelemetry,
      host: { post: (action) => action(), fail() {} },
      alignment: options.alignment ?? new SourceAlignment({ stages: [] } as unknown as JobPlan),
    },
    Object.entries(splits).map(([id, split]) => {
      const progress = parseSplitProgress(committed.get(splitField({ id })));
      return { split: { id }, reader: progress?.ended === true ? undefined : split, progress };
    }),
    Number(committed.get("wm") ?? Number.NEGATIVE_INFINITY),
  );
}

export function sourcePlan(plan: Partial<SourcePlan> = {}): SourcePlan {
  return {
    source: {
      ...{ description: "", bounded: false, replayable: true, timestamped: true },
      splits: () => [],
      open: () => new FedSplit(),
    },
    ...{ timestamp: undefined, watermarks: boundedOutOfOrderness(0), idleAfterMs: undefined },
    ...{ alignment: undefined, onError: "fail" },
    ...plan,
  };
}

/** Commits what the head has handed out, over what was committed before. */
export function commit(head: SourceHead, before: Committed = new Map()): Committed {
  const meta: MetaField[] = [];
  head.collectProgress(meta, []);
  return new Map([...before, ...(JSON.parse(JSON.stringify(meta)) as [string, string][])]);
}

/** Takes all work there is. @returns the records, and the watermark afterwards */
export function drain(head: SourceHead): { records: unknown[]; watermark: number; idle: boolean } {
  const records: unknown[] = [];
  for (let work = head.next(); work !== undefined && !work.ended; work = head.next())
    records.push(...(work.batch?.values ?? []));
  return { records, watermark: head.watermark, idle: head.idle };
}
