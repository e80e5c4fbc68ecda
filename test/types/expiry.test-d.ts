// State that ends by itself, as the compiler sees it. Nothing here runs: `tsc` is the test.
import { expectTypeOf } from "vitest";
import {
  type Change,
  count,
  globalWindow,
  type KeyedStream,
  type Stream,
  triggers,
} from "../../src/index.ts";

interface Row {
  readonly id: number;
  readonly user: string;
}

declare const left: KeyedStream<string, Row>;
declare const right: KeyedStream<string, Row>;

// A time to live does not turn rows into changes, nor changes into rows.
expectTypeOf(left.join("a", right, { ttl: "1h" }, (l, r) => l.id + r.id)).toExtend<Stream<number>>();
expectTypeOf(
  left.join("b", right, { kind: "left", ttl: { after: 5, time: "event" } }, (l, r) => r?.id ?? l.id),
).toExtend<Stream<Change<number>>>();
// @ts-expect-error no such time
left.join("c", right, { ttl: { after: "1h", time: "wall" } }, (l) => l.id);
// @ts-expect-error says how long
left.join("d", right, { ttl: { time: "event" } }, (l) => l.id);

left
  .window(globalWindow())
  .trigger(triggers.timeout(triggers.afterCount(3), "1m", { time: "event", emit: false }))
  .aggregate("e", count());
// @ts-expect-error needs the trigger that it ends
triggers.timeout("1m");
// @ts-expect-error no such time
triggers.timeout(triggers.count(3), "1m", { time: "wall" });
