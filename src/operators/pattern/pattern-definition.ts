// What the operator of a pattern is told, and what leaves it beside its results.
import type { Codec } from "../../core/codec.ts";
import type { MatchContext } from "./match-context.ts";
import type { CapturesByName, PatternShape } from "./stage.ts";

/** Tag of the side output that carries the partial matches whose time was over. */
export const TIMED_OUT_TAG = "timed-out";

/** A partial match whose time was over before it was complete. */
export interface TimedOutMatch<C> {
  /** What it had, by stage; empty arrays for stages that it had not reached. */
  readonly captures: C;
  /** Of its first record, in epoch ms; in processing time when that came. */
  readonly startTimestamp: number;
  /** When its time was over, in epoch ms. */
  readonly timestamp: number;
}

export interface PatternDefinition {
  readonly shape: PatternShape;
  readonly time: "event" | "processing";
  /** Of the records. Default: MessagePack for any plain data. */
  readonly codec: Codec<unknown> | undefined;
  readonly select: (match: CapturesByName, context: MatchContext<unknown>) => unknown;
  /** From the engine's key to the user's, where they differ. */
  readonly decodeKey: ((key: unknown) => unknown) | undefined;
}
