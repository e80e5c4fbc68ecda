// The records of most engine tests.
import { randomNumbers } from "./engine.ts";

export interface Sale {
  readonly id: number;
  readonly shop: string;
  readonly amount: number;
}

/** The same ones on every call. */
export function sales(total: number, shops = 7): Sale[] {
  const random = randomNumbers(total * 31 + shops);
  return Array.from({ length: total }, (_, id) => ({
    id,
    shop: `shop-${Math.floor(random() * shops)}`,
    amount: Math.floor(random() * 1_000),
  }));
}

/** Small batches, frames, epochs and mailboxes, so that a few hundred records cross many bounds of each. */
export const SMALL = {
  frameRecords: 16,
  sourceBatchRecords: 8,
  epochWrites: 20,
  mailboxFrames: 4,
  highEntries: 4,
} as const;
