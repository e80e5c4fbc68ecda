// GuardedGenerator — the watermark code of one input, with its failures told as what they are.
//
// A promise about all records cannot be skipped like one record: an error in it fails the partition, whatever `onError` says.
import { isEngineError, toError } from "../core/errors.ts";
import {
  InvalidWatermarkError,
  promisedBy,
  type WatermarkGenerator,
  type WatermarkStrategy,
} from "./watermark-strategies.ts";

export class GuardedGenerator {
  readonly #input: string;
  readonly #generator: WatermarkGenerator<unknown>;

  /**
   * @param input id of the split, or of what stands for one
   * @param saved what {@link save} returned for the last commit
   * @throws {InvalidWatermarkError}
   */
  constructor(strategy: WatermarkStrategy<unknown>, input: string, saved: unknown) {
    this.#input = input;
    this.#generator = this.#guard(() => strategy.create({ id: input }, saved));
  }

  /**
   * Takes the records of a batch, in order.
   *
   * @returns what is promised behind them: event time in epoch ms, or MIN_WATERMARK
   * @throws {InvalidWatermarkError}
   */
  observe(records: readonly unknown[], timestamps: readonly number[]): number {
    return this.#guard(() => {
      this.#generator.observe(records, timestamps);
      return promisedBy(this.#generator, this.#input);
    });
  }

  /** What a commit keeps of it; undefined for nothing. @throws {InvalidWatermarkError} */
  save(): unknown {
    return this.#guard(() => this.#generator.save?.());
  }

  #guard<R>(call: () => R): R {
    try {
      return call();
    } catch (thrown) {
      if (isEngineError(thrown)) throw thrown;
      throw new InvalidWatermarkError(
        this.#input,
        `its watermark code failed: ${toError(thrown).message}`,
        thrown,
      );
    }
  }
}
