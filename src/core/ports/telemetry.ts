// Telemetry — the engine's only way to tracing; the default does nothing and costs one call per source batch.
import type { TraceMark } from "../batch.ts";
import type { PartitionId } from "../ids.ts";

/** One step of one traced record. Times are wall clock in epoch ms. */
export interface TracedStep {
  /** The number and name of the step in the eight-step walk, for example `4 process`. */
  readonly step: string;
  readonly partition: PartitionId;
  readonly operator: string | undefined;
  readonly mark: TraceMark;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
}

export interface Telemetry {
  /**
   * Decides which records of a source batch are traced.
   * @returns marks in ascending order of index, or undefined for none
   */
  sample(partition: PartitionId, recordCount: number, nowMs: number): TraceMark[] | undefined;
  /** Called for traced records only. @returns the id of the span it opened, 16 hex digits, or undefined */
  step(step: TracedStep): string | undefined;
}

export const noTelemetry: Telemetry = {
  sample: () => undefined,
  step: () => undefined,
};
