// WindowTranscript — what goes into a window operator and what must come out, as other projects publish it.
import type { Evictor } from "../../src/operators/evictor.ts";
import type { WindowDefinition } from "../../src/operators/window.ts";

export type TranscriptStep =
  | { readonly record: readonly [key: string, value: number, timestamp: number] }
  | { readonly watermark: number }
  /** The wall clock shows this, in epoch ms. */
  | { readonly clock: number }
  /** Commit, forget everything, go on from storage. */
  | { readonly restart: true }
  /** What was emitted since the last expectation, in any order: key, sum or values, window, pane where it matters. */
  | { readonly expect: readonly ExpectedResult[] };

/** The record as the operator gets it. */
export interface Entry {
  readonly key: string;
  readonly value: number;
}

export interface ExpectedResult {
  readonly key?: string;
  /** Sum of the values, or the values themselves in ascending order. */
  readonly value: number | readonly number[];
  /** [start, end) in ms; left out for the global window. */
  readonly window?: readonly [start: number, end: number];
  readonly timing?: "early" | "onTime" | "late";
  readonly index?: number;
}

export interface WindowTranscript {
  readonly name: string;
  /** Everything but the fold. */
  readonly windows: Omit<WindowDefinition, "aggregate" | "apply" | "evictor">;
  /** The records are kept, and the transcript is not run with an aggregate. */
  readonly evictor?: Evictor<Entry>;
  readonly steps: readonly TranscriptStep[];
  /** Records that go to the late output, by value and timestamp. */
  readonly late?: readonly (readonly [value: number, timestamp: number])[];
}

export const record = (key: string, value: number, timestamp: number): TranscriptStep => ({
  record: [key, value, timestamp],
});
export const watermark = (time: number): TranscriptStep => ({ watermark: time });
export const clock = (nowMs: number): TranscriptStep => ({ clock: nowMs });
export const restart: TranscriptStep = { restart: true };
export const expected = (...results: ExpectedResult[]): TranscriptStep => ({ expect: results });
