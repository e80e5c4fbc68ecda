// HarnessOptions — what a test says about the operator that it wants to run by itself.
import type { PrimitiveKey } from "../core/key-group.ts";
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { KeyedStream } from "../dataflow/keyed-stream.ts";
import type { Stream } from "../dataflow/stream.ts";
import type { HarnessBuild } from "./harness-plan.ts";
import type { HarnessSnapshot } from "./harness-snapshot.ts";

export interface HarnessSettings<In, Second> {
  /** Event time in epoch ms of records that are pushed without one. Default: they have none. */
  readonly timestamp?: ((record: NoInfer<In> | NoInfer<Second>) => number) | undefined;
  /** Processing time at the beginning in epoch ms. Default 0, or that of the snapshot. */
  readonly startMs?: number | undefined;
  /** State entries held in the heap: a small number makes the operator fetch what it had before. Default 200,000. */
  readonly cacheEntries?: number | undefined;
  /** Timers fired in one go, between which an epoch may close. Default 1,000. */
  readonly timerSlice?: number | undefined;
  /** Goes on from here. Default: nothing is stored. */
  readonly restore?: HarnessSnapshot | undefined;
}

export interface KeyedHarnessOptions<K extends PrimitiveKey, In, Out, Second>
  extends HarnessSettings<In, Second> {
  readonly key: (record: In) => K;
  /** Describes the operator. With two parameters it gets a second input, which it may key or broadcast. */
  readonly build: (stream: KeyedStream<K, In>, second: Stream<Second>) => Stream<Out>;
}

export interface StreamHarnessOptions<In, Out, Second> extends HarnessSettings<In, Second> {
  readonly key?: undefined;
  /** Describes the operators: without keys, or with a `keyBy` of their own. */
  readonly build: (stream: Stream<In>, second: Stream<Second>) => Stream<Out>;
}

/** Either of both, as the harness reads it. */
export type AnyHarnessOptions = HarnessSettings<unknown, unknown> & {
  readonly key?: ((record: unknown) => PrimitiveKey) | undefined;
  readonly build: HarnessBuild;
};

const OPTIONS = ["key", "build", "timestamp", "startMs", "cacheEntries", "timerSlice", "restore"] as const;

/** @throws {UnknownOptionError | InvalidOptionError} */
export function checkHarnessOptions(given: object): AnyHarnessOptions {
  const options = given as AnyHarnessOptions;
  const owner = "operatorHarness";
  checkOptions(owner, options, OPTIONS);
  if (typeof options?.build !== "function")
    throw new InvalidOptionError(owner, "build", options?.build, "a function from stream to stream");
  checkWholeNumber(owner, "cacheEntries", options.cacheEntries, 1);
  checkWholeNumber(owner, "timerSlice", options.timerSlice, 1);
  return options;
}
