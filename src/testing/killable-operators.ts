// Killable operators — a plan whose operators may die at a step of their work. Only those that read the head of their stage:
// nobody stands above them who would take the kill for a failure of user code.
import { type PartitionId, partitionId } from "../core/ids.ts";
import type { AsyncOperator, AsyncOperatorContext } from "../operators/async/async-operator.ts";
import { selectRecords } from "../operators/derived-batch.ts";
import type {
  KeyedOperator,
  KeyedOperatorContext,
  Operator,
  OperatorContext,
  UnkeyedOperatorContext,
} from "../operators/operator.ts";
import type { JobPlan, OperatorPlan } from "../plan/plan.ts";
import type { KillSwitch } from "./kill-switch.ts";

export function withKillableOperators(plan: JobPlan, kills: KillSwitch): JobPlan {
  return {
    ...plan,
    stages: plan.stages.map((stage) => ({
      ...stage,
      operators: stage.operators.map((operator) =>
        operator.input.kind === "head" ? withKills(operator, stage.id, kills) : operator,
      ),
    })),
  };
}

function withKills(plan: OperatorPlan, stage: string, kills: KillSwitch): OperatorPlan {
  switch (plan.type) {
    case "stateless":
      return {
        ...plan,
        create: (context: OperatorContext) =>
          killable(plan.create(context), partitionId(stage, context.partition), kills),
      };
    case "keyed":
      return {
        ...plan,
        create: (context: KeyedOperatorContext) =>
          killableKeyed(plan.create(context), partitionId(stage, context.partition), kills),
      };
    case "unkeyed":
      return {
        ...plan,
        create: (context: UnkeyedOperatorContext) =>
          killable(plan.create(context), partitionId(stage, context.partition), kills),
      };
    case "async":
      return {
        ...plan,
        create: (context: AsyncOperatorContext): AsyncOperator =>
          killable(plan.create(context), partitionId(stage, context.partition), kills),
      };
    case "sink":
      return plan;
  }
}

/** The operator itself, with other methods in front of its own. */
function killable<O extends Operator>(operator: O, partition: PartitionId, kills: KillSwitch): O {
  const process = operator.onBatch.bind(operator);
  operator.onBatch = (batch) => {
    kills.reach("beforeBatch", partition);
    if (!kills.isArmed("duringBatch", partition)) {
      process(batch);
      return;
    }
    const half = Math.ceil(batch.values.length / 2);
    const indexes = Array.from(batch.values.keys());
    process(selectRecords(batch, indexes.slice(0, half)));
    kills.reach("duringBatch", partition);
    if (half < indexes.length) process(selectRecords(batch, indexes.slice(half)));
  };
  return operator;
}

function killableKeyed(operator: KeyedOperator, partition: PartitionId, kills: KillSwitch): KeyedOperator {
  operator.advanceEventTime = killableTimers(operator.advanceEventTime.bind(operator), partition, kills);
  operator.advanceProcessingTime = killableTimers(
    operator.advanceProcessingTime.bind(operator),
    partition,
    kills,
  );
  return killable(operator, partition, kills);
}

type Fire = (time: number, limit: number) => boolean;

function killableTimers(fire: Fire, partition: PartitionId, kills: KillSwitch): Fire {
  return (time, limit) => {
    let rest = limit;
    if (kills.isArmed("duringTimers", partition)) {
      if (fire(time, 1)) return true;
      kills.reach("duringTimers", partition);
      rest--; // state was fetched for no more than `limit`
    }
    const isDone = rest > 0 && fire(time, rest);
    if (!isDone) kills.reach("betweenTimerSlices", partition);
    return isDone;
  };
}
