// WindowContract — what a trigger does in a window operator, and what the operator must do and keep because of it.
import type { TriggerResult } from "../../src/operators/trigger.ts";
import type { WindowAssigner } from "../../src/time/windows.ts";

/** What the trigger does when it is asked. */
export interface Answer {
  /** Default `continue`. */
  readonly says?: TriggerResult;
  /** The answer is for this time only; at others it goes on. */
  readonly at?: number;
  /** Timers, in the time of the windows; `end` is that of the window. */
  readonly sets?: readonly (number | "end")[];
  readonly deletes?: readonly number[];
  readonly remembers?: string;
  readonly forgets?: true;
}

export interface Script {
  readonly onElement?: Answer;
  readonly onTime?: Answer;
  readonly onMerge?: Answer;
  readonly clear?: Answer;
}

export type Bounds = readonly [start: number, end: number];

export interface Expectation {
  /** Since the last expectation, in any order. */
  readonly results?: readonly (readonly [key: string, values: readonly number[], window: Bounds])[];
  /** Calls about time since the last expectation, in any order. */
  readonly asked?: readonly (readonly [time: number, window: Bounds])[];
  /** Windows that hold records. */
  readonly contents?: number;
  /** Windows whose trigger remembers something. */
  readonly remembered?: number;
  /** Windows that are known. */
  readonly open?: number;
  /** Timers in the time of the windows; the other clock never has any. */
  readonly timers?: number;
  /** Windows that the trigger was told to clear, since the beginning. */
  readonly cleared?: number;
  /** Windows that were told to have taken the place of others, since the beginning. */
  readonly merged?: readonly Bounds[];
}

export type ContractStep =
  | { readonly trigger: Script }
  /** On the clock, the clock shows the timestamp when the record comes. */
  | { readonly record: readonly [key: string, value: number, timestamp: number] }
  | { readonly advance: number }
  | { readonly restart: true }
  | { readonly expect: Expectation };

export interface ContractCase {
  readonly name: string;
  readonly assigner: WindowAssigner;
  readonly allowedLatenessMs?: number;
  readonly steps: readonly ContractStep[];
  readonly late?: readonly (readonly [value: number, timestamp: number])[];
}

export const one: ContractStep = { record: ["a", 0, 0] };
export const holds = (expectation: Expectation): ContractStep => ({ expect: expectation });
/** Nothing is left. */
export const gone: ContractStep = holds({ contents: 0, remembered: 0, open: 0, timers: 0 });
export const note = "hello";
