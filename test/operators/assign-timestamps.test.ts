// assignTimestamps, one partition by hand: what leaves, and what is left of it after crashes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatch, MAX_WATERMARK, MIN_WATERMARK } from "../../src/core/batch.ts";
import { ManualClock } from "../../src/core/clock.ts";
import type { StateWrites } from "../../src/core/ports/state-backend.ts";
import { assignTimestampsOperator } from "../../src/operators/assign-timestamps.ts";
import {
  createOperatorMetrics,
  DEAD_LETTER_TAG,
  type DeadLetter,
  type ErrorPolicy,
  type UnkeyedOperator,
} from "../../src/operators/operator.ts";
import {
  boundedOutOfOrderness,
  customWatermarks,
  punctuated,
  type WatermarkStrategy,
} from "../../src/time/watermark-strategies.ts";
import { ModelBackend } from "../support/model-backend.ts";

interface Entry {
  readonly at: number;
  readonly complete?: number;
}

type Left =
  | { readonly records: readonly (readonly [at: number, time: number])[] }
  | { readonly watermark: number };

/** Its own time is `at`; without one it has none. */
function timeOf({ at }: Entry): number {
  if (at < 0) throw new Error("no time");
  return at;
}

class Partition {
  readonly left: Left[] = [];
  readonly letters: unknown[] = [];
  readonly metrics = createOperatorMetrics();
  readonly #backend: ModelBackend;
  readonly #strategy: WatermarkStrategy<unknown>;
  readonly #onError: ErrorPolicy;
  #operator: UnkeyedOperator;

  constructor(strategy: WatermarkStrategy<never>, onError: ErrorPolicy = "fail", shares = false) {
    this.#strategy = strategy as WatermarkStrategy<unknown>;
    this.#onError = onError;
    this.#backend = new ModelBackend(shares);
    this.#operator = this.#open(true);
  }

  #open(startsEmpty: boolean): UnkeyedOperator {
    const operator = assignTimestampsOperator({ timestampOf: timeOf, watermarks: this.#strategy })({
      operator: "times",
      partition: 2,
      parallelism: 4,
      clock: new ManualClock(1_000_000),
      metrics: this.metrics,
      onError: this.#onError,
      output: {
        onBatch: ({ values, timestamps }) =>
          this.left.push({
            records: values.map((value, i) => [(value as Entry).at, timestamps?.[i] ?? Number.NaN]),
          }),
        onWatermark: (watermark) => this.left.push({ watermark }),
      },
      side: (tag) =>
        tag === DEAD_LETTER_TAG
          ? {
              onBatch: ({ values }) =>
                this.letters.push(...values.map((letter) => (letter as DeadLetter).record)),
              onWatermark() {},
            }
          : undefined,
      keyGroups: { first: 128, end: 192 },
      startsEmpty,
    });
    const loads = operator.storedState();
    expect(loads.length).toBe(startsEmpty ? 0 : 1);
    this.#backend.load(loads);
    operator.supply(loads);
    return operator;
  }

  take(...records: Entry[]): void {
    // What they came with is another time altogether.
    this.#operator.onBatch(
      createBatch(
        records,
        records.map((_, i) => 7_000_000 + i),
      ),
    );
  }

  tell(watermark: number): void {
    this.#operator.onWatermark(watermark);
  }

  commit(): void {
    const writes: StateWrites[] = [];
    const pending = this.#operator.pendingWrites;
    this.#operator.collectWrites(writes);
    expect(writes.length).toBe(pending);
    expect(this.#operator.pendingWrites).toBe(0);
    this.#backend.stage(writes);
    this.#backend.apply();
    this.#operator.acknowledge();
  }

  restart(): void {
    this.#operator = this.#open(false);
  }
}

describe("assignTimestamps", () => {
  test("gives each record its own time, and ends the watermarks of its input", () => {
    const partition = new Partition(boundedOutOfOrderness(5));
    partition.tell(6_000_000);
    partition.take({ at: 100 }, { at: 90 });
    partition.take({ at: 80 });
    partition.tell(MAX_WATERMARK);
    expect(partition.left).toEqual([
      { records: [[100, 100], [90, 90]] }, // biome-ignore format: pairs
      { watermark: 94 },
      { records: [[80, 80]] },
      { watermark: MAX_WATERMARK },
    ]);
    expect(partition.metrics).toMatchObject({ recordsIn: 3, recordsOut: 3 });
  });

  test("a record without a time is left out, counted or kept as a dead letter", () => {
    for (const onError of ["skip", "deadLetter"] as const) {
      const partition = new Partition(boundedOutOfOrderness(0), onError);
      partition.take({ at: 10 }, { at: -1 }, { at: 12 }, { at: -2 });
      partition.take({ at: -3 });
      expect(partition.left).toEqual([{ records: [[10, 10], [12, 12]] }, { watermark: 11 }]); // biome-ignore format: pairs
      expect(partition.letters.length).toBe(onError === "skip" ? 0 : 3);
      expect(partition.metrics.skipped + partition.metrics.deadLetters).toBe(3);
    }
    expect(() => new Partition(boundedOutOfOrderness(0)).take({ at: -1 })).toThrow('operator "times" failed');
  });

  test("nothing is stored while nothing has come, and nothing again while nothing changes", () => {
    const partition = new Partition(boundedOutOfOrderness(0));
    partition.commit();
    partition.take({ at: 3 });
    partition.commit();
    partition.tell(5);
    partition.commit();
  });

  test("an error in watermark code names the partition, whatever onError says", () => {
    const broken = punctuated<Entry>(() => Number.NaN);
    expect(() => new Partition(broken, "skip").take({ at: 1 })).toThrow(
      'split "times/2": its watermark is NaN (number)',
    );
  });

  const strategies: Readonly<Record<string, () => WatermarkStrategy<never>>> = {
    bounded: () => boundedOutOfOrderness(10),
    punctuated: () => punctuated<Entry>(({ complete }) => complete),
    // Promises what the third newest record so far was: it must know those before a restart.
    custom: () =>
      customWatermarks<Entry, number[]>({
        create: (_split, saved) => {
          const newest = [...(saved ?? [])];
          return {
            observe(_records, timestamps) {
              newest.push(...timestamps);
              newest.sort((a, b) => b - a).splice(3);
            },
            get watermark() {
              return newest[2];
            },
            save: () => newest,
          };
        },
      }) as WatermarkStrategy<never>,
  };

  /** The highest that was promised after each batch, folded over all records from the beginning. */
  const oracles: Readonly<Record<string, (seen: readonly Entry[]) => number>> = {
    bounded: (seen) => Math.max(...seen.map(({ at }) => at)) - 11,
    punctuated: (seen) => Math.max(...seen.map(({ complete }) => complete ?? MIN_WATERMARK)),
    custom: (seen) => seen.map(({ at }) => at).sort((a, b) => b - a)[2] ?? MIN_WATERMARK,
  };

  const entry = fc.record({ at: fc.nat(200), complete: fc.option(fc.nat(200), { nil: undefined }) });
  const step = fc.record({
    batch: fc.array(entry as fc.Arbitrary<Entry>, { minLength: 1, maxLength: 4 }),
    afterwards: fc.constantFrom("nothing", "commit", "commitAndCrash", "crash"),
  });

  test.each(Object.keys(strategies))(
    "T5 watermarks follow the strategy through commits and crashes: %s",
    (name) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 12 }), fc.boolean(), (steps, shares) => {
          const partition = new Partition(strategies[name]!(), "fail", shares);
          let committed = 0;
          let seen: Entry[] = [];
          let told = MIN_WATERMARK;
          let toldAtCommit = MIN_WATERMARK;
          let crashes = 0;
          for (let position = 0; position < steps.length; ) {
            const { batch, afterwards } = steps[position]!;
            const before = partition.left.length;
            partition.take(...batch);
            seen = [...steps.slice(0, position).flatMap((each) => each.batch), ...batch];
            const expected = Math.max(oracles[name]!(seen), told);
            expect(partition.left.slice(before)).toEqual([
              { records: batch.map(({ at }) => [at, at]) },
              ...(expected > told ? [{ watermark: expected }] : []),
            ]);
            told = expected;
            position++;
            if (afterwards === "commit" || afterwards === "commitAndCrash") {
              partition.commit();
              committed = position;
              toldAtCommit = told;
            }
            if (
              (afterwards === "crash" || afterwards === "commitAndCrash") &&
              committed > 0 &&
              crashes++ < 5
            ) {
              partition.restart();
              position = committed;
              told = toldAtCommit;
            }
          }
        }),
      );
    },
  );
});
