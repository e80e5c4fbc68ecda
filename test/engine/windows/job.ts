// One job with an operator for every option, so that all of them see the same input, stops and deaths.
import {
  type CollectSink,
  collect,
  type JobBuilder,
  type KeyedStream,
  type Source,
} from "../../../src/index.ts";
import type { Input, WindowOption } from "./option.ts";
import { OUT_OF_ORDER_MS, type Reading } from "./readings.ts";

/** @returns the results of each option, by its name */
export function addOptions(
  builder: JobBuilder,
  source: Source<Reading>,
  options: readonly WindowOption[],
): ReadonlyMap<string, CollectSink<string>> {
  const all = builder.source("readings", source, {
    parallelism: 1,
    timestamp: (reading) => reading.at,
    outOfOrderness: OUT_OF_ORDER_MS,
  });
  let byKey: KeyedStream<string, Reading> | undefined;
  const readings: Input = {
    all,
    get byKey() {
      byKey ??= all.keyBy((reading) => reading.key);
      return byKey;
    },
  };
  return new Map(
    options.map(({ name, build }, i) => {
      const out = collect<string>();
      build(readings, `w${i}`).to(`out-${i}`, out);
      return [name, out];
    }),
  );
}
