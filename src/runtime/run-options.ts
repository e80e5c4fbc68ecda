// What a user may set when a job is run.
import { defaultSettings, type EngineSettings } from "../actors/settings.ts";
import { checkOptions } from "../core/options.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import { InvalidSettingError } from "./errors.ts";
import { type DetectorSettings, defaultDetectorSettings } from "./failure-detector.ts";
import type { RunEvent } from "./reports.ts";

export interface RunOptions {
  /** Partitions per stage where the job does not say; only counts when the job is created. Default 2 × cores. */
  readonly parallelism?: number | undefined;
  /** Delete what an earlier job of this name left, then begin anew. Default false. */
  readonly fresh?: boolean | undefined;
  /** Only join a job that exists. Default false: create it if it does not. */
  readonly joinOnly?: boolean | undefined;
  /** Other processes take part: refuse sinks that keep results in this one. Default false. */
  readonly shared?: boolean | undefined;
  readonly settings?: Partial<EngineSettings> | undefined;
  /** A worker whose heartbeat stands still for so long loses its partitions. Default 1,500 ms. */
  readonly deadAfterMs?: number | undefined;
  readonly telemetry?: Telemetry | undefined;
  /** Restarts, lost sessions, partitions that start and end. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

const RANGES: { readonly [Name in keyof EngineSettings]: readonly [min: number, max: number] } = {
  commitIntervalMs: [1, 60_000],
  epochBytes: [1_024, 16_000_000],
  epochWrites: [1, 100_000],
  highEntries: [2, 100_000],
  highBytes: [65_536, 1_000_000_000],
  mailboxFrames: [2, 10_000],
  frameRecords: [1, 1_000_000],
  frameBytes: [1_024, 16_000_000],
  sourceBatchRecords: [1, 1_000_000],
  watermarkIntervalMs: [1, 60_000],
  timerSlice: [1, 1_000_000],
  cacheEntries: [100, 100_000_000],
};

/** @throws {UnknownOptionError | InvalidSettingError} */
export function resolveSettings(settings: Partial<EngineSettings> | undefined): EngineSettings {
  checkOptions("settings", settings, Object.keys(RANGES) as (keyof EngineSettings)[]);
  const resolved: EngineSettings = { ...defaultSettings, ...settings };
  for (const [name, [min, max]] of Object.entries(RANGES))
    checkRange(name, resolved[name as keyof EngineSettings], min, max);
  return resolved;
}

/** @throws {InvalidSettingError} */
export function resolveDetector(deadAfterMs: number | undefined): DetectorSettings {
  if (deadAfterMs === undefined) return defaultDetectorSettings;
  // Below a few heartbeats every worker would be declared dead; above an hour nobody ever.
  checkRange("deadAfterMs", deadAfterMs, 100, 3_600_000);
  return { ...defaultDetectorSettings, deadAfterMs };
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new InvalidSettingError(name, value, `a whole number from ${min} to ${max}`);
}
