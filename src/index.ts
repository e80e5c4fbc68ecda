// The public face of Weir: what jobs are written with. Connectors to the outside have entries of their own.

export type { RestartPolicy } from "./actors/kernel/supervision.ts";
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
export { NoAccumulatorError } from "./core/aggregate.ts";
export { type Codec, msgpackCodec, type OlderVersions } from "./core/codec.ts";
export { EngineError, isEngineError, type RetryScope } from "./core/errors.ts";
export { type PrimitiveKey, UnsupportedKeyError } from "./core/key-group.ts";
export { InvalidOptionError, UnknownOptionError } from "./core/options.ts";
export {
  JobLostError,
  JobNotFoundError,
  JobReplacedError,
  LayoutsChangedError,
} from "./core/partition-errors.ts";
export { NotSerialisableError } from "./core/plain-data.ts";
export type {
  AsyncFunction,
  AsyncOptions,
  KeyedAsyncFunction,
  KeyedAsyncOptions,
  LookupAnswer,
  LookupCacheOptions,
  LookupKey,
  LookupOptions,
} from "./dataflow/async.ts";
export type { RetryOptions } from "./dataflow/call-options.ts";
export type {
  CoGroupedStreams,
  CoGroupedWindows,
  CoGroupFunction,
  Either,
  WindowJoinOptions,
} from "./dataflow/co-group.ts";
export type { BroadcastConnectedStream, ConnectedStreams } from "./dataflow/connected-streams.ts";
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
export type {
  AppendJoinOptions,
  IntervalJoinOptions,
  JoinTtlOptions,
  KeysForChanges,
  LeftOf,
  RightOf,
  RowOf,
  TableJoinOptions,
  TableRightOf,
  VersionJoinOptions,
} from "./dataflow/joins.ts";
export type { KeyCodec } from "./dataflow/key-codec.ts";
export type { KeyedStream } from "./dataflow/keyed-stream.ts";
export type { LateStream } from "./dataflow/late-stream.ts";
export type { OverFrame } from "./dataflow/over.ts";
export { type Pattern, type PatternStart, pattern, type WithinOptions } from "./dataflow/pattern.ts";
export type { PatternOptions } from "./dataflow/pattern-spec.ts";
export type { PatternStream } from "./dataflow/pattern-stream.ts";
export type {
  Captures,
  Partially,
  PatternCondition,
  PatternGuard,
  PatternOf,
  Selected,
} from "./dataflow/pattern-types.ts";
export type {
  DeclareUpdates,
  DeduplicateOptions,
  DeduplicateUpdatesOptions,
  FirstRecordOptions,
  LastRecordOptions,
  MaterializeOptions,
  TopNOptions,
} from "./dataflow/ranking.ts";
export type {
  AsyncStream,
  BroadcastStream,
  OperatorStream,
  SourceStream,
  Stream,
} from "./dataflow/stream.ts";
export type {
  AlignmentOptions,
  KeyByOptions,
  OperatorOptions,
  PlanOptions,
  ReduceOptions,
  SinkOptions,
  SourceOptions,
  StatelessOptions,
  TimestampOptions,
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
  type TopNAggregateOptions,
  topN,
} from "./operators/aggregates.ts";
export type { AsyncContext, AsyncStart, KeyedAsyncContext } from "./operators/async/async-map.ts";
export type { RequestFigures } from "./operators/async/async-operator.ts";
export { AsyncTimeoutError } from "./operators/async/call-pool.ts";
export type { KeyedAsyncOrder } from "./operators/async/exit-by-key.ts";
export type { AsyncOrder } from "./operators/async/exit-order.ts";
export { type LoadContext, LookupAnswerError, type LookupKind } from "./operators/async/lookup.ts";
export type { Change, ChangeOp } from "./operators/change.ts";
export { InvalidEmitTimestampError } from "./operators/current-context.ts";
export { LATE_TAG, MissingTimestampError } from "./operators/event-time.ts";
export type { Evictor, EvictorContext, WindowRecord } from "./operators/evictor.ts";
export { UserFunctionError } from "./operators/failure.ts";
export type {
  BroadcastContext,
  BroadcastDefinition,
  KeyedBroadcastContext,
} from "./operators/joins/broadcast-process.ts";
export type {
  BroadcastDescriptors,
  ReadonlyMapState,
  ReadonlyStates,
} from "./operators/joins/broadcast-store.ts";
export type { ConnectedDefinition } from "./operators/joins/connected-process.ts";
export type { JoinKind } from "./operators/joins/interval-join.ts";
export type { JoinContext } from "./operators/joins/join-context.ts";
export { MissingJoinTimestampError } from "./operators/joins/join-time.ts";
export { ChangeWithoutKeyError, type TableJoinKind } from "./operators/joins/table-join-base.ts";
export {
  type Emits,
  emits,
  type FiredTimer,
  type ProcessContext,
  type ProcessDefinition,
  type ProcessTimers,
} from "./operators/keyed-process.ts";
export type { DeadLetter, ErrorPolicy } from "./operators/operator.ts";
export type { OverResult } from "./operators/over/over.ts";
export { InvalidPatternError, PatternSkipError } from "./operators/pattern/errors.ts";
export type { MatchContext } from "./operators/pattern/match-context.ts";
export { TIMED_OUT_TAG, type TimedOutMatch } from "./operators/pattern/pattern-definition.ts";
export {
  noSkip,
  type SkipStrategy,
  type SkipToOptions,
  skipPastLastEvent,
  skipToFirst,
  skipToLast,
  skipToNext,
} from "./operators/pattern/skip-strategy.ts";
export type { ConditionContext } from "./operators/pattern/stage.ts";
export { ChangeInAppendError, RowNotFoundError } from "./operators/ranking/row-errors.ts";
export { type Direction, NotOrderedError } from "./operators/ranking/row-order.ts";
export type { Numbering, Ranked } from "./operators/ranking/top-n.ts";
export { InvalidSideTagError, type SideTag, sideTag } from "./operators/side-tag.ts";
export { AsyncFunctionError, NotIterableError, type RecordContext } from "./operators/stateless.ts";
export type { Trigger, TriggerContext, TriggerResult } from "./operators/trigger.ts";
export type { TriggerCondition } from "./operators/trigger-conditions.ts";
export {
  type AfterWatermarkOptions,
  type EvictorOptions,
  type Evictors,
  evictors,
  type TimeoutOptions,
  type Triggers,
  triggers,
} from "./operators/triggers.ts";
export type { Pane, WindowFunction, WindowFunctionContext, WindowResult } from "./operators/window.ts";
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
export type { WatermarkCause } from "./runtime/watermark-causes.ts";
export { type ConnectOptions, connect, type JobStatusReport, type Weir } from "./runtime/weir.ts";
export type { WorkerOutcome } from "./runtime/worker-options.ts";
export {
  type AggregatingDescriptor,
  aggregating,
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
export { type Migrations, type MigrationsOptions, migratingCodec, migrations } from "./state/migrations.ts";
export { MigrationMissingError, StateMigrationError, StateNewerError } from "./state/version-errors.ts";
export { type CountAssigner, countWindow } from "./time/count-windows.ts";
export { type Duration, InvalidDurationError } from "./time/duration.ts";
export { type GlobalAssigner, globalWindow } from "./time/global-window.ts";
export { type SessionAssigner, type SessionOptions, session } from "./time/sessions.ts";
export type { HoldState } from "./time/watermark-hold.ts";
export {
  boundedOutOfOrderness,
  type CustomWatermarks,
  customWatermarks,
  InvalidWatermarkError,
  monotonic,
  punctuated,
  type WatermarkGenerator,
  type WatermarkStrategy,
} from "./time/watermark-strategies.ts";
export { InvalidTimestampError } from "./time/watermarks.ts";
export { InvalidWindowError, type TimeDomain, type Window } from "./time/window.ts";
export {
  type AlignedAssigner,
  cumulative,
  sliding,
  tumbling,
  type WindowAssigner,
  type WindowOptions,
} from "./time/windows.ts";
