// The input of the tests of windows: readings out of order, some late, over the night in which Berlin's clocks go forward.
import { randomNumbers } from "../engine.ts";

export const HOUR = 3_600_000;
export const MINUTE = 60_000;

export interface Reading {
  readonly id: number;
  readonly key: string;
  readonly at: number;
  readonly weight: number;
  /** How long a session goes on after it. */
  readonly gapMs: number;
}

/** How far behind the newest reading one may be without the watermark passing it. */
export const OUT_OF_ORDER_MS: number = 2 * HOUR;

const START = Date.UTC(2025, 2, 28, 20);

/** In the batches in which the source brings them; one in eight readings is up to 20 hours old. */
export const batches: readonly (readonly Reading[])[] = drawBatches();

function drawBatches(): Reading[][] {
  const random = randomNumbers(2025);
  const below = (n: number): number => Math.floor(random() * n);
  return Array.from({ length: 28 }, (_, batch) =>
    Array.from({ length: 5 }, (_, i): Reading => {
      const id = batch * 5 + i;
      const age = below(8) === 0 ? below(20 * 60) : below(90);
      const at = START + id * 40 * MINUTE - age * MINUTE;
      return { id, key: `k${below(3)}`, at, weight: 1 + below(9), gapMs: (1 + below(3)) * HOUR };
    }),
  );
}

/** What an operator sees, one after the other: a reading, or that later ones are strictly newer. */
export type Moment = { readonly reading: Reading } | { readonly watermark: number };

/** Watermark behind each batch; the end of time is not among them. */
export const watermarks: readonly number[] = batches.map((_, i) => {
  const newest = Math.max(...batches.slice(0, i + 1).flatMap((batch) => batch.map(({ at }) => at)));
  return newest - OUT_OF_ORDER_MS - 1;
});

export const moments: readonly Moment[] = [
  ...batches.flatMap((batch, i): Moment[] => [
    ...batch.map((reading) => ({ reading })),
    { watermark: watermarks[i] as number },
  ]),
  { watermark: Number.POSITIVE_INFINITY },
];

/** The minute of each batch on the clock, for windows in processing time: uneven, with a pause. */
export const clockMs: readonly number[] = batches.map((_, i) => (i * i * 3 + i * 11) * MINUTE);

/** The same for windows on the clock: readings have the time at which they came, and no window is behind. */
export const momentsOnClock: readonly Moment[] = [
  ...batches.flatMap((batch, i): Moment[] => {
    const nowMs = clockMs[i] as number;
    // A window on the clock is complete when the clock reaches its end; one in event time, 1 ms before.
    return [{ watermark: nowMs - 1 }, ...batch.map((reading) => ({ reading: { ...reading, at: nowMs } }))];
  }),
  { watermark: Number.POSITIVE_INFINITY },
];
