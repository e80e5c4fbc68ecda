// ConditionModel — composed conditions by their definition: a tree per window, with a bit for what is over, asked all the time.
import type { TriggerCondition } from "../../src/operators/trigger-conditions.ts";
import { triggers } from "../../src/operators/triggers.ts";

export type ConditionSpec =
  | { readonly kind: "count"; readonly records: number }
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "end" }
  | { readonly kind: "any" | "all" | "order"; readonly parts: readonly ConditionSpec[] }
  | { readonly kind: "repeat"; readonly part: ConditionSpec }
  | {
      readonly kind: "watermark";
      readonly early: ConditionSpec | undefined;
      readonly late: ConditionSpec | undefined;
    };

export function conditionOf(spec: ConditionSpec): TriggerCondition {
  switch (spec.kind) {
    case "count":
      return triggers.afterCount(spec.records);
    case "delay":
      return triggers.afterProcessingTime(spec.ms);
    case "end":
      return triggers.afterEndOfWindow();
    case "any":
      return triggers.anyOf(...spec.parts.map(conditionOf));
    case "all":
      return triggers.allOf(...spec.parts.map(conditionOf));
    case "order":
      return triggers.inOrder(...spec.parts.map(conditionOf));
    case "repeat":
      return triggers.repeatedly(conditionOf(spec.part));
    case "watermark":
      return triggers.afterWatermark({
        ...(spec.early && { early: conditionOf(spec.early) }),
        ...(spec.late && { late: conditionOf(spec.late) }),
      });
  }
}

/** What a condition is asked with. */
export interface Moment {
  readonly watermark: number;
  readonly nowMs: number;
  /** End of the window, exclusive. */
  readonly end: number;
}

const hasEnded = ({ watermark, end }: Moment): boolean => watermark >= end - 1;

export class ConditionModel {
  readonly spec: ConditionSpec;
  /** Of an afterWatermark: early and late, where there are such. */
  readonly parts: (ConditionModel | undefined)[];
  /** Of those that have no parts, and of an afterWatermark without late results. */
  #isOver = false;
  #records = 0;
  #dueMs: number | undefined = undefined;
  /** Records wait for the end of the window. */
  #waits = false;
  #isLate = false;
  /** Parts of an order that have begun. */
  #begun = 1;

  constructor(spec: ConditionSpec) {
    this.spec = spec;
    const parts =
      spec.kind === "repeat"
        ? [spec.part]
        : spec.kind === "watermark"
          ? [spec.early, spec.late].map((part): ConditionSpec | undefined =>
              part === undefined ? undefined : { kind: "repeat", part },
            )
          : "parts" in spec
            ? spec.parts
            : [];
    this.parts = parts.map((part) => part && new ConditionModel(part));
  }

  get isOver(): boolean {
    const all = this.parts as ConditionModel[];
    if (this.spec.kind === "any") return all.some((part) => part.isOver);
    if (this.spec.kind === "all" || this.spec.kind === "order") return all.every((part) => part.isOver);
    return this.#isOver;
  }

  /** The parts that have a say. */
  #turn(): ConditionModel[] {
    const all = this.parts as ConditionModel[];
    if (this.spec.kind === "order") return [all[this.#begun - 1] as ConditionModel];
    if (this.spec.kind === "watermark") return all.slice(+this.#isLate, +this.#isLate + 1).filter(Boolean);
    return all.filter((part) => !part.isOver);
  }

  begin(moment: Moment): void {
    this.#waits = !hasEnded(moment);
    for (const part of this.#turn()) part.begin(moment);
  }

  record(moment: Moment): void {
    this.#records++;
    this.#waits = true;
    if (this.spec.kind === "delay") this.#dueMs ??= moment.nowMs + this.spec.ms;
    for (const part of this.#turn()) part.record(moment);
  }

  isReady(moment: Moment): boolean {
    const { spec } = this;
    const parts = this.#turn();
    if (spec.kind === "count") return this.#records >= spec.records;
    if (spec.kind === "delay") return this.#dueMs !== undefined && moment.nowMs >= this.#dueMs;
    if (spec.kind === "end") return this.#waits && hasEnded(moment);
    if (spec.kind === "all") return parts.every((part) => part.isReady(moment));
    if (spec.kind === "watermark" && this.#waits && !this.#isLate && hasEnded(moment)) return true;
    return parts.some((part) => part.isReady(moment));
  }

  fire(moment: Moment): void {
    const { kind } = this.spec;
    if (kind === "watermark" && !this.#isLate && hasEnded(moment)) {
      this.#isLate = true;
      this.#isOver = this.parts[1] === undefined;
      this.parts[0]?.reset();
      return;
    }
    if (this.parts.length === 0) {
      this.reset();
      this.#isOver = true;
      return;
    }
    for (const part of this.#turn()) if (part.isReady(moment)) part.fire(moment);
    this.#settle();
    if (kind === "order" && this.parts[this.#begun - 1]?.isOver === true && this.#begun < this.parts.length)
      this.parts[this.#begun++]?.begin(moment);
  }

  /** What is repeated begins again; what the other parts of an `any` waited for has been emitted. */
  #settle(): void {
    const all = this.parts as ConditionModel[];
    if (this.spec.kind === "repeat") for (const part of all) if (part.isOver) part.reset();
    if (this.spec.kind === "any" && this.isOver) for (const part of all) if (!part.isOver) part.reset();
  }

  reset(): void {
    this.#isOver = false;
    this.#records = 0;
    this.#dueMs = undefined;
    this.#waits = false;
    this.#isLate = false;
    this.#begun = 1;
    for (const part of this.parts) part?.reset();
  }

  /** The condition of the window that several have become. */
  static merge(spec: ConditionSpec, several: readonly ConditionModel[], moment: Moment): ConditionModel {
    const merged = new ConditionModel(spec);
    const ended = hasEnded(moment);
    const mergePart = (i: number, from: readonly ConditionModel[]): ConditionModel | undefined => {
      const part = merged.parts[i];
      if (part === undefined || from.length === 0) return part;
      return ConditionModel.merge(
        part.spec,
        from.map((one) => one.parts[i] as ConditionModel),
        moment,
      );
    };
    switch (spec.kind) {
      case "count":
      case "delay": {
        merged.#isOver = several.some((one) => one.#isOver);
        const due = several.map((one) => one.#dueMs).filter((one) => one !== undefined);
        if (merged.#isOver) break;
        merged.#records = several.reduce((sum, one) => sum + one.#records, 0);
        merged.#dueMs = due.length === 0 ? undefined : Math.min(...due);
        break;
      }
      case "end":
        merged.#waits = !ended || several.some((one) => one.#waits);
        merged.#isOver = !merged.#waits && several.every((one) => one.#isOver);
        break;
      case "watermark": {
        const going = several.filter((one) => !one.#isOver && (one.#waits || one.#isLate));
        merged.#isOver = ended && several.every((one) => one.#isOver);
        merged.#isLate = ended && going.length > 0 && going.every((one) => one.#isLate);
        merged.#waits = !ended || going.length > 0;
        const phase = +merged.#isLate;
        merged.parts[phase] = mergePart(
          phase,
          going.filter((one) => one.#isLate === merged.#isLate),
        );
        break;
      }
      case "order":
        for (let i = 0; i < spec.parts.length; i++) {
          merged.#begun = i + 1;
          merged.parts[i] = mergePart(
            i,
            several.filter((one) => one.#begun > i),
          );
          if (merged.parts[i]?.isOver !== true) break;
        }
        break;
      default:
        for (let i = 0; i < merged.parts.length; i++) merged.parts[i] = mergePart(i, several);
        merged.#settle();
    }
    return merged;
  }
}
