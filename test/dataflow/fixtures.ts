// Sources and sinks that describe themselves and nothing more: enough to build and plan a job.
import type { Sink, Source } from "../../src/connectors/contract.ts";

export interface Bid {
  readonly auction: number;
  readonly bidder: string;
  readonly price: number;
  readonly at: number;
}

export function testSource<T = Bid>(facts: Partial<Source<T>> = {}): Source<T> {
  return {
    description: "test source",
    bounded: true,
    replayable: true,
    splits: () => [{ id: "0" }],
    open: () => ({
      read: () => ({ records: [], position: 0, end: true }),
      close: () => {},
    }),
    ...facts,
  };
}

export function testSink<T>(facts: Partial<Sink<T>> = {}): Sink<T> {
  return {
    description: "test sink",
    guarantee: "append",
    open: () => ({ write: () => {}, prepare: () => ({}), committed: () => {}, close: () => {} }),
    ...facts,
  };
}
