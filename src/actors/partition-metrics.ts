// What one partition tells about itself: for the progress table, status and dashboards.
import type { PartitionId } from "../core/ids.ts";
import type { RequestFigures } from "../operators/async/async-operator.ts";
import type { OperatorMetrics } from "../operators/operator.ts";
import type { WatermarkHold } from "../time/watermark-hold.ts";
import type { PartitionState } from "./partition-lifecycle.ts";
import type { TimeSpent } from "./time-account.ts";

export interface PartitionMetrics {
  readonly partition: PartitionId;
  readonly stage: string;
  readonly state: PartitionState;
  /** Records processed by this attempt. */
  readonly recordsIn: number;
  /** Records put into channels by this attempt. */
  readonly recordsOut: number;
  /** Event time in epoch ms, or -Infinity. */
  readonly watermark: number;
  /** The input that the watermark stands by; absent when all have ended. */
  readonly hold?: WatermarkHold | undefined;
  /** Entries of the output channels that consumers have not taken: their lag. */
  readonly backlogEntries: number;
  readonly mailboxEntries: number;
  readonly commits: number;
  readonly time: TimeSpent;
  readonly operators: Readonly<Record<string, OperatorMetrics>>;
  /** Of the operators that make requests; absent where there is none. */
  readonly requests?: readonly RequestFigures[] | undefined;
}
