// What users write, as the compiler sees it: right calls and what they infer, wrong calls and that they are refused.
//
// Nothing here runs: `tsc` is the test. Each @ts-expect-error is itself an error when the call below it compiles.
import { expectTypeOf } from "vitest";
import { z } from "zod";
import type { Sink, Source } from "../../src/connectors/contract.ts";
import { jsonFile } from "../../src/connectors/files/index.ts";
import {
  type Aggregate,
  type AsyncStream,
  aggregating,
  type BroadcastStream,
  boundedOutOfOrderness,
  collect,
  collection,
  combine,
  count,
  customWatermarks,
  type DeadLetter,
  defineJob,
  emits,
  generator,
  type Job,
  type JobBuilder,
  type JobPlan,
  type KeyedStream,
  type LateStream,
  list,
  map,
  max,
  mean,
  migrations,
  monotonic,
  type OperatorStream,
  punctuated,
  reducing,
  type SourceStream,
  type Stream,
  sideTag,
  sliding,
  sum,
  tumbling,
  type ValueDescriptor,
  value,
  type WindowedStream,
  type WindowResult,
} from "../../src/index.ts";

interface Bid {
  readonly auction: number;
  readonly bidder: string;
  readonly price: number;
  readonly at: Date;
  readonly channel?: string;
}

declare const job: JobBuilder;
declare const bidSource: Source<Bid>;
declare function sinkOf<T>(): Sink<T>;
const bids: SourceStream<Bid> = job.source("bids", bidSource, {
  timestamp: (bid) => bid.at,
  outOfOrderness: "5s",
});

// --- sources: the record type comes from the source -----------------------------------------------------------------

expectTypeOf(defineJob("x", () => {})).toEqualTypeOf<Job>();
expectTypeOf(defineJob("x", () => {}).plan({ parallelism: 4 })).toEqualTypeOf<JobPlan>();
expectTypeOf(job.source("numbers", collection([1, 2, 3]))).toEqualTypeOf<SourceStream<number>>();
expectTypeOf(job.source("made", generator({ generate: (n) => ({ n }) }))).toEqualTypeOf<
  SourceStream<{ n: number }>
>();
expectTypeOf(bids.deadLetters()).toEqualTypeOf<Stream<DeadLetter>>();

const flight = z.object({ origin: z.string(), delay: z.number(), departedAt: z.coerce.date() });
const flights = job.source("flights", jsonFile("flights.json", { schema: flight }), {
  timestamp: (record) => record.departedAt,
  outOfOrderness: "5m",
  idleAfter: 30_000,
  parallelism: 2,
  onError: "skip",
});
expectTypeOf(flights).toEqualTypeOf<SourceStream<{ origin: string; delay: number; departedAt: Date }>>();

expectTypeOf(job.source("s", bidSource, { watermarks: monotonic() })).toEqualTypeOf<SourceStream<Bid>>();
const shared = { timestamp: (bid: Bid) => bid.at, watermarks: monotonic() };
expectTypeOf(job.source("s", bidSource, shared)).toEqualTypeOf<SourceStream<Bid>>();
job.source("s", bidSource, {
  watermarks: boundedOutOfOrderness("5s"),
  alignment: { group: "g", maxDrift: "1m" },
});
job.source("s", bidSource, {
  watermarks: punctuated((bid) => (bid.price > 0 ? bid.at.getTime() : undefined)),
});
job.source("s", bidSource, {
  watermarks: customWatermarks({
    create: (split, saved: number | undefined) => {
      expectTypeOf(split.id).toEqualTypeOf<string>();
      return { observe: () => {}, watermark: saved ?? 0, save: () => 5 };
    },
  }),
});
customWatermarks({
  // @ts-expect-error what is saved is what comes back
  create: (_split, saved: number | undefined) => ({ observe() {}, watermark: saved, save: () => "5" }),
});
// @ts-expect-error a strategy for other records
job.source("s", bidSource, { watermarks: punctuated((record: { end: boolean }) => Number(record.end)) });
// @ts-expect-error a watermark is epoch milliseconds
punctuated(() => new Date());
// @ts-expect-error a group needs a bound
job.source("s", bidSource, { alignment: { group: "g" } });
// @ts-expect-error a timestamp is a Date or a number
job.source("s", bidSource, { timestamp: (bid) => bid.bidder });
// @ts-expect-error no such field on the record
job.source("s", bidSource, { timestamp: (bid) => bid.time });
// @ts-expect-error no such unit of time
job.source("s", bidSource, { outOfOrderness: "5 minutes" });
// @ts-expect-error no such option
job.source("s", bidSource, { watermark: 5 });
// @ts-expect-error no such policy
job.source("s", bidSource, { onError: "ignore" });
// @ts-expect-error an array is no source: collection([...]) makes one
job.source("s", [1, 2, 3]);
// @ts-expect-error a source has a name
job.source(bidSource);
// @ts-expect-error a plan needs the parallelism
defineJob("x", () => {}).plan({});

// --- stateless operators ---------------------------------------------------------------------------------------------

expectTypeOf(bids.map((bid) => bid.price)).toEqualTypeOf<OperatorStream<number>>();
expectTypeOf(bids.map((bid) => bid.price, { name: "price" })).toEqualTypeOf<OperatorStream<number>>();
expectTypeOf(bids.map("price", (bid) => bid.price, { onError: "skip", parallelism: 2 })).toEqualTypeOf<
  OperatorStream<number>
>();
expectTypeOf(bids.map((bid, context) => [bid.auction, context.timestamp] as const)).toEqualTypeOf<
  OperatorStream<readonly [number, number | undefined]>
>();
expectTypeOf(bids.filter((bid) => bid.price > 5)).toEqualTypeOf<OperatorStream<Bid>>();
expectTypeOf(bids.filter("dear", (bid) => bid.price > 5)).toEqualTypeOf<OperatorStream<Bid>>();
const maybe = bids.map((bid) => bid.channel);
expectTypeOf(maybe.filter((channel): channel is string => channel !== undefined)).toEqualTypeOf<
  OperatorStream<string>
>();
expectTypeOf(maybe.filter("some", (channel) => channel !== undefined)).toEqualTypeOf<
  OperatorStream<string>
>();
expectTypeOf(bids.flatMap((bid) => [bid.auction, bid.bidder])).toEqualTypeOf<
  OperatorStream<string | number>
>();
expectTypeOf(
  bids.flatMap("spread", function* (bid) {
    yield bid.price;
  }),
).toEqualTypeOf<OperatorStream<number>>();

// A stream of something may be used where a stream of something more general is expected, not the other way round.
expectTypeOf<Stream<Bid>>().toExtend<Stream<{ price: number }>>();
expectTypeOf<Stream<{ price: number }>>().not.toExtend<Stream<Bid>>();
const logged = <T>(stream: Stream<T>): Stream<T> => stream.map((record) => record);
expectTypeOf(logged(bids)).toEqualTypeOf<Stream<Bid>>();

// @ts-expect-error a filter answers with a boolean, not with a promise of one
bids.filter(async (bid) => bid.price > 5);
// @ts-expect-error flatMap needs something to iterate over
bids.flatMap((bid) => bid.price);
// @ts-expect-error no such field
bids.map((bid) => bid.prize);
// @ts-expect-error the name stands in front of the function already
bids.map("price", (bid) => bid.price, { name: "other" });

// --- keys ------------------------------------------------------------------------------------------------------------

expectTypeOf(bids.keyBy((bid) => bid.auction)).toEqualTypeOf<KeyedStream<number, Bid>>();
expectTypeOf(bids.keyBy((bid) => (bid.price > 5 ? null : bid.bidder))).toEqualTypeOf<
  KeyedStream<string | null, Bid>
>();
const pair = bids.keyBy((bid) => ({ auction: bid.auction, bidder: bid.bidder }), {
  keyCodec: { encode: (key) => `${key.auction}/${key.bidder}`, decode: () => ({ auction: 1, bidder: "" }) },
});
expectTypeOf(pair).toEqualTypeOf<KeyedStream<{ auction: number; bidder: string }, Bid>>();
const coded = bids.keyBy((bid) => [bid.auction, bid.bidder] as const, {
  keyCodec: { encode: JSON.stringify, decode: JSON.parse },
});
expectTypeOf(coded).toEqualTypeOf<KeyedStream<readonly [number, string], Bid>>();

// @ts-expect-error an object is no key without a key codec
bids.keyBy((bid) => ({ auction: bid.auction }));
// @ts-expect-error undefined is no key
bids.keyBy((bid) => bid.channel);
// @ts-expect-error a Date is no key without a key codec: use its getTime()
bids.keyBy((bid) => bid.at);
// @ts-expect-error a key is no promise
bids.keyBy(async (bid) => bid.auction);
const ofDates = { encode: (key: Date) => key.toISOString(), decode: (text: string) => new Date(text) };
// @ts-expect-error the codec is for other keys
bids.keyBy((bid) => [bid.auction], { keyCodec: ofDates });

// --- keyed operators -------------------------------------------------------------------------------------------------

const keyed = bids.keyBy((bid) => bid.bidder);
expectTypeOf(keyed.aggregate("number", count()).map((result) => result)).toEqualTypeOf<
  OperatorStream<{ readonly key: string; readonly value: number }>
>();
expectTypeOf(
  keyed
    .aggregate(
      "mean",
      mean((bid) => bid.price),
    )
    .map((result) => result.value),
).toEqualTypeOf<OperatorStream<number>>();
expectTypeOf(keyed.reduce("best", (a, b) => (a.price > b.price ? a : b))).toEqualTypeOf<
  OperatorStream<Bid>
>();
expectTypeOf(pair.aggregate("number", count()).map((result) => result.key.bidder)).toEqualTypeOf<
  OperatorStream<string>
>();

// @ts-expect-error a stateful operator has a name: its identity in stored state
keyed.aggregate(count());
// @ts-expect-error a stateful operator has a name
keyed.reduce((a) => a);
// @ts-expect-error reduce gives what it gets
keyed.reduce("best", (a) => a.price);
keyed.aggregate(
  "sum",
  // @ts-expect-error the aggregate reads a field that the record does not have
  sum((bid) => bid.amount),
);
// @ts-expect-error the aggregate is for other records
keyed.aggregate("custom", {} as Aggregate<{ amount: number }, number, number>);
// @ts-expect-error a keyed stream must be folded before it is mapped
keyed.map((bid) => bid);
// @ts-expect-error a keyed stream has no sink: aggregate, reduce or process it
keyed.to("out", sinkOf<Bid>());

// --- windows ---------------------------------------------------------------------------------------------------------

const windowed = keyed.window(tumbling("1m"));
expectTypeOf(windowed).toEqualTypeOf<WindowedStream<string, Bid>>();
expectTypeOf(
  windowed
    .aggregate(
      "mean",
      mean((bid) => bid.price),
    )
    .map((result) => result),
).toEqualTypeOf<OperatorStream<WindowResult<string, number>>>();
expectTypeOf(windowed.reduce("best", (a, b) => (a.price > b.price ? a : b))).toEqualTypeOf<
  LateStream<WindowResult<string, Bid>, Bid>
>();
expectTypeOf(
  keyed
    .window(sliding("10s", "2s").processingTime())
    .aggregate(
      "stats",
      combine({ number: count(), mean: mean((bid: Bid) => bid.price), top: max((bid: Bid) => bid.price) }),
    )
    .map((result) => result.value.number + result.value.mean),
).toEqualTypeOf<OperatorStream<number>>();

// @ts-expect-error a window must be folded: aggregate or reduce
windowed.map((bid) => bid);
// @ts-expect-error a window must be folded: aggregate or reduce
windowed.to("out", sinkOf<Bid>());
// @ts-expect-error process has timers of its own and no windows
windowed.process("p", { onRecord() {} });
// @ts-expect-error only a keyed stream has windows
bids.window(tumbling("1m"));
// @ts-expect-error no such unit of time
keyed.window(tumbling("1 month"));
// @ts-expect-error a window has a size
keyed.window(tumbling());

// --- process ---------------------------------------------------------------------------------------------------------

const late = sideTag<Bid>("late");
const processed = keyed.process("track", {
  state: {
    total: value({ default: 0 }),
    last: value<Bid>(),
    seen: list<number>(),
    per: map<number, string>(),
    top: reducing<number>(Math.max),
    average: aggregating(mean((bid: Bid) => bid.price)),
    moved: value({ migrate: migrations<number>().to((cents) => ({ cents })) }),
  },
  emits: emits<{ bidder: string; total: number }>(),
  onRecord(bid, context) {
    expectTypeOf(bid).toEqualTypeOf<Bid>();
    expectTypeOf(context.key).toEqualTypeOf<string>();
    expectTypeOf(context.timestamp).toEqualTypeOf<number | undefined>();
    expectTypeOf(context.state.total.get()).toEqualTypeOf<number>();
    expectTypeOf(context.state.total.peek()).toEqualTypeOf<number>();
    expectTypeOf(context.state.last.peek()).toEqualTypeOf<Readonly<Bid> | undefined>();
    expectTypeOf(context.state.per.peek(1)).toEqualTypeOf<string | undefined>();
    // @ts-expect-error what is only looked at is not changed
    context.state.seen.peek().push(1);
    expectTypeOf(context.state.last.get()).toEqualTypeOf<Bid | undefined>();
    context.state.seen.append(bid.price);
    context.state.per.set(bid.auction, bid.bidder);
    context.timers.event(context.watermark + 1000);
    context.side(late, bid);
    context.emit({ bidder: context.key, total: context.state.total.get() });
    // @ts-expect-error not what the operator emits
    context.emit({ bidder: 7 });
    // @ts-expect-error not what the tag carries
    context.side(late, bid.price);
    context.state.average.add(bid);
    expectTypeOf(context.state.average.get()).toEqualTypeOf<number | undefined>();
    expectTypeOf(context.state.moved.get()).toEqualTypeOf<{ cents: number } | undefined>();
    // @ts-expect-error records are added, not results
    context.state.average.add(1);
    // @ts-expect-error no such state
    context.state.missing.get();
    // @ts-expect-error a number is stored there
    context.state.total.set("one");
  },
  onTimer(timer, context) {
    expectTypeOf(timer.time).toEqualTypeOf<number>();
    expectTypeOf(timer.kind).toEqualTypeOf<"event" | "processing">();
    context.emit({ bidder: context.key, total: 0 });
  },
});
expectTypeOf(processed).toEqualTypeOf<OperatorStream<{ bidder: string; total: number }>>();
expectTypeOf(processed.sideOutput(late)).toEqualTypeOf<Stream<Bid>>();
expectTypeOf(processed.deadLetters()).toEqualTypeOf<Stream<DeadLetter>>();

const chain = migrations<number>()
  .to((cents) => ({ cents }))
  .to((old) => {
    expectTypeOf(old).toEqualTypeOf<{ cents: number }>();
    return { ...old, currency: "EUR" };
  });
expectTypeOf(value({ migrate: chain })).toEqualTypeOf<
  ValueDescriptor<{ currency: string; cents: number }, undefined>
>();
value({ migrate: chain, default: { cents: 0, currency: "EUR" } });
// @ts-expect-error the chain ends at another type than the state has
value<string>({ migrate: chain });
migrations<number>()
  .to(String)
  // @ts-expect-error each step takes what the one before it makes
  .to((n: number) => n);
// @ts-expect-error a duration and a time that exists
value({ ttl: { after: "1h", time: "ingestion" } });

// @ts-expect-error onRecord is what process is for
keyed.process("p", { state: {} });
// @ts-expect-error no such part
keyed.process("p", { onRecord() {}, onTimers() {} });
// @ts-expect-error a tag, not its name: the tag knows the type
processed.sideOutput("late");
// @ts-expect-error only an operator has side outputs
bids.sideOutput(late);

// --- requests to the outside -----------------------------------------------------------------------------------------

const asked = bids.asyncMap("ask", async (bid, { id, attempt, signal }) => {
  expectTypeOf(bid).toEqualTypeOf<Bid>();
  expectTypeOf([id, attempt, signal] as const).toEqualTypeOf<readonly [string, number, AbortSignal]>();
  return bid.price;
});
expectTypeOf(asked).toEqualTypeOf<AsyncStream<number>>();
expectTypeOf(bids.asyncMap("at-once", (bid) => bid.price)).toEqualTypeOf<AsyncStream<number>>();
expectTypeOf(bids.asyncFlatMap("parts", async (bid) => [bid.price])).toEqualTypeOf<AsyncStream<number>>();
// @ts-expect-error an iterable is expected
bids.asyncFlatMap("parts", async (bid) => bid.price);
// @ts-expect-error the records that are awaited are stored under the name
bids.asyncMap(async (bid: Bid) => bid);
// @ts-expect-error no such order
bids.asyncMap("ask", async (bid) => bid, { order: "sorted" });
// @ts-expect-error only dead letters leave beside the results
asked.sideOutput(late);

const rows = { load: async (ids: readonly string[]) => new Map(ids.map((id) => [id, { name: id }])) };
expectTypeOf(
  bids.lookup("inner", { key: (bid) => bid.bidder, ...rows }, (bid, row) => {
    expectTypeOf(bid).toEqualTypeOf<Bid>();
    return row.name;
  }),
).toEqualTypeOf<AsyncStream<string>>();
// @ts-expect-error with kind left there may be no row
bids.lookup("left", { key: (bid) => bid.bidder, kind: "left", ...rows }, (_bid, row) => row.name);
// @ts-expect-error the keys are strings
bids.lookup("numbers", { key: (bid) => bid.price, ...rows }, (bid) => bid);

// --- union, routing, sinks -------------------------------------------------------------------------------------------

expectTypeOf(
  bids.union(
    flights.map((record) => record.delay),
    maybe,
  ),
).toEqualTypeOf<Stream<Bid | number | string | undefined>>();
expectTypeOf(bids.rebalance()).toEqualTypeOf<Stream<Bid>>();
expectTypeOf(bids.broadcast()).toEqualTypeOf<BroadcastStream<Bid>>();
expectTypeOf(bids.to("out", sinkOf<Bid>())).toEqualTypeOf<void>();
bids.to("out", sinkOf<unknown>(), { parallelism: 1 });
bids.to("out", sinkOf<{ price: number }>());
bids.to("out", collect());

// @ts-expect-error a keyed stream is united before keyBy
bids.union(keyed);
// @ts-expect-error an array is no stream
bids.union([1]);
// @ts-expect-error only an operator has side outputs: take the one of an input
bids.union(flights).sideOutput(late);
// @ts-expect-error a sink for other records
bids.to("out", sinkOf<{ amount: number }>());
// @ts-expect-error a sink has a name: what it committed is stored under it
bids.to(sinkOf<Bid>());
// @ts-expect-error a sink takes whole batches: no policy for single records
bids.to("out", sinkOf<Bid>(), { onError: "skip" });

// --- event time of one's own -----------------------------------------------------------------------------------------

expectTypeOf(bids.assignTimestamps("times", { timestamp: (bid) => bid.at })).toEqualTypeOf<
  OperatorStream<Bid>
>();
bids.assignTimestamps("times", {
  timestamp: (bid, timestamp) => timestamp ?? bid.price,
  watermarks: punctuated((bid: Bid) => bid.price),
});

// @ts-expect-error the time of a record is what it is for
bids.assignTimestamps("times", { outOfOrderness: "5s" });
// @ts-expect-error a text is no time
bids.assignTimestamps("times", { timestamp: (bid) => bid.bidder });
// @ts-expect-error silence is a matter of sources
bids.assignTimestamps("times", { timestamp: (bid) => bid.at, idleAfter: "1m" });
