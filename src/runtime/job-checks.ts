// What can only be checked when it is known where a job runs.
import type { JobPlan } from "../plan/plan.ts";
import { NeedsOneProcessError, NeedsRedisError } from "./errors.ts";

/** @throws {NeedsRedisError | NeedsOneProcessError} */
export function checkSinks(plan: JobPlan, where: { onRedis: boolean; severalProcesses: boolean }): void {
  for (const stage of plan.stages)
    for (const operator of stage.operators) {
      if (operator.type !== "sink") continue;
      const part = `sink "${operator.name}" (${operator.sink.description})`;
      if (operator.sink.needs === "redis" && !where.onRedis) throw new NeedsRedisError(plan.job, part);
      if (operator.sink.needs === "same-process" && where.severalProcesses)
        throw new NeedsOneProcessError(plan.job, part);
    }
}
