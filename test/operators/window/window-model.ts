// WindowModel — windows by their definition: a list of records per window, a list of timers, and nothing clever.
import { MAX_WATERMARK, MIN_WATERMARK } from "../../../src/core/batch.ts";
import type { Evictor } from "../../../src/operators/evictor.ts";
import type { AnyTrigger, TriggerContext, TriggerResult } from "../../../src/operators/trigger.ts";
import type { SessionAssigner } from "../../../src/time/sessions.ts";
import type { Window } from "../../../src/time/window.ts";
import type { AlignedAssigner } from "../../../src/time/windows.ts";

export interface ModelRecord {
  readonly id: number;
  readonly key: string | number;
  readonly timestamp: number;
  readonly gap: number;
}

export interface ModelResult {
  readonly key: string | number;
  readonly start: number;
  readonly end: number;
  readonly ids: readonly number[];
  readonly timing: string;
  readonly index: number;
}

export interface ModelOptions {
  readonly assigner: AlignedAssigner | SessionAssigner<ModelRecord> | { kind: "global"; time: undefined };
  readonly trigger: AnyTrigger;
  readonly allowedLatenessMs: number;
  readonly discarding: boolean;
  readonly evictor: Evictor<ModelRecord> | undefined;
}

interface Open {
  readonly key: string | number;
  start: number;
  end: number;
  records: { record: ModelRecord; timestamp: number }[];
  state: unknown;
  fired: number;
  wasOnTime: boolean;
  isNew: boolean;
}

interface ModelTimer {
  readonly kind: "event" | "processing";
  readonly open: Open;
  readonly time: number;
}

/** The windows that contain a timestamp, from the definition alone. */
export function windowsByDefinition(assigner: AlignedAssigner, timestamp: number): Window[] {
  const { kind, sizeMs, slideMs, offsetMs } = assigner;
  const windows: Window[] = [];
  if (kind === "cumulative") {
    for (let start = timestamp - sizeMs; start <= timestamp; start++) {
      if (!Number.isInteger((start - offsetMs) / sizeMs)) continue;
      for (let end = start + slideMs; end <= start + sizeMs; end += slideMs)
        if (start <= timestamp && timestamp < end) windows.push({ start, end });
    }
    return windows;
  }
  for (let start = timestamp - sizeMs; start <= timestamp; start++)
    if (Number.isInteger((start - offsetMs) / slideMs) && timestamp < start + sizeMs)
      windows.push({ start, end: start + sizeMs });
  return windows;
}

export class WindowModel {
  readonly results: ModelResult[] = [];
  readonly late: number[] = [];
  readonly #options: ModelOptions;
  #opens: Open[] = [];
  #timers: ModelTimer[] = [];
  #watermark = MIN_WATERMARK;
  #clockMs = MIN_WATERMARK;
  /** Time of the timer that fires, in the time of the windows. */
  #firing: number | undefined = undefined;
  #nowMs: number;

  constructor(options: ModelOptions, nowMs: number) {
    this.#options = options;
    this.#nowMs = nowMs;
  }

  get #inProcessingTime(): boolean {
    return this.#options.assigner.time === "processing";
  }

  record(record: ModelRecord): void {
    this.#clockMs = Math.max(this.#clockMs, this.#nowMs);
    const { assigner } = this.#options;
    const time = this.#inProcessingTime ? this.#clockMs : record.timestamp;
    if (assigner.kind === "global") {
      const open = this.#opens.find(({ key }) => key === record.key);
      this.#add(open ?? this.#open(record.key, -Infinity, Infinity), record, time);
      return;
    }
    if (assigner.kind === "session") {
      this.#session(assigner, record, time);
      return;
    }
    const windows = windowsByDefinition(assigner, time).filter((window) => !this.#isLate(window));
    if (windows.length === 0) this.late.push(record.id);
    for (const { start, end } of windows) {
      const open = this.#opens.find((each) => each.key === record.key && each.end === end);
      this.#add(open ?? this.#open(record.key, start, end), record, time);
    }
  }

  #session(assigner: SessionAssigner<ModelRecord>, record: ModelRecord, time: number): void {
    let start = time;
    let end = time + assigner.gapOf(record);
    const parts = this.#opens.filter(
      (open) => open.key === record.key && open.start <= time + assigner.gapOf(record) && time <= open.end,
    );
    if (parts.length === 0) {
      if (this.#isLate({ start, end })) this.late.push(record.id);
      else this.#add(this.#open(record.key, start, end), record, time);
      return;
    }
    for (const part of parts) {
      start = Math.min(start, part.start);
      end = Math.max(end, part.end);
    }
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && only.start === start && only.end === end) {
      this.#add(only, record, time);
      return;
    }
    parts.sort((a, b) => a.start - b.start);
    for (const part of parts) {
      this.#options.trigger.clear?.(this.#context(part, undefined));
      this.#timers = this.#timers.filter(
        ({ open, kind, time: at }) => !(open === part && this.#isGoing(open, kind, at)),
      );
    }
    this.#opens = this.#opens.filter((open) => !parts.includes(open));
    const merged = this.#open(record.key, start, end);
    merged.isNew = false;
    // In the order of arrival, where lists are kept in that order; folds go by the start of their windows.
    merged.records = parts.flatMap((part) => part.records).sort((a, b) => a.record.id - b.record.id);
    merged.fired = Math.max(...parts.map(({ fired }) => fired));
    merged.wasOnTime = parts.some(({ wasOnTime }) => wasOnTime) && this.#hasEnded(merged);
    // Timers that the trigger left behind belong to the window that goes on.
    this.#timers = this.#timers.map((timer) =>
      timer.open === parts[0] ? { ...timer, open: merged } : timer,
    );
    const context = this.#context(merged, undefined);
    this.#options.trigger.onMerge?.(
      parts.map(({ state }) => state),
      context,
    );
    merged.state = context.state;
    this.#opens.push(merged);
    this.#setGoing(merged);
    this.#add(merged, record, time);
  }

  #open(key: string | number, start: number, end: number): Open {
    return { key, start, end, records: [], state: undefined, fired: 0, wasOnTime: false, isNew: true };
  }

  #add(open: Open, record: ModelRecord, time: number): void {
    if (open.isNew) this.#opens.push(open);
    open.records.push({ record, timestamp: time });
    const context = this.#context(open, record.timestamp);
    const result = this.#options.trigger.onElement(record as never, context);
    open.state = context.state;
    if (open.isNew) this.#setGoing(open);
    open.isNew = false;
    this.#act(result, open);
  }

  #act(result: TriggerResult, open: Open): void {
    const fires = result === "fire" || result === "fireAndPurge";
    const purges = result === "purge" || result === "fireAndPurge" || (fires && this.#options.discarding);
    if (fires) this.#emit(open);
    if (purges) {
      open.records = [];
      const context = this.#context(open, undefined);
      this.#options.trigger.onPurge?.(context);
      open.state = context.state;
    }
    if (purges && open.state === undefined && this.#options.assigner.kind === "global")
      this.#opens = this.#opens.filter((each) => each !== open);
  }

  #emit(open: Open): void {
    const { evictor } = this.#options;
    const { start, end, key } = open;
    if (evictor !== undefined && evictor.when !== "after") this.#evict(open, evictor);
    if (open.records.length === 0) return;
    const timing = !this.#hasEnded(open) ? "early" : open.wasOnTime ? "late" : "onTime";
    const ids = open.records.map(({ record }) => record.id);
    this.results.push({ key, start, end, ids, timing, index: open.fired++ });
    open.wasOnTime ||= this.#hasEnded(open);
    if (evictor?.when === "after") this.#evict(open, evictor);
  }

  #evict(open: Open, evictor: Evictor<ModelRecord>): void {
    const { start, end } = open;
    if (open.records.length === 0) return;
    const stays = evictor.select(open.records, {
      window: { start, end },
      watermark: this.#watermark,
      nowMs: this.#nowMs,
    });
    open.records = open.records.filter((_, position) => stays(position));
  }

  // Time

  watermark(watermark: number): void {
    this.#watermark = Math.max(this.#watermark, watermark);
    this.#clockMs = Math.max(this.#clockMs, this.#nowMs);
    this.#fire("event", this.#watermark);
    if (watermark === MAX_WATERMARK && this.#inProcessingTime) this.#fire("processing", MAX_WATERMARK);
  }

  clock(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#clockMs = Math.max(this.#clockMs, nowMs);
    this.#fire("processing", nowMs);
  }

  #fire(kind: "event" | "processing", through: number): void {
    for (;;) {
      let next: ModelTimer | undefined;
      for (const timer of this.#timers)
        if (timer.kind === kind && timer.time <= through && (next === undefined || timer.time < next.time))
          next = timer;
      if (next === undefined) return;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      const { open, time } = next;
      if (!this.#opens.includes(open)) continue;
      if (kind === "processing") {
        this.#nowMs = Math.max(this.#nowMs, time);
        if (this.#inProcessingTime) this.#clockMs = Math.max(this.#clockMs, time);
      }
      const context = this.#context(open, undefined);
      const { trigger } = this.#options;
      const result =
        kind === "event" ? trigger.onEventTime?.(time, context) : trigger.onProcessingTime?.(time, context);
      open.state = context.state;
      if (kind === "event" || this.#inProcessingTime) this.#firing = time;
      this.#act(result ?? "continue", open);
      this.#firing = undefined;
      if (!this.#isGoing(open, kind, time) && time !== MAX_WATERMARK) continue;
      trigger.clear?.(this.#context(open, undefined));
      this.#opens = this.#opens.filter((each) => each !== open);
    }
  }

  #hasEnded({ end }: Window): boolean {
    return this.#inProcessingTime
      ? (this.#firing ?? this.#clockMs) >= end
      : (this.#firing ?? this.#watermark) >= end - 1;
  }

  #isLate({ end }: Window): boolean {
    return !this.#inProcessingTime && end - 1 + this.#options.allowedLatenessMs <= this.#watermark;
  }

  #goesAt({ end }: Window): number {
    return this.#inProcessingTime ? end : end - 1 + this.#options.allowedLatenessMs;
  }

  #isGoing(open: Open, kind: string, time: number): boolean {
    return kind === this.#options.assigner.time && time === this.#goesAt(open);
  }

  #setGoing(open: Open): void {
    const { time } = this.#options.assigner;
    if (time !== undefined) this.#set(time, open, this.#goesAt(open));
  }

  #set(kind: "event" | "processing", open: Open, time: number): void {
    if (kind === "processing" && time === Infinity) return;
    if (this.#timers.some((timer) => timer.kind === kind && timer.open === open && timer.time === time))
      return;
    this.#timers.push({ kind, open, time });
  }

  #delete(kind: "event" | "processing", open: Open, time: number): void {
    if (this.#isGoing(open, kind, time)) return;
    this.#timers = this.#timers.filter(
      (timer) => !(timer.kind === kind && timer.open === open && timer.time === time),
    );
  }

  #context(open: Open, timestamp: number | undefined): TriggerContext<unknown> {
    return {
      window: open,
      timestamp,
      watermark: this.#watermark,
      nowMs: this.#nowMs,
      state: open.state,
      timers: {
        event: (time) => this.#set("event", open, time),
        deleteEvent: (time) => this.#delete("event", open, time),
        processing: (time) => this.#set("processing", open, time),
        deleteProcessing: (time) => this.#delete("processing", open, time),
      },
    };
  }
}
