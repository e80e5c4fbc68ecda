// Watermarks — how a partition folds what its inputs state about event time.
//
// Owns:      the watermark of each input, which inputs are idle, the merged watermark.
// Does not:  know channels or timers, or guess idleness from silence: inputs are declared idle.
//
// A watermark w promises: later records of this input are strictly newer than w. MAX_WATERMARK means that the input
// has ended.
//
// Laws (docs/laws.md)
//   W1  The merged watermark never decreases.
//   W2  An advance goes exactly to the smallest watermark among the inputs that are neither idle nor ended at that
//       moment; with none of those to the largest among the idle ones; to MAX_WATERMARK only when every input has ended.
//   Z3  Once all inputs are idle, the merged watermark does not depend on the order in which they fell idle.
import { MAX_WATERMARK, MIN_WATERMARK } from "../core/batch.ts";
import { EngineError, invariant } from "../core/errors.ts";

/** A watermark as JSON, which has no infinities. */
export type SavedWatermark = number | "start" | "end";

export function saveWatermark(watermark: number): SavedWatermark {
  if (watermark === MAX_WATERMARK) return "end";
  return watermark === MIN_WATERMARK ? "start" : watermark;
}

export function restoreWatermark(saved: SavedWatermark): number {
  if (saved === "end") return MAX_WATERMARK;
  return saved === "start" ? MIN_WATERMARK : saved;
}

/** An input took back its promise, or promised something that is not a time. */
export class WatermarkRegressionError extends EngineError<"WATERMARK_REGRESSION"> {
  constructor(input: number, held: number, received: number) {
    super(
      "WATERMARK_REGRESSION",
      `input ${input}: the watermark moved from ${held} to ${received}; a watermark is a promise and never decreases`,
      { details: { input, held, received } },
    );
  }
}

/** What a merge goes on from, put together from the committed facts of the partition. */
export interface SavedWatermarkMerge {
  readonly merged: SavedWatermark;
  readonly inputs: readonly SavedWatermark[];
  /** Indices of the idle inputs, ascending. */
  readonly idle: readonly number[];
}

/**
 * Folds the watermarks of all inputs into the one this partition may act on.
 *
 * An input that wakes up behind the merged watermark brings late records, not a regression (W1).
 */
export class WatermarkMerge {
  readonly #inputs: Float64Array;
  readonly #idle: Uint8Array;
  #merged = MIN_WATERMARK;

  /** @param inputCount at least 1 */
  constructor(inputCount: number) {
    invariant(Number.isSafeInteger(inputCount) && inputCount > 0, "a watermark merge has inputs", {
      inputCount,
    });
    this.#inputs = new Float64Array(inputCount).fill(MIN_WATERMARK);
    this.#idle = new Uint8Array(inputCount);
  }

  /** @throws {InvariantError} when `saved` belongs to another number of inputs */
  static restore(saved: SavedWatermarkMerge, inputCount: number): WatermarkMerge {
    invariant(saved.inputs.length === inputCount, "saved watermarks fit the inputs", {
      saved: saved.inputs.length,
      inputCount,
    });
    const merge = new WatermarkMerge(inputCount);
    for (let i = 0; i < inputCount; i++) merge.#inputs[i] = restoreWatermark(saved.inputs[i] ?? "start");
    for (const input of saved.idle) merge.#idle[input] = 1;
    merge.#merged = restoreWatermark(saved.merged);
    // An input that held it back may be gone: a split that the source no longer has.
    merge.#merged = Math.max(merge.#merged, merge.#bound());
    return merge;
  }

  /** The merged watermark; MIN_WATERMARK before anything was promised. */
  get current(): number {
    return this.#merged;
  }

  /** No input holds the watermark and not all have ended: tell consumers that this partition is idle. */
  get idle(): boolean {
    let allEnded = true;
    for (let i = 0; i < this.#inputs.length; i++) {
      if (this.#inputs[i] === MAX_WATERMARK) continue;
      if (this.#idle[i] === 0) return false;
      allEnded = false;
    }
    return !allEnded;
  }

  /**
   * What an input states: its watermark, and whether the others need not wait for it until its next statement.
   *
   * @param input index, 0 <= input < inputCount
   * @param watermark event time in epoch ms: later records of this input are strictly newer
   * @returns the new merged watermark in epoch ms, or undefined when it did not advance
   * @throws {WatermarkRegressionError} when this input's watermark moved backwards
   */
  update(input: number, watermark: number, idle: boolean): number | undefined {
    const held = this.#inputs[input];
    invariant(held !== undefined, "a watermark comes from a known input", {
      input,
      inputCount: this.#inputs.length,
    });
    if (!(watermark >= held)) throw new WatermarkRegressionError(input, held, watermark);
    // An active input ahead of the merged watermark does not hold it back: another active one does.
    const wasAhead = this.#idle[input] === 0 && held > this.#merged;
    this.#inputs[input] = watermark;
    this.#idle[input] = idle ? 1 : 0;
    if (wasAhead && !idle) return undefined;
    const bound = this.#bound();
    if (bound <= this.#merged) return undefined;
    this.#merged = bound;
    return bound;
  }

  /**
   * The smallest watermark among the inputs that are neither idle nor ended; MAX_WATERMARK when there is none.
   * Unlike {@link current} it falls when an input wakes up behind.
   */
  get lowest(): number {
    let lowest = MAX_WATERMARK;
    for (let i = 0; i < this.#inputs.length; i++)
      if (this.#idle[i] === 0 && (this.#inputs[i] as number) < lowest) lowest = this.#inputs[i] as number;
    return lowest;
  }

  /**
   * The input that the merged watermark stands by: the slowest of those that are neither idle nor ended, else the idle
   * one that came furthest; undefined when all have ended.
   */
  get holder(): number | undefined {
    let slowest: number | undefined;
    let furthest: number | undefined;
    for (let i = 0; i < this.#inputs.length; i++) {
      const watermark = this.#inputs[i] as number;
      if (watermark === MAX_WATERMARK) continue;
      if (this.#idle[i] === 1) {
        if (furthest === undefined || watermark > (this.#inputs[furthest] as number)) furthest = i;
      } else if (slowest === undefined || watermark < (this.#inputs[slowest] as number)) slowest = i;
    }
    return slowest ?? furthest;
  }

  /** Where W2 says that the merged watermark belongs now, unless it is there already or beyond. */
  #bound(): number {
    const { lowest } = this;
    if (lowest < MAX_WATERMARK) return lowest;
    let furthest = MIN_WATERMARK;
    let allEnded = true;
    for (let i = 0; i < this.#inputs.length; i++) {
      const watermark = this.#inputs[i] as number;
      if (watermark === MAX_WATERMARK) continue;
      allEnded = false;
      if (watermark > furthest) furthest = watermark;
    }
    return allEnded ? MAX_WATERMARK : furthest;
  }
}

/** A record's timestamp is not a time. */
export class InvalidTimestampError extends EngineError<"INVALID_TIMESTAMP"> {
  /** @param owner who asked for it: `source "orders"`; @param record as shown to people */
  constructor(owner: string, value: unknown, record: string) {
    const shown = value instanceof Date ? `Date ${String(value)}` : String(value);
    super(
      "INVALID_TIMESTAMP",
      `${owner}: the timestamp of a record is ${shown} (${value instanceof Date ? "Date" : typeof value}): ${record}; ` +
        "return a finite number of milliseconds since 1970-01-01 UTC, for a Date its getTime()",
      { details: { owner, value: shown, record } },
    );
  }
}
