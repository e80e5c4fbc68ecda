// The operators without state, under one roof.
export { type FilterFunction, filterOperator } from "./filter.ts";
export { type FlatMapFunction, flatMapOperator, NotIterableError } from "./flat-map.ts";
export { type MapFunction, mapOperator } from "./map.ts";
export type { RecordContext } from "./record-context.ts";
export { AsyncFunctionError } from "./stateless-operator.ts";
