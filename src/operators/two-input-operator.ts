// TwoInputOperator — what keyed operators with two inputs share: which input the batch at hand comes from.
//
// Both inputs are read in the order in which they arrive; nothing is promised about the order between them. The
// watermark is the smaller one of both, as for all inputs of a partition.
import type { Batch } from "../core/batch.ts";
import { KeyedOperatorBase } from "./keyed-operator.ts";

export abstract class TwoInputOperator extends KeyedOperatorBase {
  #input = 0;

  fromInput(input: number): void {
    this.#input = input;
  }

  /** Processes records of the first input from index `from` on; calls `beginRecord` for each before anything else. */
  protected abstract runFirst(batch: Batch, from: number): void;
  /** As {@link runFirst}, for the second input. */
  protected abstract runSecond(batch: Batch, from: number): void;
  /** Asks for what {@link runFirst} will touch. */
  protected wantFirst(batch: Batch): void {
    super.wantBatch(batch);
  }
  protected wantSecond(batch: Batch): void {
    super.wantBatch(batch);
  }

  protected override wantBatch(batch: Batch): void {
    if (this.#input === 0) this.wantFirst(batch);
    else this.wantSecond(batch);
  }

  protected run(batch: Batch, from: number): void {
    if (this.#input === 0) this.runFirst(batch, from);
    else this.runSecond(batch, from);
  }
}
