// Windows as the compiler sees them: what each call infers, and what it refuses. `tsc` is the test.
import { expectTypeOf } from "vitest";
import {
  count,
  countWindow,
  cumulative,
  evictors,
  globalWindow,
  type KeyedStream,
  type LateStream,
  type Stream,
  session,
  sliding,
  type Trigger,
  triggers,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";

interface Bid {
  readonly price: number;
  readonly gap: "5s" | "1m";
}

declare const keyed: KeyedStream<string, Bid>;
declare const ofPrices: Trigger<{ readonly price: number }>;
declare const ofNames: Trigger<{ readonly name: string }>;

const counted = keyed.window(tumbling("1d", { timeZone: "Europe/Berlin" })).aggregate("n", count());
expectTypeOf(counted).toEqualTypeOf<LateStream<WindowResult<string, number>, Bid>>();
expectTypeOf(counted.late()).toEqualTypeOf<Stream<Bid>>();
counted.map((result) => result.pane?.timing === "late");

// The record type reaches the gap, the trigger, the evictor and the function without an annotation.
keyed.window(session((bid) => bid.gap)).aggregate("visits", count());
keyed.window(session("5m").processingTime()).trigger(triggers.count(5)).aggregate("visits", count());
keyed.window(globalWindow()).trigger(ofPrices).discarding().aggregate("all", count());
keyed.window(countWindow(10, 2)).reduce("best", (a, b) => (a.price > b.price ? a : b));
keyed
  .window(cumulative("1d", "1h"))
  .trigger(triggers.afterWatermark({ early: triggers.afterCount(5), late: triggers.afterCount(1) }))
  .allowedLateness("1h")
  .accumulating()
  .aggregate("so-far", count());
const spread = keyed
  .window(sliding("10s", "2s"))
  .evict(evictors.delta(5, (bid, last: Bid) => Math.abs(bid.price - last.price)))
  .apply("spread", (key, window, bids, context) => {
    expectTypeOf(key).toEqualTypeOf<string>();
    expectTypeOf(bids).toEqualTypeOf<readonly Bid[]>();
    return [{ key, end: window.end, timing: context.pane.timing, bids: bids.length }];
  });
expectTypeOf(spread.late()).toEqualTypeOf<Stream<Bid>>();
spread.map((result) => result.bids);

// @ts-expect-error a function that gives a gap gets the records of the stream
keyed.window(session((click: { readonly at: number }) => click.at));
// @ts-expect-error the trigger is for other records
keyed.window(globalWindow()).trigger(ofNames);
// @ts-expect-error a trigger that acts on its own is no part of another
triggers.repeatedly(triggers.count(5));
// @ts-expect-error what is returned must be iterable
keyed.window(tumbling("1m")).apply("n", (_key, _window, bids) => bids.length);
// @ts-expect-error the global window has no other clock
globalWindow().processingTime();
// @ts-expect-error no such unit of time
keyed.window(tumbling("1m")).allowedLateness("1 hour");
