// What a worker gives to the partitions it hosts: one object per session, shared by all of them.
import type { ChannelWatch } from "../broker/channel-watch.ts";
import type { FrameCutter } from "../broker/frame-cutter.ts";
import type { LocalExchange } from "../broker/local-exchange.ts";
import type { SourceSplit } from "../connectors/contract.ts";
import type { Frame } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import type { ChannelId, PartitionId } from "../core/ids.ts";
import type { ChannelReader } from "../core/ports/channel.ts";
import type { StateBackend } from "../core/ports/state-backend.ts";
import type { Telemetry } from "../core/ports/telemetry.ts";
import type { JobPlan } from "../plan/plan.ts";
import type { BacklogPoller } from "./backlog-poller.ts";
import type { Dispatcher } from "./kernel/dispatcher.ts";
import type { MemoryGauge } from "./memory-gauge.ts";
import type { EngineSettings } from "./settings.ts";
import type { SourceAlignment } from "./source-alignment.ts";

export interface PartitionEnvironment {
  readonly plan: JobPlan;
  readonly settings: EngineSettings;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly dispatcher: Dispatcher;
  readonly backend: StateBackend;
  readonly reader: ChannelReader;
  readonly watch: ChannelWatch;
  readonly backlog: BacklogPoller;
  readonly memory: MemoryGauge;
  readonly exchange: LocalExchange;
  readonly alignment: SourceAlignment;
  readonly cut: FrameCutter;
  readonly decode: (payload: Uint8Array, channel: ChannelId) => Frame;
  /** False in embedded jobs, where values stay in the heap. */
  readonly encodesOnCommit: boolean;
  /** Splits of every source stage, as stored with the job. */
  readonly splits: ReadonlyMap<string, readonly SourceSplit[]>;
  readonly worker: string;
  /** The job's Redis, for sources that read from it; undefined in embedded jobs. */
  readonly redisUrl: string | undefined;
  readonly incarnation: number;
  /** Of the registry of state layouts that the plan was checked against. */
  readonly layoutSeq: number;
}

/** How a partition tells its worker what became of it. */
export interface PartitionEvents {
  onRunning(partition: PartitionId): void;
  /** The input is over and everything is durable. */
  onEnded(partition: PartitionId): void;
  onFailed(partition: PartitionId, error: Error): void;
  /** The store refuses writes for now; the commit is sent again until it takes it. */
  onCommitRefused(partition: PartitionId, reason: string): void;
}
