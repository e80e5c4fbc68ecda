// AppliedFunction — calls the user's function for one full window after the other, and emits what it returns.
import type { Window } from "../../time/window.ts";
import type { ContextPort } from "../context-port.ts";
import { iterableOf } from "../flat-map.ts";
import type { SideTag } from "../side-tag.ts";
import type { WindowFunction, WindowFunctionContext } from "./window-function.ts";
import type { Pane } from "./window-result.ts";

class CurrentWindow implements WindowFunctionContext {
  pane: Pane = { timing: "early", index: 0 };
  watermark: number = Number.NEGATIVE_INFINITY;
  nowMs = 0;
  /** Event time of the results in epoch ms, if they have one. */
  timestamp: number | undefined = undefined;
  readonly #port: ContextPort;

  constructor(port: ContextPort) {
    this.#port = port;
  }

  side<T>({ tag }: SideTag<T>, value: T): void {
    this.#port.side(tag, value, this.timestamp);
  }
}

export class AppliedFunction {
  /** What the function sees of the window beside its records; to be set before each call. */
  readonly current: CurrentWindow;
  readonly #apply: WindowFunction<unknown, unknown, unknown>;
  readonly #port: ContextPort;
  readonly #refusePromise: (result: unknown) => void;

  constructor(
    apply: WindowFunction<unknown, unknown, unknown>,
    port: ContextPort,
    refusePromise: (result: unknown) => void,
  ) {
    this.#apply = apply;
    this.#port = port;
    this.#refusePromise = refusePromise;
    this.current = new CurrentWindow(port);
  }

  /**
   * @throws {AsyncFunctionError} when the function returned a promise
   * @throws {NotIterableError} when it returned something else that holds no results
   */
  emit(key: unknown, window: Window, records: readonly unknown[]): void {
    const made: unknown = this.#apply(key, window, records, this.current);
    this.#refusePromise(made);
    for (const value of iterableOf(made, this.#port.operator, "apply"))
      this.#port.emit(value, this.current.timestamp);
  }
}
