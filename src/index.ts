// The public face of Weir: what jobs are written with. Connectors to the outside have entries of their own.

export { SinkFailedError } from "./actors/sink-operator.ts";
export { KeySelectorError } from "./broker/router.ts";
export { FrameTooLargeError } from "./broker/wire-errors.ts";
export { type CollectSink, collect } from "./connectors/collect.ts";
export { collection } from "./connectors/collection.ts";
export type {
  Json,
  Prepared,
  ReadFailure,
  Sink,
  SinkContext,
  SinkGuarantee,
  SinkWriter,
  Source,
  SourceBatch,
  SourceContext,
  SourceSplit,
  SplitReader,
} from "./connectors/contract.ts";
export { type GeneratorOptions, generator } from "./connectors/generator.ts";
export { type StdinLinesOptions, stdinLines } from "./connectors/stdin-lines.ts";
export { type Codec, msgpackCodec } from "./core/codec.ts";
export { EngineError, isEngineError, type RetryScope } from "./core/errors.ts";
export { type PrimitiveKey, UnsupportedKeyError } from "./core/key-group.ts";
export { InvalidOptionError, UnknownOptionError } from "./core/options.ts";
export { JobLostError, JobNotFoundError } from "./core/partition-errors.ts";
export { NotSerialisableError } from "./core/plain-data.ts";
export { EventTimeUnavailableError } from "./dataflow/event-time-guard.ts";
export {
  type ExplainedEdge,
  type ExplainedOperator,
  type ExplainedSource,
  type ExplainedStage,
  type ExplainedState,
  type Explanation,
  explain,
  explainPlan,
  formatExplanation,
} from "./dataflow/explain.ts";
export { defineJob, isJob, type Job, type JobBuilder } from "./dataflow/job.ts";
export { InvalidJobError, type JobProblem, type JobProblemCode } from "./dataflow/job-problem.ts";
export type { KeyCodec } from "./dataflow/key-codec.ts";
export type { KeyedStream } from "./dataflow/keyed-stream.ts";
export type { OperatorStream, SourceStream, Stream } from "./dataflow/stream.ts";
export type {
  KeyByOptions,
  OperatorOptions,
  PlanOptions,
  ReduceOptions,
  SinkOptions,
  SourceOptions,
  StatelessOptions,
} from "./dataflow/stream-options.ts";
export type { WindowedStream } from "./dataflow/windowed-stream.ts";
export type { KeyedValue } from "./operators/aggregate.ts";
export {
  type Aggregate,
  collectList,
  combine,
  count,
  max,
  maxBy,
  mean,
  min,
  minBy,
  type Ordered,
  sum,
} from "./operators/aggregates.ts";
export { UserFunctionError } from "./operators/failure.ts";
export {
  type Emits,
  emits,
  type FiredTimer,
  InvalidEmitTimestampError,
  type ProcessContext,
  type ProcessDefinition,
  type ProcessTimers,
} from "./operators/keyed-process.ts";
export type { DeadLetter, ErrorPolicy } from "./operators/operator.ts";
export { NoAccumulatorError } from "./operators/reduce.ts";
export { InvalidSideTagError, type SideTag, sideTag } from "./operators/side-tag.ts";
export { AsyncFunctionError, NotIterableError, type RecordContext } from "./operators/stateless.ts";
export { LATE_TAG, MissingTimestampError, type WindowResult } from "./operators/window.ts";
export { comparePlans } from "./plan/compare.ts";
export { describePlan, type PlanDescription } from "./plan/description.ts";
export type { EdgePlan, JobPlan, OperatorPlan, Partitioning, SourcePlan, StagePlan } from "./plan/plan.ts";
export {
  RedisAuthError,
  RedisClusterError,
  RedisEvictionPolicyError,
  RedisNotPrimaryError,
  RedisPermissionError,
  RedisTooOldError,
  RedisUnreachableError,
  RedisUrlError,
} from "./redis/errors.ts";
export {
  InvalidSettingError,
  JobFailedError,
  JobGraphChangedError,
  JobOverError,
  NeedsOneProcessError,
  NeedsRedisError,
} from "./runtime/errors.ts";
export type { JobRun } from "./runtime/job-run.ts";
export type { RunEvent, StageReport, WorkerReport } from "./runtime/reports.ts";
export type { RunOptions } from "./runtime/run-options.ts";
export { type ConnectOptions, connect, type JobStatusReport, type Weir } from "./runtime/weir.ts";
export type { WorkerOutcome } from "./runtime/worker.ts";
export {
  type ListDescriptor,
  list,
  type MapDescriptor,
  map,
  type ReducingDescriptor,
  reducing,
  type StateDescriptor,
  type StateDescriptors,
  type StateOptions,
  type TtlOptions,
  type ValueDescriptor,
  type ValueOptions,
  value,
} from "./state/descriptors.ts";
export { type Duration, InvalidDurationError } from "./time/duration.ts";
export { InvalidTimestampError } from "./time/watermarks.ts";
export {
  InvalidWindowError,
  sliding,
  type TimeDomain,
  tumbling,
  type Window,
  type WindowAssigner,
  type WindowOptions,
} from "./time/windows.ts";
