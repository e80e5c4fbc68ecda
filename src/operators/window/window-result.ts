// What windows emit.
import type { Window } from "../../time/window.ts";

/** Which of several results of one window this is. */
export interface Pane {
  /** Before the end of the window, at its end, or afterwards. Windows without an end are complete at the end of the input. */
  readonly timing: "early" | "onTime" | "late";
  /** 0 for the first result of the window, then 1, 2, ... */
  readonly index: number;
}

/** The result of one window of one key. */
export interface WindowResult<K, R> {
  readonly key: K;
  readonly value: R;
  /** start <= timestamp of its records < end, in epoch ms. */
  readonly window: Window;
  /** Absent for count windows, and for tumbling, sliding and cumulative ones that are folded and emit once. */
  readonly pane?: Pane;
}
