// The operators without state, under one roof.
export { filterOperator } from "./filter.ts";
export { flatMapOperator, NotIterableError } from "./flat-map.ts";
export { mapOperator } from "./map.ts";
export type { RecordContext } from "./record-context.ts";
export { AsyncFunctionError } from "./stateless-operator.ts";
