// The physical plan: stages (what runs as one partition actor) and the edges between them.
//
// Made by `planner.ts` from the logical graph; read by explain and by the runtime. Frozen data plus factories.
import type { Sink, Source } from "../connectors/contract.ts";
import type { AsyncOperator, AsyncOperatorContext } from "../operators/async/async-operator.ts";
import type {
  ErrorPolicy,
  KeyedOperator,
  KeyedOperatorContext,
  Operator,
  OperatorContext,
  UnkeyedOperator,
  UnkeyedOperatorContext,
} from "../operators/operator.ts";
import type { StateLayout } from "../state/descriptors.ts";
import type { WatermarkStrategy } from "../time/watermark-strategies.ts";

/** How records of an edge find their consumer partition. */
export type Partitioning =
  | {
      readonly kind: "key";
      /** Returns the primitive key (after the key codec). Must be a pure function of the record. */
      readonly keyOf: (record: never) => unknown;
    }
  /** Round robin by batch. */
  | { readonly kind: "rebalance" }
  /** Every record to every partition. */
  | { readonly kind: "broadcast" }
  /** Producer i to consumer i; both stages have the same number of partitions. */
  | { readonly kind: "forward" };

/** A shuffle: one channel per (producer partition, consumer partition). */
export interface EdgePlan {
  /** Unique in the job, a valid name. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** The operator of the producing stage whose output feeds the edge, and which of its outputs. */
  readonly fromOperator: string;
  readonly fromTag: string | undefined;
  readonly partitioning: Partitioning;
  /** Which input of the consuming operator the edge feeds: 1 for the second one of an operator with two inputs, else 0. */
  readonly input: number;
  /** Why the graph is cut here, one sentence for explain. */
  readonly reason: string;
}

/** Sources of one group wait for each other: splits stop where they are too far ahead of the group's slowest one. */
export interface AlignmentPlan {
  readonly group: string;
  /** A split whose watermark is further ahead than that is not read. */
  readonly maxDriftMs: number;
}

export interface SourcePlan {
  readonly source: Source<unknown>;
  /** Event time of a record in epoch ms; undefined: the transport's timestamp, if any. */
  readonly timestamp: ((record: never) => number) | undefined;
  /** How watermarks follow from the records of a split. */
  readonly watermarks: WatermarkStrategy<unknown>;
  /** A split without records for so long no longer holds the watermark back; undefined: never idle. */
  readonly idleAfterMs: number | undefined;
  readonly alignment: AlignmentPlan | undefined;
  readonly onError: ErrorPolicy;
}

/** Where an operator's input comes from inside its stage. */
export type OperatorInput =
  /** The stage's channels, or its source. */
  | { readonly kind: "head" }
  | { readonly kind: "operator"; readonly operator: string; readonly tag: string | undefined };

interface OperatorPlanBase {
  /** Unique in the job, a valid name: identity in state, metrics and errors. */
  readonly name: string;
  /** For explain: `map`, `filter`, `tumbling window`, ... */
  readonly kind: string;
  readonly input: OperatorInput;
  readonly onError: ErrorPolicy;
}

export type OperatorPlan =
  | (OperatorPlanBase & {
      readonly type: "stateless";
      readonly create: (context: OperatorContext) => Operator;
    })
  | (OperatorPlanBase & {
      readonly type: "keyed";
      readonly create: (context: KeyedOperatorContext) => KeyedOperator;
      /** What is stored, for the check of a resumed job. */
      readonly stateLayout: readonly StateLayout[];
    })
  | (OperatorPlanBase & {
      /** Its results leave in later turns; the records between are its state. */
      readonly type: "async";
      readonly create: (context: AsyncOperatorContext) => AsyncOperator;
      readonly stateLayout: readonly StateLayout[];
    })
  | (OperatorPlanBase & {
      /** Its state belongs to the partition. */
      readonly type: "unkeyed";
      readonly create: (context: UnkeyedOperatorContext) => UnkeyedOperator;
      readonly stateLayout: readonly StateLayout[];
    })
  | (OperatorPlanBase & { readonly type: "sink"; readonly sink: Sink<unknown> });

/** What one partition actor runs: a head (source or channels), then a tree of chained operators. */
export interface StagePlan {
  /** Unique in the job, a valid name: the name of the head operator or source. */
  readonly id: string;
  /** 1 <= partitions <= 256, fixed for the job's life. */
  readonly partitions: number;
  readonly source: SourcePlan | undefined;
  /** In topological order. Keyed operators have the head as their input. */
  readonly operators: readonly OperatorPlan[];
  /** Ids of the edges into and out of this stage. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

export interface JobPlan {
  readonly job: string;
  /** In topological order. */
  readonly stages: readonly StagePlan[];
  readonly edges: readonly EdgePlan[];
  /** Hash over everything that must not change while state lives. */
  readonly hash: string;
}
