// Watermarks — how a source states event time, and how a partition folds the statements of its inputs.
//
// Owns:      the watermark of each input, which inputs are idle, the merged watermark.
// Does not:  know channels or timers, or guess idleness from silence: inputs are declared idle.
//
// A watermark w promises: later records of this input are strictly newer than w. MAX_WATERMARK means that the input
// has ended.
//
// Laws (docs/laws.md)
//   W1  The merged watermark never decreases.
//   W2  An advance never passes the smallest watermark among the inputs that are neither idle nor ended at that
//       moment; with none of those it advances only when every input has ended, to MAX_WATERMARK.
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

/** Plain JSON; belongs to the committed state of the partition. */
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
    return merge;
  }

  get inputCount(): number {
    return this.#inputs.length;
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

  /** Every input has ended. */
  get ended(): boolean {
    return this.#inputs.every((watermark) => watermark === MAX_WATERMARK);
  }

  isIdle(input: number): boolean {
    return this.#idle[input] === 1;
  }

  /** The watermark of one input. */
  of(input: number): number {
    return this.#inputs[input] ?? MIN_WATERMARK;
  }

  /**
   * Takes a watermark from an input, which is not idle (any more).
   *
   * @param input index of the channel, 0 <= input < inputCount
   * @param watermark event time in epoch ms: later records of this input are strictly newer
   * @returns the new merged watermark in epoch ms, or undefined when it did not advance
   * @throws {WatermarkRegressionError} when this input's watermark moved backwards
   */
  advance(input: number, watermark: number): number | undefined {
    return this.update(input, watermark, false);
  }

  /**
   * Declares an input idle: the others no longer wait for it until its next {@link advance}.
   *
   * @returns the new merged watermark in epoch ms, or undefined when it did not advance
   */
  markIdle(input: number): number | undefined {
    return this.update(input, this.of(input), true);
  }

  /**
   * What one frame states about its channel.
   *
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
    // An input ahead of the merged watermark does not hold it back (another one does), so nothing can advance.
    const wasAhead = this.#idle[input] === 0 && held > this.#merged;
    this.#inputs[input] = watermark;
    this.#idle[input] = idle ? 1 : 0;
    if (wasAhead) return undefined;
    const bound = this.#bound();
    if (bound === undefined || bound <= this.#merged) return undefined;
    this.#merged = bound;
    return bound;
  }

  /** The largest watermark that W2 allows now; undefined when there is nothing to go by. */
  #bound(): number | undefined {
    let smallest = MAX_WATERMARK;
    let idleInputs = 0;
    for (let i = 0; i < this.#inputs.length; i++) {
      const watermark = this.#inputs[i] as number;
      if (watermark === MAX_WATERMARK) continue;
      if (this.#idle[i] === 1) idleInputs++;
      else if (watermark < smallest) smallest = watermark;
    }
    return smallest === MAX_WATERMARK && idleInputs > 0 ? undefined : smallest;
  }

  save(): SavedWatermarkMerge {
    const inputs: SavedWatermark[] = [];
    const idle: number[] = [];
    for (let i = 0; i < this.#inputs.length; i++) {
      inputs.push(saveWatermark(this.#inputs[i] as number));
      if (this.#idle[i] === 1) idle.push(i);
    }
    return { merged: saveWatermark(this.#merged), inputs, idle };
  }
}

/** A record's timestamp is not a time. */
export class InvalidTimestampError extends EngineError<"INVALID_TIMESTAMP"> {
  /** @param record as shown to people */
  constructor(source: string, value: unknown, record: string) {
    const shown = value instanceof Date ? `Date ${String(value)}` : String(value);
    super(
      "INVALID_TIMESTAMP",
      `source "${source}": the timestamp of a record is ${shown} (${value instanceof Date ? "Date" : typeof value}): ${record}; ` +
        "return a finite number of milliseconds since 1970-01-01 UTC, for a Date its getTime()",
      { details: { source, value: shown, record } },
    );
  }
}

/**
 * The watermark of one split whose records come at most `outOfOrdernessMs` late:
 * highest timestamp - outOfOrdernessMs - 1, because later records are strictly newer than a watermark.
 */
export class BoundedOutOfOrderness {
  readonly #distanceMs: number;
  #highest = MIN_WATERMARK;

  /** @param outOfOrdernessMs at least 0; a record that is exactly so far behind the highest one is not late */
  constructor(outOfOrdernessMs: number) {
    this.#distanceMs = outOfOrdernessMs + 1;
  }

  /** @param saved what {@link save} returned: watermarks go on where the committed epoch left them */
  static restore(outOfOrdernessMs: number, saved: SavedWatermark): BoundedOutOfOrderness {
    const generator = new BoundedOutOfOrderness(outOfOrdernessMs);
    generator.#highest = restoreWatermark(saved);
    return generator;
  }

  /** Takes the timestamps of a batch; all finite. Hot: one comparison per record. */
  observe(timestamps: readonly number[]): void {
    let highest = this.#highest;
    for (let i = 0; i < timestamps.length; i++) {
      const timestamp = timestamps[i] as number;
      if (timestamp > highest) highest = timestamp;
    }
    this.#highest = highest;
  }

  /** Event time in epoch ms; MIN_WATERMARK before the first record. Never decreases. */
  get watermark(): number {
    return this.#highest - this.#distanceMs;
  }

  /** Plain JSON: the highest timestamp seen. */
  save(): SavedWatermark {
    return saveWatermark(this.#highest);
  }
}
