// Input of operator benchmarks: bids of so many keys in random order, one per millisecond of event time.
import { type Batch, createBatch } from "../src/core/batch.ts";

export interface Bid {
  readonly id: number;
  readonly price: number;
}

const BATCH = 512;

export function keyedBids(records: number, keys: number): Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from < records; from += BATCH) {
    const values: Bid[] = [];
    const timestamps: number[] = [];
    const ofRecords: number[] = [];
    for (let id = from; id < from + BATCH; id++) {
      const random = Math.imul(id, 2_654_435_761) >>> 0;
      values.push({ id, price: (random >>> 7) % 10_000 });
      timestamps.push(id);
      ofRecords.push(random % keys);
    }
    const batch = createBatch(values, timestamps);
    batch.keys = ofRecords;
    batches.push(batch);
  }
  return batches;
}
