// general window — windows of any assigner with any trigger: early, late and repeated results, sessions, full contents.
// Step 4 of the walk (ARCHITECTURE.md).
//
// All open windows of a key stand in one map under the key, so that sessions can be found and merged in one commit, and
// one fetch brings them. A window is named by a number: its end where windows are aligned, the start of its first record
// for sessions, 0 for the global window. The same number is the namespace of its timers.
//
// Owns:      which windows are open; the order of trigger, result and purge.
// Does not:  decide when to emit (src/operators/trigger.ts), know what is late and when a window goes (window-time.ts), how
//            contents are stored (contents.ts) or become results (results.ts), cut time.
//
// Invariant: every open window with an end has a timer, in the same commit, for the moment at which it goes.
//
// Laws (docs/laws.md)
//   W9  For any order of records, watermarks and clock, the results are those of a list of records per window to which
//      the trigger is applied record by record and timer by timer, whatever is restarted in between.
import type { Batch } from "../../core/batch.ts";
import { MapCells } from "../../state/map-state.ts";
import type { SessionAssigner } from "../../time/sessions.ts";
import type { Timer } from "../../time/timer-member.ts";
import { ALL_OF_TIME, type Window } from "../../time/window.ts";
import { type AlignedAssigner, paneEnd, paneOf, windowsOfPane } from "../../time/windows.ts";
import { KeyedOperatorBase } from "../keyed-operator.ts";
import type { KeyedOperatorContext } from "../operator.ts";
import type { AnyTrigger, TriggerResult } from "../trigger.ts";
import { AppliedFunction } from "./applied-function.ts";
import { Accumulators, type Contents, Records } from "./contents.ts";
import { type OpenWindow, openWindow, openWindowCodec } from "./open-window.ts";
import { AggregateResults, FunctionResults, type Results } from "./results.ts";
import { connectedSessions, mergedSession, type NamedSession } from "./session-merge.ts";
import { TriggerScope } from "./trigger-scope.ts";
import type { GeneralWindowDefinition } from "./window-definition.ts";
import { WindowTime } from "./window-time.ts";

/** The one window of a key that has no end. */
const GLOBAL_ID = 0;

export class GeneralWindowOperator extends KeyedOperatorBase {
  readonly #assigner: GeneralWindowDefinition["assigner"];
  readonly #trigger: AnyTrigger;
  readonly #discarding: boolean;
  readonly #windows: MapCells<number, OpenWindow>;
  readonly #contents: Contents;
  readonly #results: Results;
  readonly #time: WindowTime;
  readonly #scope: TriggerScope;
  /** The windows of the last record: those of every timestamp with pane <= timestamp < paneEnd. */
  #pane = Number.NaN;
  #paneEnd = Number.NaN;
  #windowsOfPane: readonly Window[] = [];
  /** Wall clock when the windows of a batch were asked for, which its records go by. */
  #preparedMs: number | undefined = undefined;

  constructor(context: KeyedOperatorContext, definition: GeneralWindowDefinition) {
    super(context);
    const { assigner, trigger, allowedLatenessMs, discarding } = definition;
    const { eventTimers, processingTimers } = this;
    this.#assigner = assigner;
    this.#trigger = trigger;
    this.#discarding = discarding;
    this.#windows = this.state.addCellsOf(
      (scope, startsEmpty) => new MapCells(scope, "windows", openWindowCodec, startsEmpty, true),
    );
    const port = this.contextPort();
    if ("aggregate" in definition) {
      const accumulators = new Accumulators(this.state, context.operator, definition.aggregate);
      this.#contents = accumulators;
      this.#results = new AggregateResults(accumulators, port);
    } else {
      const records = new Records(this.state, assigner.kind === "session");
      const applied = new AppliedFunction(definition.apply, port, (made) =>
        this.refusePromise(made, "apply"),
      );
      this.#contents = records;
      this.#results = new FunctionResults(records, applied, definition.evictor);
    }
    this.#time = new WindowTime(assigner.time, allowedLatenessMs, eventTimers, processingTimers);
    this.#scope = new TriggerScope(eventTimers, processingTimers);
  }

  protected override get firesProcessingTimersAtEnd(): boolean {
    return this.#time.inProcessingTime;
  }

  protected override onEnter(): void {
    this.#time.enter(this.#preparedMs ?? this.nowMs, this.watermark);
    this.#preparedMs = undefined;
    this.#scope.watermark = this.watermark;
    this.#scope.nowMs = this.nowMs;
  }

  // Records

  protected override wantBatch(batch: Batch): void {
    const keys = batch.keys as unknown[];
    const { timestamps } = batch;
    this.#preparedMs = this.context.clock.nowMs();
    const nowMs = this.#time.clockAt(this.#preparedMs);
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
      if (!isTaken) this.leaveLate(record, timestamp);
    }
  }

  /** @returns whether the record is in a window */
  #addToAligned(record: unknown, timestamp: number | undefined): boolean {
    const time = this.#timeOf(timestamp);
    const windows = this.#alignedWindows(time);
    let isTaken = false;
    for (let i = 0; i < windows.length; i++) {
      const window = windows[i] as Window;
      if (this.#time.isLate(window)) continue;
      isTaken = this.#add(window.end, window, record, time, timestamp);
    }
    return isTaken;
  }

  #alignedWindows(time: number): readonly Window[] {
    if (time >= this.#pane && time < this.#paneEnd) return this.#windowsOfPane;
    const assigner = this.#assigner as AlignedAssigner;
    this.#pane = paneOf(assigner, time);
    this.#paneEnd = paneEnd(assigner, this.#pane);
    this.#windowsOfPane = windowsOfPane(assigner, this.#pane);
    return this.#windowsOfPane;
  }

  #addToSession(assigner: SessionAssigner, record: unknown, timestamp: number | undefined): boolean {
    const time = this.#timeOf(timestamp);
    const opened = { start: time, end: time + assigner.gapOf(record as never) };
    const { parts, merged } = connectedSessions(this.#windows, opened);
    const [first] = parts;
    if (first === undefined)
      // The start names no other window: it would be inside that window.
      return !this.#time.isLate(opened) && this.#add(opened.start, opened, record, time, timestamp);
    const [id, open] = first;
    const isPartOf = parts.length === 1 && open.start === merged.start && open.end === merged.end;
    if (!isPartOf) this.#merge(id, parts, merged);
    return this.#add(id, merged, record, time, timestamp);
  }

  /** The parts become one window, under the name of the first one. */
  #merge(id: number, parts: readonly NamedSession[], merged: Window): void {
    for (const [part, open] of parts) {
      this.#clearTimers(part, open);
      if (part !== id) this.#windows.delete(part);
    }
    this.#contents.merge(
      id,
      parts.slice(1).map(([part]) => part),
    );
    const open = mergedSession(parts, merged, this.#time.hasEnded(merged));
    this.#pointAt(id, open, undefined);
    this.#trigger.onMerge?.(
      parts.map(([, { state }]) => state),
      this.#scope,
    );
    this.#windows.set(id, { ...open, state: this.#scope.state });
    this.#time.setGoing(id, this.state.key, open);
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
    if (known === undefined) this.#time.setGoing(id, this.state.key, open);
    this.#act(result, id, open, known);
    return true;
  }

  #timeOf(timestamp: number | undefined): number {
    return this.#time.inProcessingTime ? this.#time.clockMs : this.timestampOf(timestamp);
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
    if (emits)
      next = { ...next, fired: open.fired + 1, wasOnTime: open.wasOnTime || this.#time.hasEnded(open) };
    // Without contents and without memory of the trigger the global window is as good as new, and nothing else would end it.
    if (purges && state === undefined && this.#assigner.kind === "global") this.#windows.delete(id);
    else if (next !== stored) this.#windows.set(id, next);
  }

  /** @returns whether there was something to emit */
  #emit(id: number, open: OpenWindow, purges: boolean): boolean {
    const timing = !this.#time.hasEnded(open) ? "early" : open.wasOnTime ? "late" : "onTime";
    return this.#results.emit({
      key: this.state.key,
      id,
      open,
      pane: { timing, index: open.fired },
      timestamp: open.end === Number.POSITIVE_INFINITY ? open.newest : open.end - 1,
      watermark: this.#scope.watermark,
      nowMs: this.#scope.nowMs,
      goesOn: !purges,
    });
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
    const { kind, time } = timer;
    // At the end of the input timers fire before their time.
    if (kind === "processing") this.#scope.nowMs = Math.max(this.nowMs, time);
    this.#time.standOn(timer);
    this.#pointAt(id, open, undefined);
    const trigger = this.#trigger;
    const result =
      kind === "event"
        ? trigger.onEventTime?.(time, this.#scope)
        : trigger.onProcessingTime?.(time, this.#scope);
    this.#act(result ?? "continue", id, open, open);
    if (this.#time.isGoing(timer, open)) this.#close(id);
  }

  /** The window goes although its last result could not be made. */
  protected override abandon(timer: Timer): void {
    const id = timer.namespace as number;
    const open = this.#windows.peek(id);
    if (open !== undefined && this.#time.isGoing(timer, open)) this.#close(id);
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
    this.#time.deleteGoing(id, this.state.key, open);
  }

  #pointAt(id: number, open: OpenWindow, timestamp: number | undefined): void {
    const at = this.#time.goesAt(open);
    const inProcessingTime = this.#time.inProcessingTime;
    this.#scope.pointAt(
      this.state.key,
      id,
      open,
      timestamp,
      inProcessingTime ? undefined : at,
      inProcessingTime ? at : undefined,
    );
  }
}
