// One job of all queries, so that they share a source, its processes, and a kill. Every query is there with its result,
// and those whose result is a table with their changelog as well.
import type { Sink, Source } from "../../src/connectors/contract.ts";
import { defineJob, type Job } from "../../src/dataflow/job.ts";
import type { SinkOptions } from "../../src/dataflow/stream-options.ts";
import type { NexmarkEvent } from "../../src/nexmark/events.ts";
import { type NexmarkQuery, nexmarkQueries, nexmarkRows } from "../../src/nexmark/queries.ts";

export const queries = Object.keys(nexmarkQueries) as readonly NexmarkQuery[];

/** One of the results of the job. */
export interface Branch {
  readonly name: string;
  readonly query: NexmarkQuery;
  readonly changelog: boolean;
}

export const branches: readonly Branch[] = queries.flatMap((query): Branch[] => {
  const result = { name: query, query, changelog: false };
  if (nexmarkQueries[query].result === "append") return [result];
  return [result, { name: `${query}-changelog`, query, changelog: true }];
});

/** @param sinkOf where the rows of a branch go */
export function allQueries(
  name: string,
  source: Source<NexmarkEvent>,
  sinkOf: (branch: Branch) => Sink<object>,
  sinkOptions?: SinkOptions,
): Job {
  return defineJob(name, (job) => {
    const events = job.source("events", source, {
      timestamp: (event) => event.dateTime,
      outOfOrderness: "4s",
    });
    for (const branch of branches)
      nexmarkRows(branch.query, prefixed(branch.name, events), branch).to(
        "rows",
        sinkOf(branch),
        sinkOptions,
      );
  });
}

/** The streams behind the prefixed ones, for calls that take streams as arguments. */
const originals = new WeakMap<object, object>();

/** A stream on which every name that a call gives, always its first argument, gets a prefix: queries share names. */
function prefixed<S extends object>(prefix: string, stream: S): S {
  const proxy = new Proxy(stream, {
    get(target, method) {
      const call = Reflect.get(target, method, target) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        const result = call.apply(
          target,
          args.map((argument, index) =>
            index === 0 && typeof argument === "string"
              ? `${prefix}-${argument}`
              : (originals.get(argument as object) ?? argument),
          ),
        );
        return typeof result === "object" && result !== null ? prefixed(prefix, result) : result;
      };
    },
  });
  originals.set(proxy, stream);
  return proxy;
}
