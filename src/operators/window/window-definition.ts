// What a window operator is told: how records are cut into windows, what becomes of them, and when results are emitted.
import type { Aggregate } from "../../core/aggregate.ts";
import type { GlobalAssigner } from "../../time/global-window.ts";
import type { SessionAssigner } from "../../time/sessions.ts";
import type { AlignedAssigner, WindowAssigner } from "../../time/windows.ts";
import type { Evictor } from "../evictor.ts";
import type { AnyTrigger } from "../trigger.ts";
import type { WindowFunction } from "./window-function.ts";

/** Records are folded one by one. */
export interface AggregateFolding {
  // biome-ignore lint/suspicious/noExplicitAny: the types of record, accumulator and result met where the user called
  readonly aggregate: Aggregate<any, any, any>;
}

/** Records are kept, and handed to a function all at once. */
export interface ApplyFolding {
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly apply: WindowFunction<any, any, any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly evictor?: Evictor<any> | undefined;
}

/** What becomes of the records of a window. */
export type Folding = AggregateFolding | ApplyFolding;

export type WindowDefinition = Folding & {
  readonly assigner: WindowAssigner;
  /** Default: the end of the window, in its own time. The global window has none; count windows take none. */
  readonly trigger?: AnyTrigger | undefined;
  /** How long after its end, in event time, a window takes records and may emit again. Default 0. */
  readonly allowedLatenessMs?: number | undefined;
  /** A window forgets what it has emitted. Default: it goes on accumulating, unless the trigger purges. */
  readonly discarding?: boolean | undefined;
};

/** Of windows of any kind but those of a number of records, with all that has a default. */
export type GeneralWindowDefinition = Folding & {
  readonly assigner: AlignedAssigner | SessionAssigner | GlobalAssigner;
  readonly trigger: AnyTrigger;
  readonly allowedLatenessMs: number;
  readonly discarding: boolean;
};
