// What a worker is made of and what it comes back with: the ports through which it reaches the store, and its settings.
import type { RestartPolicy } from "../actors/kernel/supervision.ts";
import type { EngineSettings } from "../actors/settings.ts";
import type { FrameCutter } from "../broker/frame-cutter.ts";
import type { SourceSplit } from "../connectors/contract.ts";
import type { Frame } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import type { ChannelId } from "../core/ids.ts";
import type { ChannelReader } from "../core/ports/channel.ts";
import type { Coordination, JobFailure, JobStatus } from "../core/ports/coordination.ts";
import type { StateBackend } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { JobPlan } from "../plan/plan.ts";
import type { DetectorSettings } from "./failure-detector.ts";
import type { RunEvent } from "./reports.ts";

/** A connection with the store that belongs to one history of it. */
export interface StoreSession {
  readonly backend: StateBackend;
  readonly reader: ChannelReader;
  /**
   * Looks whether the session still holds, and ends it if not.
   * @returns share of the store's memory limit in use; 0 when there is none
   */
  readonly inspect?: () => Promise<number>;
  /** Called once when the session is over; immediately when it is already. */
  onEnd(listener: (cause: Error) => void): void;
  close(): Promise<void>;
}

export interface Heartbeat {
  /** No beat is sent after it resolves. */
  stop(): Promise<void>;
}

export interface WorkerOptions {
  readonly id: string;
  readonly plan: JobPlan;
  readonly incarnation: number;
  /** Of the registry of state layouts that the plan was checked against. */
  readonly layoutSeq: number;
  readonly splits: ReadonlyMap<string, readonly SourceSplit[]>;
  readonly coordination: Coordination;
  /** Undefined for embedded jobs. */
  readonly redisUrl: string | undefined;
  readonly openSession: () => Promise<StoreSession>;
  /** Starts the worker's sign of life once it has joined; `onGone` is called when its record vanished. */
  readonly startHeartbeat: ((onGone: () => void) => Heartbeat) | undefined;
  readonly settings: EngineSettings;
  readonly restart: RestartPolicy;
  readonly detector: DetectorSettings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly cut: FrameCutter;
  readonly decode: (payload: Uint8Array, channel: ChannelId) => Frame;
  /** False for embedded jobs: their state is the heap, so a failed partition cannot be attached again. */
  readonly durable: boolean;
  /** Time between two looks at the control plane when nothing wakes the worker; bounds take-over from below. */
  readonly roundMs: number;
  readonly onEvent: (event: RunEvent) => void;
}

/** How the job stood when the worker left it. */
export interface WorkerOutcome {
  readonly status: JobStatus;
  readonly failure: JobFailure | undefined;
}
