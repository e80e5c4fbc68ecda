// What can only be checked when it is known where a job runs.
import type { JobPlan, StagePlan } from "../plan/plan.ts";
import { NeedsOneProcessError, NeedsRedisError } from "./errors.ts";

/** @throws {NeedsRedisError | NeedsOneProcessError} */
export function checkConnectors(
  plan: JobPlan,
  where: { readonly onRedis: boolean; readonly severalProcesses: boolean },
): void {
  for (const { part, needs } of plan.stages.flatMap(connectorsOf)) {
    if (needs === "redis" && !where.onRedis) throw new NeedsRedisError(plan.job, part);
    if (needs === "same-process" && where.severalProcesses) throw new NeedsOneProcessError(plan.job, part);
  }
}

interface Connector {
  /** For people: `sink "out" (collect in memory)`. */
  readonly part: string;
  readonly needs: "same-process" | "redis" | undefined;
}

function connectorsOf({ id, source, operators }: StagePlan): Connector[] {
  const connectors: Connector[] = operators.flatMap((operator) =>
    operator.type === "sink"
      ? [{ part: `sink "${operator.name}" (${operator.sink.description})`, needs: operator.sink.needs }]
      : [],
  );
  if (source !== undefined)
    connectors.push({ part: `source "${id}" (${source.source.description})`, needs: source.source.needs });
  return connectors;
}
