// general window — windows of any assigner with any trigger: early, late and repeated results, sessions, full contents.
// Step 4 of the walk (ARCHITECTURE.md).
//
// All open windows of a key stand in one map under the key, so that sessions can be found and merged in one commit, and
// one fetch brings them. A window is named by a number: its end where windows are aligned, the start of its first record
// for sessions, 0 for the global window. The same number is the namespace of its timers.
//
// Owns:      which windows are open, what is late, when a window goes; the order of trigger, result and purge.
// Does not:  decide when to emit (src/operators/trigger.ts), know how contents are stored (contents.ts), cut time.
//
// Invariant: every open window with an end has a timer, in the same commit, for the moment at which it goes.
//
// Laws (docs/laws.md)
//   W9  For any order of records, watermarks and clock, the results are those of a list of records per window to which
//      the trigger is applied record by record and timer by timer, whatever is restarted in between.
import type { Aggregate } from "../../core/aggregate.ts";
import type { Batch } from "../../core/batch.ts";
import { MapCells } from "../../state/map-state.ts";
import type { GlobalAssigner } from "../../time/global-window.ts";
import { belongTogether, cover, type SessionAssigner } from "../../time/sessions.ts";
import type { Timer } from "../../time/timer-member.ts";
import { ALL_OF_TIME, type Window } from "../../time/window.ts";
import { type AlignedAssigner, paneEnd, paneOf, windowsOfPane } from "../../time/windows.ts";
import type { Evictor } from "../evictor.ts";
import { NotIterableError } from "../flat-map.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import type { SideTag } from "../side-tag.ts";
import type { AnyTrigger, TriggerResult } from "../trigger.ts";
import { Accumulators, type Contents, Records } from "./contents.ts";
import { type OpenWindow, openWindow, openWindowCodec } from "./open-window.ts";
import { TriggerScope } from "./trigger-scope.ts";
import type { WindowFunction, WindowFunctionContext } from "./window-function.ts";
import { LATE_TAG, MissingTimestampError, type Pane } from "./window-result.ts";

/** Records are folded one by one. */
export interface AggregateFolding {
  // biome-ignore lint/suspicious/noExplicitAny: the types of record, accumulator and result met where the user called
  readonly aggregate: Aggregate<any, any, any>;
}

/** Records are kept, and handed to a function all at once. */
export interface ApplyFolding {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly apply: WindowFunction<any, any, any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly evictor?: Evictor<any> | undefined;
}

/** What becomes of the records of a window. */
export type Folding = AggregateFolding | ApplyFolding;

export type GeneralWindowDefinition = Folding & {
  readonly assigner: AlignedAssigner | SessionAssigner | GlobalAssigner;
  readonly trigger: AnyTrigger;
  /** How long after its end, in event time, a window takes records and may emit again. */
  readonly allowedLatenessMs: number;
  /** Every result is forgotten once it is emitted. */
  readonly discarding: boolean;
};

/** The one window of a key that has no end. */
const GLOBAL_ID = 0;

export class GeneralWindowOperator extends KeyedOperatorBase {
  readonly #assigner: GeneralWindowDefinition["assigner"];
  readonly #trigger: AnyTrigger;
  readonly #allowedLatenessMs: number;
  readonly #discarding: boolean;
  readonly #windows: MapCells<number, OpenWindow>;
  readonly #contents: Contents;
  readonly #results: Results;
  readonly #scope: TriggerScope;
  /** The windows of the last record: those of every timestamp with pane <= timestamp < paneEnd. */
  #pane = Number.NaN;
  #paneEnd = Number.NaN;
  #windowsOfPane: readonly Window[] = [];
  /** The clock never goes back for windows in processing time, or closed ones would open again. */
  #clockMs = Number.NEGATIVE_INFINITY;
  /** Where time stands for the windows, in their own time: while a timer fires at its time, however far the rest jumped. */
  #standsAt = Number.NEGATIVE_INFINITY;
  /** Processing time of the records of a batch, fixed when their windows were asked for. */
  #preparedMs: number | undefined = undefined;

  constructor(context: KeyedOperatorContext, definition: GeneralWindowDefinition) {
    super(context);
    this.#assigner = definition.assigner;
    this.#trigger = definition.trigger;
    this.#allowedLatenessMs = definition.allowedLatenessMs;
    this.#discarding = definition.discarding;
    this.#windows = this.state.addCellsOf(
      (scope, startsEmpty) => new MapCells(scope, "windows", openWindowCodec, startsEmpty, true),
    );
    if ("aggregate" in definition) {
      const accumulators = new Accumulators(this.state, context.operator, definition.aggregate);
      this.#contents = accumulators;
      this.#results = new AggregateResults(accumulators);
    } else {
      const records = new Records(this.state, definition.assigner.kind === "session");
      this.#contents = records;
      this.#results = new FunctionResults(records, definition.apply, definition.evictor, context.operator);
    }
    this.#scope = new TriggerScope(this.eventTimers, this.processingTimers);
  }

  protected override get firesProcessingTimersAtEnd(): boolean {
    return this.#assigner.time === "processing";
  }

  protected override onEnter(): void {
    this.#clockMs = Math.max(this.#clockMs, this.#preparedMs ?? this.nowMs);
    this.#preparedMs = undefined;
    this.#standsAt = this.#assigner.time === "processing" ? this.#clockMs : this.watermark;
    this.#scope.watermark = this.watermark;
    this.#scope.nowMs = this.nowMs;
  }

  // Records

  protected override wantBatch(batch: Batch): void {
    const keys = batch.keys as unknown[];
    const { timestamps } = batch;
    this.#preparedMs = this.context.clock.nowMs();
    const nowMs = Math.max(this.#clockMs, this.#preparedMs);
    const { kind, time } = this.#assigner;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      this.#windows.want(key);
      if (kind === "session" || kind === "global") {
        this.#contents.want(GLOBAL_ID, key);
        continue;
      }
      const at = time === "event" ? timestamps?.[i] : nowMs;
      if (at === undefined || !Number.isFinite(at)) continue; // refused when it is processed
      for (const window of this.#alignedWindows(at)) this.#contents.want(window.end, key);
    }
  }

  protected run(batch: Batch, from: number): void {
    const { values, timestamps } = batch;
    const keys = batch.keys as unknown[];
    const assigner = this.#assigner;
    for (let i = from; i < values.length; i++) {
      const record = values[i];
      const timestamp = timestamps?.[i];
      this.beginRecord(i, keys[i]);
      const isTaken =
        assigner.kind === "global"
          ? this.#add(GLOBAL_ID, ALL_OF_TIME, record, timestamp ?? this.nowMs, timestamp)
          : assigner.kind === "session"
            ? this.#addToSession(assigner, record, timestamp)
            : this.#addToAligned(record, timestamp);
      if (isTaken) continue;
      this.context.metrics.late++;
      this.side(LATE_TAG)?.emit(record, timestamp);
    }
  }

  /** @returns whether the record is in a window */
  #addToAligned(record: unknown, timestamp: number | undefined): boolean {
    const time = this.#timeOf(timestamp);
    const windows = this.#alignedWindows(time);
    let isTaken = false;
    for (let i = 0; i < windows.length; i++) {
      const window = windows[i] as Window;
      if (this.#isLate(window)) continue;
      isTaken = this.#add(window.end, window, record, time, timestamp);
    }
    return isTaken;
  }

  #addToSession(assigner: SessionAssigner, record: unknown, timestamp: number | undefined): boolean {
    const time = this.#timeOf(timestamp);
    const opened = { start: time, end: time + assigner.gapOf(record as never) };
    let merged: Window = opened;
    const parts: number[] = [];
    for (const [id, open] of this.#windows.peekAll()) {
      if (!belongTogether(open, opened)) continue;
      parts.push(id);
      merged = cover(merged, open);
    }
    if (parts.length === 0) {
      // The start names no other window: it would be inside that window.
      return !this.#isLate(opened) && this.#add(opened.start, opened, record, time, timestamp);
    }
    return this.#add(this.#merge(parts, merged), merged, record, time, timestamp);
  }

  /** @returns the name of the window that `parts` are now */
  #merge(parts: number[], merged: Window): number {
    const windows = this.#windows;
    // Oldest first, so that the result does not depend on the order in which the windows were opened.
    parts.sort((a, b) => (windows.peek(a) as OpenWindow).start - (windows.peek(b) as OpenWindow).start);
    const id = parts[0] as number;
    const first = windows.peek(id) as OpenWindow;
    if (parts.length === 1 && first.start === merged.start && first.end === merged.end) return id;
    const states: unknown[] = [];
    let fired = 0;
    let wasOnTime = false;
    for (const part of parts) {
      const open = windows.peek(part) as OpenWindow;
      this.#clearTimers(part, open);
      states.push(open.state);
      fired = Math.max(fired, open.fired);
      wasOnTime ||= open.wasOnTime;
      if (part !== id) windows.delete(part);
    }
    this.#contents.merge(id, parts.slice(1));
    const open: OpenWindow = {
      start: merged.start,
      end: merged.end,
      state: undefined,
      fired,
      wasOnTime: wasOnTime && this.#hasEnded(merged),
      newest: undefined,
    };
    this.#pointAt(id, open, undefined);
    this.#trigger.onMerge?.(states, this.#scope);
    windows.set(id, { ...open, state: this.#scope.state });
    this.#setGoing(id, open);
    return id;
  }

  /** Adds the record to one window, which fires if its trigger says so. @returns true */
  #add(id: number, window: Window, record: unknown, time: number, timestamp: number | undefined): boolean {
    const known = this.#windows.peek(id);
    let open = known ?? openWindow(window);
    if (id === GLOBAL_ID && this.#assigner.kind === "global" && timestamp !== undefined) {
      const newest = open.newest === undefined ? timestamp : Math.max(open.newest, timestamp);
      if (newest !== open.newest) open = { ...open, newest };
    }
    this.#contents.add(id, record, time);
    this.#pointAt(id, open, timestamp);
    const result = this.#trigger.onElement(record as never, this.#scope);
    if (known === undefined) this.#setGoing(id, open);
    this.#act(result, id, open, known);
    return true;
  }

  #timeOf(timestamp: number | undefined): number {
    if (this.#assigner.time === "processing") return this.#clockMs;
    if (timestamp === undefined || !Number.isFinite(timestamp))
      throw new MissingTimestampError(this.context.operator, timestamp);
    return timestamp;
  }

  #alignedWindows(time: number): readonly Window[] {
    if (time >= this.#pane && time < this.#paneEnd) return this.#windowsOfPane;
    const assigner = this.#assigner as AlignedAssigner;
    this.#pane = paneOf(assigner, time);
    this.#paneEnd = paneEnd(assigner, this.#pane);
    this.#windowsOfPane = windowsOfPane(assigner, this.#pane);
    return this.#windowsOfPane;
  }

  // Results

  /** @param stored what storage has of the window */
  #act(result: TriggerResult, id: number, open: OpenWindow, stored: OpenWindow | undefined): void {
    const fires = result === "fire" || result === "fireAndPurge";
    const purges = result === "purge" || result === "fireAndPurge" || (fires && this.#discarding);
    const emits = fires && this.#emit(id, open, purges);
    if (purges) {
      this.#contents.purge(id, open);
      this.#trigger.onPurge?.(this.#scope);
    }
    const { state } = this.#scope;
    let next = state === open.state ? open : { ...open, state };
    if (emits) next = { ...next, fired: open.fired + 1, wasOnTime: open.wasOnTime || this.#hasEnded(open) };
    // Without contents and without memory of the trigger the global window is as good as new, and nothing else would end it.
    if (purges && state === undefined && this.#assigner.kind === "global") this.#windows.delete(id);
    else if (next !== stored) this.#windows.set(id, next);
  }

  /** @returns whether there was something to emit */
  #emit(id: number, open: OpenWindow, purges: boolean): boolean {
    const timing = !this.#hasEnded(open) ? "early" : open.wasOnTime ? "late" : "onTime";
    const pane: Pane = { timing, index: open.fired };
    const timestamp = open.end === Number.POSITIVE_INFINITY ? open.newest : open.end - 1;
    return this.#results.emit(this, id, open, pane, timestamp, !purges);
  }

  /** For {@link Results}. */
  emitResult(value: unknown, timestamp: number | undefined): void {
    this.output.emit(value, timestamp);
  }

  /** For {@link Results}. */
  emitSide(tag: string, value: unknown, timestamp: number | undefined): void {
    this.checkInside("side");
    this.side(tag)?.emit(value, timestamp);
  }

  /** For {@link Results}. */
  refuse(result: unknown): void {
    this.refusePromise(result, "apply");
  }

  get key(): unknown {
    return this.state.key;
  }

  get scope(): TriggerScope {
    return this.#scope;
  }

  #hasEnded(window: Window): boolean {
    return this.#standsAt >= (this.#assigner.time === "processing" ? window.end : window.end - 1);
  }

  // Time

  protected override wantTimer(timer: Timer): void {
    this.#windows.want(timer.key);
    this.#contents.want(timer.namespace as number, timer.key);
  }

  protected override isReady(timer: Timer): boolean {
    return this.#windows.knows(timer.key) && this.#contents.knows(timer.namespace as number, timer.key);
  }

  protected fire(timer: Timer): void {
    const id = timer.namespace as number;
    const open = this.#windows.peek(id);
    if (open === undefined) return; // the timer was set for a window that is part of another one now, or gone
    const { time } = timer;
    const isEvent = timer.kind === "event";
    if (!isEvent) {
      // At the end of the input timers fire before their time.
      this.#scope.nowMs = Math.max(this.nowMs, time);
      if (this.#assigner.time === "processing") this.#clockMs = Math.max(this.#clockMs, time);
    }
    if (isEvent === (this.#assigner.time !== "processing")) this.#standsAt = time;
    this.#pointAt(id, open, undefined);
    const trigger = this.#trigger;
    const result = isEvent
      ? trigger.onEventTime?.(time, this.#scope)
      : trigger.onProcessingTime?.(time, this.#scope);
    this.#act(result ?? "continue", id, open, open);
    if (this.#isGoing(timer, open)) this.#close(id);
  }

  /** The window goes although its last result could not be made. */
  protected override abandon(timer: Timer): void {
    const id = timer.namespace as number;
    const open = this.#windows.peek(id);
    if (open !== undefined && this.#isGoing(timer, open)) this.#close(id);
  }

  protected override describe(timer: Timer): unknown {
    const open = this.#windows.peek(timer.namespace as number);
    return { key: timer.key, ...(open && { window: { start: open.start, end: open.end } }) };
  }

  #close(id: number): void {
    const open = this.#windows.peek(id);
    if (open === undefined) return;
    this.#clearTimers(id, open);
    this.#contents.purge(id, open);
    this.#windows.delete(id);
  }

  #clearTimers(id: number, open: OpenWindow): void {
    this.#pointAt(id, open, undefined);
    this.#trigger.clear?.(this.#scope);
    const at = this.#goesAt(open);
    if (at === undefined) return;
    const timers = this.#assigner.time === "processing" ? this.processingTimers : this.eventTimers;
    timers.delete(id, this.state.key, at);
  }

  #setGoing(id: number, open: OpenWindow): void {
    const at = this.#goesAt(open);
    if (at === undefined) return;
    const timers = this.#assigner.time === "processing" ? this.processingTimers : this.eventTimers;
    timers.register(id, this.state.key, at);
  }

  /** When the window goes, in its own time; undefined when it never does. */
  #goesAt(window: Window): number | undefined {
    if (this.#assigner.time === "processing") return window.end;
    return window.end === Number.POSITIVE_INFINITY ? undefined : window.end - 1 + this.#allowedLatenessMs;
  }

  #isGoing(timer: Timer, open: OpenWindow): boolean {
    // The end of the input ends the global window too.
    if (timer.time === Number.POSITIVE_INFINITY) return true;
    return timer.kind === this.#assigner.time && timer.time === this.#goesAt(open);
  }

  #isLate(window: Window): boolean {
    return this.#assigner.time === "event" && (this.#goesAt(window) as number) <= this.watermark;
  }

  #pointAt(id: number, open: OpenWindow, timestamp: number | undefined): void {
    const at = this.#goesAt(open);
    const isEvent = this.#assigner.time === "event";
    this.#scope.pointAt(
      this.state.key,
      id,
      open,
      timestamp,
      isEvent ? at : undefined,
      isEvent ? undefined : at,
    );
  }
}

/** Makes the results of a window that fires. */
interface Results {
  /** @param goesOn what the window holds is used further. @returns whether there was something to emit */
  emit(
    operator: GeneralWindowOperator,
    id: number,
    open: OpenWindow,
    pane: Pane,
    timestamp: number | undefined,
    goesOn: boolean,
  ): boolean;
}

class AggregateResults implements Results {
  readonly #accumulators: Accumulators<unknown, unknown, unknown>;

  constructor(accumulators: Accumulators<unknown, unknown, unknown>) {
    this.#accumulators = accumulators;
  }

  emit(
    operator: GeneralWindowOperator,
    id: number,
    { start, end }: OpenWindow,
    pane: Pane,
    timestamp: number | undefined,
    goesOn: boolean,
  ): boolean {
    const result = this.#accumulators.result(id, goesOn);
    if (result === undefined) return false;
    const { key } = operator;
    operator.emitResult({ key, value: result.value, window: { start, end }, pane }, timestamp);
    return true;
  }
}

class FunctionResults implements Results {
  readonly #records: Records;
  readonly #apply: WindowFunction<unknown, unknown, unknown>;
  readonly #evictor: Evictor<unknown> | undefined;
  readonly #operator: string;

  constructor(
    records: Records,
    apply: WindowFunction<unknown, unknown, unknown>,
    evictor: Evictor<unknown> | undefined,
    operator: string,
  ) {
    this.#records = records;
    this.#apply = apply;
    this.#evictor = evictor;
    this.#operator = operator;
  }

  emit(
    operator: GeneralWindowOperator,
    id: number,
    open: OpenWindow,
    pane: Pane,
    timestamp: number | undefined,
  ): boolean {
    const evictor = this.#evictor;
    if (evictor !== undefined && evictor.when !== "after") this.#evict(operator, id, open, evictor);
    const records = this.#records.of(id, open).map(({ record }) => record);
    if (records.length === 0) return false;
    const { watermark, nowMs } = operator.scope;
    const context: WindowFunctionContext = {
      pane,
      watermark,
      nowMs,
      side: <T>({ tag }: SideTag<T>, value: T) => operator.emitSide(tag, value, timestamp),
    };
    const made: unknown = this.#apply(operator.key, { start: open.start, end: open.end }, records, context);
    operator.refuse(made);
    if (made === null || made === undefined || !(Symbol.iterator in Object(made)))
      throw new NotIterableError(this.#operator, made, "apply");
    for (const value of made as Iterable<unknown>) operator.emitResult(value, timestamp);
    if (evictor?.when === "after") this.#evict(operator, id, open, evictor);
    return true;
  }

  #evict(operator: GeneralWindowOperator, id: number, open: OpenWindow, evictor: Evictor<unknown>): void {
    const records = this.#records.of(id, open);
    if (records.length === 0) return;
    const { watermark, nowMs } = operator.scope;
    const window = { start: open.start, end: open.end };
    const stays = evictor.select(records, { window, watermark, nowMs });
    const kept = records.map((_, position) => stays(position));
    if (kept.includes(false)) this.#records.keep(id, open, (position) => kept[position] === true);
  }
}
