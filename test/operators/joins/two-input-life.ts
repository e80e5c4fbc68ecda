// A life of an operator with two inputs: batches of either input and watermarks, with commits and crashes in between.
import fc from "fast-check";
import { createBatch, MAX_WATERMARK } from "../../../src/core/batch.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../../../src/operators/operator.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import { harnessOptions, type Life, liveThrough } from "../../support/operator-life.ts";

/** One record as a test drew it; its id is its place in the whole input. */
export interface Item {
  readonly id: number;
  readonly input: 0 | 1;
  readonly key: string | number;
  readonly timestamp: number;
  /** For what a test makes of it. */
  readonly drawn: number;
}

export type Event =
  | { readonly kind: "batch"; readonly input: 0 | 1; readonly items: readonly Item[] }
  | { readonly kind: "watermark"; readonly watermark: number; readonly limit: number };

/** Around the watermark: most records are in time, some late. Ends with the end of the input. */
export const events: fc.Arbitrary<readonly Event[]> = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          input: fc.constantFrom<0 | 1>(0, 1),
          items: fc.array(
            fc.tuple(
              fc.constantFrom<string | number>(1, "1", 2),
              fc.integer({ min: -4, max: 14 }),
              fc.integer({ min: 0, max: 5 }),
            ),
            { maxLength: 5 },
          ),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ by: fc.integer({ min: 1, max: 12 }), limit: fc.integer({ min: 1, max: 4 }) }),
      },
    ),
    { maxLength: 24, size: "max" },
  )
  .map((drawn) => {
    let watermark = -5;
    let id = 0;
    const all = drawn.map((one): Event => {
      if ("by" in one) {
        watermark += one.by;
        return { kind: "watermark", watermark, limit: one.limit };
      }
      const { input } = one;
      const items = one.items.map(([key, ahead, drawn]) => ({
        id: id++,
        input,
        key,
        timestamp: watermark + ahead,
        drawn,
      }));
      return { kind: "batch", input, items };
    });
    return [...all, { kind: "watermark", watermark: MAX_WATERMARK, limit: 3 }];
  });

export interface InputHooks {
  /** What a record of the operator's input is, when it is not the item itself. */
  readonly recordOf?: (item: Item) => unknown;
  readonly sides?: readonly string[];
  /** Called after every step that was not taken back. */
  readonly onStep?: (harness: KeyedHarness, position: number) => void;
}

/** Takes an operator through its life. The input is repeated from the last commit after a crash. */
export function live(
  create: (context: KeyedOperatorContext) => KeyedOperator,
  all: readonly Event[],
  lived: Life,
  { recordOf = (item) => item, sides = [], onStep }: InputHooks = {},
): KeyedHarness {
  const harness = new KeyedHarness(create, { ...harnessOptions(lived), sides });
  const take = (event: Event): boolean => {
    if (event.kind === "watermark") return harness.slice(event.watermark, event.limit);
    give(harness, event.input, event.items, recordOf);
    return true;
  };
  liveThrough(harness, all, lived, take, { onStep: (position) => onStep?.(harness, position) });
  harness.commit();
  return harness;
}

export function give(
  harness: KeyedHarness,
  input: 0 | 1,
  items: readonly Pick<Item, "key" | "timestamp">[],
  recordOf: (item: Item) => unknown = (item) => item,
): void {
  harness.operator.fromInput?.(input);
  const batch = createBatch(
    items.map((item) => recordOf(item as Item)),
    items.map(({ timestamp }) => timestamp),
  );
  batch.keys = items.map(({ key }) => key);
  harness.batch(batch);
}

/** The items in order, each with the watermark that stood when it came. */
export function arrivals(
  all: readonly Event[],
): readonly { readonly item: Item; readonly watermark: number }[] {
  let watermark = Number.NEGATIVE_INFINITY;
  return all.flatMap((event) => {
    if (event.kind === "watermark") {
      watermark = Math.max(watermark, event.watermark);
      return [];
    }
    return event.items.map((item) => ({ item, watermark }));
  });
}
