// statelessFactory — from a stateless node to the operator that runs in each partition.
import type { Operator, OperatorContext } from "../operators/operator.ts";
import { filterOperator, flatMapOperator, mapOperator, type RecordContext } from "../operators/stateless.ts";
import type { StatelessNode } from "./nodes/stateless-node.ts";

export function statelessFactory(node: StatelessNode): (context: OperatorContext) => Operator {
  // The signature of each function was checked where the user called map, filter or flatMap.
  switch (node.kind) {
    case "map":
      return mapOperator(node.fn as (record: unknown, context: RecordContext) => unknown);
    case "filter":
      return filterOperator(node.fn as (record: unknown, context: RecordContext) => boolean);
    case "flatMap":
      return flatMapOperator(node.fn as (record: unknown, context: RecordContext) => Iterable<unknown>);
  }
}
