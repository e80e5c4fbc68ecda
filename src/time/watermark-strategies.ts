// Watermark strategies — how the watermark of one split follows from its records.
//
// Owns:      the ready strategies and the shape of own ones; what a generator may state.
// Does not:  merge splits (WatermarkMerge), know silence (that is the source's idleAfter), or store anything. What is
//            stored is the watermark that a split has reached: later statements only raise it. So a generator needs
//            state of its own only when it computes with more than the records that follow.
import { MIN_WATERMARK } from "../core/batch.ts";
import { EngineError } from "../core/errors.ts";
import { checkOptions, InvalidOptionError } from "../core/options.ts";
import { type Duration, durationText, parseDuration } from "./duration.ts";

/** Follows the records of one split. `S` is what it saves, plain JSON data. */
export interface WatermarkGenerator<T, S = unknown> {
  /**
   * Takes a batch, in the order of the split. Must answer at once.
   *
   * @param timestamps event time per record in epoch ms; all finite
   */
  readonly observe: (records: readonly T[], timestamps: readonly number[]) => void;
  /**
   * Event time in epoch ms: later records of the split are strictly newer. Asked for after each batch; undefined or
   * -Infinity as long as nothing can be promised. A lower one than before changes nothing: a promise stands.
   */
  readonly watermark: number | undefined;
  /** What a generator that goes on after a restart must know; stored as JSON with every commit. */
  readonly save?: (() => S) | undefined;
}

/** How a source makes watermarks, split by split. Made by {@link monotonic} and its neighbours. */
export interface WatermarkStrategy<T> {
  readonly kind: "bounded" | "punctuated" | "custom";
  /** For explain: `out of order by 5s`. */
  readonly description: string;
  /**
   * @param split its id is unique within the source
   * @param saved what the generator saved with the last commit, if it did
   */
  readonly create: (split: { readonly id: string }, saved: unknown) => WatermarkGenerator<T>;
}

/** The definition of {@link customWatermarks}. */
export interface CustomWatermarks<T, S> {
  /** For explain. Default `custom watermarks`. */
  readonly description?: string | undefined;
  /** @param saved what {@link WatermarkGenerator.save} returned for the last commit; undefined at the start */
  readonly create: (split: { readonly id: string }, saved: S | undefined) => WatermarkGenerator<T, S>;
}

/** A watermark that is not a time, or comes from something that is no generator. */
export class InvalidWatermarkError extends EngineError<"INVALID_WATERMARK"> {
  constructor(split: string, reason: string, cause?: unknown) {
    super(
      "INVALID_WATERMARK",
      `split "${split}": ${reason}; a watermark is a finite number of milliseconds since 1970-01-01 UTC, or undefined`,
      { details: { split, reason }, cause },
    );
  }
}

/** Timestamps within a split never decrease: the watermark stands right behind the highest one. */
export function monotonic(): WatermarkStrategy<unknown> {
  return bounded(0, "monotonic");
}

/**
 * Records come at most `outOfOrderness` behind the newest record of their split.
 *
 * @param outOfOrderness a record that is exactly so far behind is not late
 * @throws {InvalidDurationError}
 */
export function boundedOutOfOrderness(outOfOrderness: Duration): WatermarkStrategy<unknown> {
  const distanceMs = parseDuration(outOfOrderness, "boundedOutOfOrderness");
  return bounded(distanceMs, `out of order by ${durationText(distanceMs)}`);
}

/**
 * The data itself says how far event time has come.
 *
 * @param watermarkOf asked for every record, in order: undefined, or event time in epoch ms that all later records of the
 *   split are strictly newer than. The record itself may be older. An error in it fails the partition.
 * @throws {InvalidOptionError}
 */
export function punctuated<T>(
  watermarkOf: (record: T, timestamp: number) => number | undefined,
): WatermarkStrategy<T> {
  if (typeof watermarkOf !== "function")
    throw new InvalidOptionError(
      "punctuated",
      "watermarkOf",
      watermarkOf,
      "a function, for example (record, timestamp) => record.isLast ? timestamp : undefined",
    );
  return Object.freeze({
    kind: "punctuated",
    description: "punctuated watermarks",
    create: ({ id }) => new Punctuated(id, watermarkOf),
  } satisfies WatermarkStrategy<T>);
}

/**
 * Watermarks made by own code, a batch at a time.
 *
 * @throws {UnknownOptionError | InvalidOptionError}
 */
export function customWatermarks<T, S = unknown>(definition: CustomWatermarks<T, S>): WatermarkStrategy<T> {
  checkOptions("customWatermarks", definition, ["description", "create"]);
  const { create, description = "custom watermarks" } = definition;
  if (typeof create !== "function")
    throw new InvalidOptionError(
      "customWatermarks",
      "create",
      create,
      "a function (split, saved) that returns { observe, watermark }",
    );
  return Object.freeze({
    kind: "custom",
    description,
    create: (split, saved) => {
      const generator: unknown = create(split, saved as S | undefined);
      if (!isGenerator(generator))
        throw new InvalidWatermarkError(split.id, "create returned no object with observe and watermark");
      return generator as WatermarkGenerator<T>;
    },
  } satisfies WatermarkStrategy<T>);
}

/** Whether `value` was made by one of the functions above, or looks exactly so. */
export function isWatermarkStrategy(value: unknown): boolean {
  const strategy = value as Partial<WatermarkStrategy<unknown>> | null | undefined;
  return typeof strategy?.create === "function" && typeof strategy.description === "string";
}

/**
 * What a generator promises now.
 *
 * @returns event time in epoch ms, or MIN_WATERMARK
 * @throws {InvalidWatermarkError} for anything that is neither a time nor "nothing yet"; the end of a split is told by
 *   its source, never by a watermark
 */
export function promisedBy(generator: Pick<WatermarkGenerator<never>, "watermark">, split: string): number {
  const watermark: unknown = generator.watermark;
  if (watermark === undefined || watermark === MIN_WATERMARK) return MIN_WATERMARK;
  return checkWatermark(watermark, split);
}

function checkWatermark(watermark: unknown, split: string): number {
  if (typeof watermark === "number" && Number.isFinite(watermark)) return watermark;
  throw new InvalidWatermarkError(split, `its watermark is ${String(watermark)} (${typeof watermark})`);
}

function isGenerator(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "watermark" in value &&
    typeof (value as Partial<WatermarkGenerator<unknown>>).observe === "function"
  );
}

function bounded(outOfOrdernessMs: number, description: string): WatermarkStrategy<unknown> {
  return Object.freeze({
    kind: "bounded",
    description,
    create: () => new BoundedOutOfOrderness(outOfOrdernessMs),
  } satisfies WatermarkStrategy<unknown>);
}

/** Highest timestamp - outOfOrdernessMs - 1, because later records are strictly newer than a watermark. */
export class BoundedOutOfOrderness implements WatermarkGenerator<unknown> {
  readonly #distanceMs: number;
  #highest = MIN_WATERMARK;

  /** @param outOfOrdernessMs at least 0 */
  constructor(outOfOrdernessMs: number) {
    this.#distanceMs = outOfOrdernessMs + 1;
  }

  /** Hot: one comparison per record. */
  observe(_records: readonly unknown[], timestamps: readonly number[]): void {
    let highest = this.#highest;
    for (let i = 0; i < timestamps.length; i++) {
      const timestamp = timestamps[i] as number;
      if (timestamp > highest) highest = timestamp;
    }
    this.#highest = highest;
  }

  get watermark(): number {
    return this.#highest - this.#distanceMs;
  }
}

class Punctuated<T> implements WatermarkGenerator<T> {
  readonly #split: string;
  readonly #watermarkOf: (record: T, timestamp: number) => number | undefined;
  #highest = MIN_WATERMARK;

  constructor(split: string, watermarkOf: (record: T, timestamp: number) => number | undefined) {
    this.#split = split;
    this.#watermarkOf = watermarkOf;
  }

  observe(records: readonly T[], timestamps: readonly number[]): void {
    const watermarkOf = this.#watermarkOf;
    for (let i = 0; i < records.length; i++) {
      const watermark = watermarkOf(records[i] as T, timestamps[i] as number);
      if (watermark !== undefined && checkWatermark(watermark, this.#split) > this.#highest)
        this.#highest = watermark;
    }
  }

  get watermark(): number {
    return this.#highest;
  }
}
