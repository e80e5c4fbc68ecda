// Telemetry — the engine's only way to tracing; the default does nothing and costs one call per source batch.
import type { TraceMark } from "../batch.ts";
import type { PartitionId } from "../ids.ts";

/** One step of one traced record. Times are wall clock in epoch ms. */
export interface TracedStep {
  /** The number and name of the step in the eight-step walk, for example `4 process`. */
  readonly step: string;
  readonly partition: PartitionId;
  readonly operator: string | undefined;
  /** Its `spanId` is the parent of the step's span. */
  readonly mark: TraceMark;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface Telemetry {
  /**
   * Decides which records of a source batch are traced, among those that the source did not mark itself.
   * @param recordCount how many those are
   * @returns marks in ascending order of index among those records, or undefined for none
   */
  sample(partition: PartitionId, recordCount: number, nowMs: number): TraceMark[] | undefined;
  /**
   * Called once per traced record and step, when the step is over.
   * @returns the id of its span, 16 hex digits: the parent of the steps that follow; undefined when none was recorded,
   *   and then the steps that follow have the parent of this one
   */
  step(step: TracedStep): string | undefined;
}

export const noTelemetry: Telemetry = {
  sample: () => undefined,
  step: () => undefined,
};
