// WindowFunction — user code that gets all records of a window at once.
import type { Window } from "../../time/window.ts";
import type { SideTag } from "../side-tag.ts";
import type { Pane } from "./window-result.ts";

/** What the function sees besides the records: one object per operator instance, valid only until it returns. */
export interface WindowFunctionContext {
  readonly pane: Pane;
  /** Later records are strictly newer, in epoch ms. */
  readonly watermark: number;
  /** Wall clock in epoch ms. */
  readonly nowMs: number;
  /** Sends a value to a side output, with the timestamp of the results. */
  side<T>(tag: SideTag<T>, value: T): void;
}

/** Gets the records in the order of arrival; must not change them. What it returns is emitted. */
export type WindowFunction<K, T, R> = (
  key: K,
  window: Window,
  records: readonly T[],
  context: WindowFunctionContext,
) => Iterable<R>;
