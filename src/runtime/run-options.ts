// What a user may set when a job is run.
import { defaultRestartPolicy, type RestartPolicy } from "../actors/kernel/supervision.ts";
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
  /** Other processes take part: refuse sources and sinks that live in this one. Default false. */
  readonly shared?: boolean | undefined;
  readonly settings?: Partial<EngineSettings> | undefined;
  /**
   * How often and after which waits a partition that failed is tried again before the job fails. Without effect on
   * embedded jobs, whose state is the heap: there the first failure ends the job. Default: 10 times in 26 s.
   */
  readonly restart?: Partial<RestartPolicy> | undefined;
  /**
   * A worker whose heartbeat stands still for so long loses its partitions: 750 ms or more, since a live worker beats
   * every 250 ms. Default 1,500 ms.
   */
  readonly deadAfterMs?: number | undefined;
  readonly telemetry?: Telemetry | undefined;
  /** Restarts, lost sessions, partitions that start and end. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

type Ranges<T> = { readonly [Name in keyof T]: readonly [min: number, max: number] };

const SETTING_RANGES: Ranges<EngineSettings> = {
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

const RESTART_RANGES: Ranges<RestartPolicy> = {
  maxRestarts: [0, 1_000_000],
  initialBackoffMs: [1, 3_600_000],
  maxBackoffMs: [1, 3_600_000],
  resetAfterMs: [1, 86_400_000],
};

/** Three heartbeats, so that one may be lost and one late; above an hour nobody would ever be declared dead. */
export const DEAD_AFTER_RANGE_MS = [750, 3_600_000] as const;

/** @throws {UnknownOptionError | InvalidSettingError} */
export function resolveSettings(settings: Partial<EngineSettings> | undefined): EngineSettings {
  return resolve("settings", settings, defaultSettings, SETTING_RANGES);
}

/** @throws {UnknownOptionError | InvalidSettingError} */
export function resolveRestart(restart: Partial<RestartPolicy> | undefined): RestartPolicy {
  const policy = resolve("restart", restart, defaultRestartPolicy, RESTART_RANGES);
  const { initialBackoffMs, maxBackoffMs } = policy;
  if (maxBackoffMs < initialBackoffMs)
    throw new InvalidSettingError(
      "maxBackoffMs",
      maxBackoffMs,
      `initialBackoffMs (${initialBackoffMs}) or more`,
    );
  return policy;
}

/** @throws {InvalidSettingError} */
export function resolveDetector(deadAfterMs: number | undefined): DetectorSettings {
  if (deadAfterMs === undefined) return defaultDetectorSettings;
  checkRange("deadAfterMs", deadAfterMs, ...DEAD_AFTER_RANGE_MS);
  return { ...defaultDetectorSettings, deadAfterMs };
}

function resolve<T extends object>(
  owner: string,
  given: Partial<T> | undefined,
  defaults: T,
  ranges: Ranges<T>,
): T {
  const names = Object.keys(ranges) as Extract<keyof T, string>[];
  checkOptions<Partial<T>>(owner, given, names);
  const resolved: T = { ...defaults, ...given };
  for (const name of names) {
    const [min, max] = ranges[name];
    checkRange(name, resolved[name], min, max);
  }
  return resolved;
}

function checkRange(name: string, value: unknown, min: number, max: number): void {
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max)
    throw new InvalidSettingError(name, value, `a whole number from ${min} to ${max}`);
}
