// Patterns as the compiler sees them: what captures are, what conditions see, and which calls are refused.
import { expectTypeOf } from "vitest";
import {
  type KeyedStream,
  type OperatorStream,
  type PatternOf,
  type PatternStream,
  pattern,
  type Stream,
  skipToFirst,
  skipToLast,
} from "../../src/index.ts";

interface Login {
  readonly kind: "login";
  readonly user: string;
}
interface Payment {
  readonly kind: "payment";
  readonly amount: number;
}
type Event = Login | Payment;
type CapturesOf<P> = P extends PatternOf<never, infer C> ? C : never;
declare const events: KeyedStream<string, Event>;

// Captures: a tuple of one, an array of one or more, or any array, narrowed by a condition that narrows.
const spending = pattern<Event>()
  .begin("login", (event) => event.kind === "login")
  .followedBy("payments", (event): event is Payment => event.kind === "payment")
  .oneOrMore()
  .followedBy("maybe")
  .optional();

const spent = events.pattern("spending", spending, (match, context) => {
  expectTypeOf(match.login).toEqualTypeOf<readonly [Login]>();
  expectTypeOf(match.payments).toEqualTypeOf<readonly [Payment, ...Payment[]]>();
  expectTypeOf(match.maybe).toEqualTypeOf<readonly Event[]>();
  expectTypeOf(context.key).toEqualTypeOf<string>();
  return match.payments.reduce((sum, { amount }) => sum + amount, 0);
});
expectTypeOf(spent).toEqualTypeOf<PatternStream<number, Event, CapturesOf<typeof spending>>>();
expectTypeOf(spent.late()).toEqualTypeOf<Stream<Event>>();
expectTypeOf(spent).toExtend<OperatorStream<number>>();

// Results: elements of iterables, nothing for undefined, text as it is.
expectTypeOf(events.pattern("p", spending, () => ["a", "b"])).toExtend<OperatorStream<string>>();
expectTypeOf(events.pattern("p", spending, () => "a" as string)).toExtend<OperatorStream<string>>();
expectTypeOf(events.pattern("p", spending, (m) => (m.maybe.length > 0 ? 1 : undefined))).toExtend<
  OperatorStream<1>
>();

// Timed-out partial matches: any number of records of every stage.
spent.timedOut().map(({ captures }) => expectTypeOf(captures.login).toEqualTypeOf<readonly Login[]>());

// Conditions see the captures before them, and those of their own stage.
pattern<Event>()
  .begin("first", (_event, captures) => {
    expectTypeOf(captures).toEqualTypeOf<{ readonly first: readonly Event[] }>();
    return true;
  })
  .next("second", (_event, captures) => {
    expectTypeOf(captures.first).toEqualTypeOf<readonly [Event]>();
    expectTypeOf(captures.second).toEqualTypeOf<readonly Event[]>();
    // @ts-expect-error there is no such stage before it
    captures.third;
    return true;
  })
  .notNext("none", (_event, captures) => captures.first[0] === captures.second[0]);

// Groups bring their captures.
const pair = pattern<Event>().begin("a").next("b");
events.pattern("pairs", pattern<Event>().begin("start").followedBy(pair).times(2).next("end"), (match) => {
  expectTypeOf(match.a).toEqualTypeOf<readonly [Event, ...Event[]]>();
  expectTypeOf(match.end).toEqualTypeOf<readonly [Event]>();
});

// @ts-expect-error a name stands once
pair.next("a");
// @ts-expect-error the strategy names a stage of the pattern
pair.afterMatch(skipToFirst("c"));
pair.afterMatch(skipToLast("b"));
// @ts-expect-error a pattern of other records
events.pattern("p", pattern<number>().begin("n"), () => 1);
// A pattern of less is a pattern of more.
events.pattern("p", pattern<{ readonly kind: string }>().begin("n"), () => 1);
