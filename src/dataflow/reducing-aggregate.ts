// reducingAggregate — a reduce function as an aggregate, so that windows know one kind of folding only.
import type { Aggregate } from "../operators/aggregates.ts";

/** The first record is the first combination; an accumulator without records is undefined. */
export function reducingAggregate<T>(
  reduce: (accumulated: T, record: T) => T,
): Aggregate<T, T | undefined, T> {
  const combine = (a: T | undefined, b: T | undefined): T | undefined => {
    if (a === undefined) return b;
    return b === undefined ? a : reduce(a, b);
  };
  return Object.freeze({
    create: () => undefined,
    add: combine,
    merge: combine,
    // Windows without records are not emitted, so an accumulator that is asked for its result has seen one.
    result: (accumulated: T | undefined) => accumulated as T,
  });
}
