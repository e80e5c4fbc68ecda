// Results — what a window emits when it fires: the result of its accumulator, or what a function makes of its records.
import type { ContextPort } from "../context-port.ts";
import type { Evictor } from "../evictor.ts";
import type { AppliedFunction } from "./applied-function.ts";
import type { Accumulators, Records } from "./contents.ts";
import type { OpenWindow } from "./open-window.ts";
import type { Pane } from "./window-result.ts";

/** A window that fires. */
export interface Firing {
  readonly key: unknown;
  /** Names the window in its key. */
  readonly id: number;
  readonly open: OpenWindow;
  readonly pane: Pane;
  /** Of the results: event time in epoch ms, if they have one. */
  readonly timestamp: number | undefined;
  readonly watermark: number;
  /** Wall clock in epoch ms. */
  readonly nowMs: number;
  /** What the window holds is used further. */
  readonly goesOn: boolean;
}

export interface Results {
  /** @returns whether there was something to emit */
  emit(firing: Firing): boolean;
}

export class AggregateResults implements Results {
  readonly #accumulators: Accumulators<unknown, unknown, unknown>;
  readonly #port: ContextPort;

  constructor(accumulators: Accumulators<unknown, unknown, unknown>, port: ContextPort) {
    this.#accumulators = accumulators;
    this.#port = port;
  }

  emit({ key, id, open, pane, timestamp, goesOn }: Firing): boolean {
    const result = this.#accumulators.result(id, goesOn);
    if (result === undefined) return false;
    const window = { start: open.start, end: open.end };
    this.#port.emit({ key, value: result.value, window, pane }, timestamp);
    return true;
  }
}

export class FunctionResults implements Results {
  readonly #records: Records;
  readonly #function: AppliedFunction;
  readonly #evictor: Evictor<unknown> | undefined;

  constructor(records: Records, applied: AppliedFunction, evictor: Evictor<unknown> | undefined) {
    this.#records = records;
    this.#function = applied;
    this.#evictor = evictor;
  }

  emit(firing: Firing): boolean {
    const evictor = this.#evictor;
    if (evictor !== undefined && evictor.when !== "after") this.#evict(evictor, firing);
    const { id, open } = firing;
    const records = this.#records.of(id, open).map(({ record }) => record);
    if (records.length === 0) return false;
    const { current } = this.#function;
    current.pane = firing.pane;
    current.watermark = firing.watermark;
    current.nowMs = firing.nowMs;
    current.timestamp = firing.timestamp;
    this.#function.emit(firing.key, { start: open.start, end: open.end }, records);
    if (evictor?.when === "after") this.#evict(evictor, firing);
    return true;
  }

  #evict(evictor: Evictor<unknown>, { id, open, watermark, nowMs }: Firing): void {
    const records = this.#records.of(id, open);
    if (records.length === 0) return;
    const window = { start: open.start, end: open.end };
    const stays = evictor.select(records, { window, watermark, nowMs });
    const kept = records.map((_, position) => stays(position));
    if (kept.includes(false)) this.#records.keep(id, open, (position) => kept[position] === true);
  }
}
