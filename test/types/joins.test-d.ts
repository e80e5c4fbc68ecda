// Joins and operators with two inputs as the compiler sees them: right calls and what they infer, wrong calls and that
// they are refused. Nothing here runs: `tsc` is the test.
import { expectTypeOf } from "vitest";
import {
  type BroadcastConnectedStream,
  type BroadcastStream,
  type Change,
  type CoGroupedWindows,
  type ConnectedStreams,
  emits,
  type JobBuilder,
  type KeyedStream,
  type LateStream,
  list,
  map,
  type OperatorStream,
  type Source,
  type Stream,
  tumbling,
  value,
} from "../../src/index.ts";

interface Order {
  readonly id: number;
  readonly customer: string;
  readonly at: number;
}
interface Payment {
  readonly order: number;
  readonly customer: string;
  readonly amount: number;
}

declare const job: JobBuilder;
declare function sourceOf<T>(): Source<T>;
const orderStream: Stream<Order> = job.source("orders", sourceOf<Order>(), {
  timestamp: (order) => order.at,
});
const paymentStream: Stream<Payment> = job.source("payments", sourceOf<Payment>(), { timestamp: () => 0 });
const orders: KeyedStream<string, Order> = orderStream.keyBy((order) => order.customer);
const payments: KeyedStream<string, Payment> = paymentStream.keyBy((payment) => payment.customer);
const byNumber: KeyedStream<number, Payment> = paymentStream.keyBy((payment) => payment.order);
const changes: KeyedStream<string, Change<Payment>> = job
  .source("changes", sourceOf<Change<Payment>>(), { timestamp: () => 0 })
  .keyBy((change) => change.row.customer);

// --- interval join ---------------------------------------------------------------------------------------------------

const within = { lower: "-5m", upper: "10s" } as const;
expectTypeOf(
  orders.intervalJoin("near", payments, within, (order, payment, { key, timestamp }) => {
    expectTypeOf(order).toEqualTypeOf<Order>();
    expectTypeOf(payment).toEqualTypeOf<Payment>();
    expectTypeOf(key).toEqualTypeOf<string>();
    expectTypeOf(timestamp).toEqualTypeOf<number | undefined>();
    return payment.amount;
  }),
).toEqualTypeOf<LateStream<number, Order | Payment>>();
orders.intervalJoin("left", payments, { ...within, kind: "left" }, (order, payment) => {
  expectTypeOf(order).toEqualTypeOf<Order>();
  expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
});
orders.intervalJoin(
  "right",
  payments,
  { ...within, kind: "right", lowerExclusive: true },
  (order, payment) => {
    expectTypeOf(order).toEqualTypeOf<Order | undefined>();
    expectTypeOf(payment).toEqualTypeOf<Payment>();
  },
);
orders.intervalJoin(
  "full",
  payments,
  { ...within, kind: "full" },
  (order, payment) => {
    expectTypeOf(order).toEqualTypeOf<Order | undefined>();
    expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
  },
  { parallelism: 2, onError: "skip" },
);
expectTypeOf(orders.intervalJoin("l", payments, within, () => 1).late()).toEqualTypeOf<
  Stream<Order | Payment>
>();
// @ts-expect-error the keys are of different types
orders.intervalJoin("x", byNumber, within, () => 1);
// @ts-expect-error the other stream has no key
orders.intervalJoin("x", paymentStream, within, () => 1);
// @ts-expect-error both bounds are needed
orders.intervalJoin("x", payments, { lower: 0 }, () => 1);
// @ts-expect-error no such kind
orders.intervalJoin("x", payments, { ...within, kind: "semi" }, () => 1);
// @ts-expect-error of a left join the payment may be missing
orders.intervalJoin("x", payments, { ...within, kind: "left" }, (_order, payment) => payment.amount);
// @ts-expect-error no such unit
orders.intervalJoin("x", payments, { lower: "5 minutes", upper: 0 }, () => 1);

// --- joins with versions ---------------------------------------------------------------------------------------------

expectTypeOf(
  orders.temporalJoin("t", payments, {}, (order, payment) => [order.id, payment.amount] as const),
).toEqualTypeOf<LateStream<readonly [number, number], Order>>();
orders.temporalJoin("t", changes, { kind: "left" }, (_order, payment) => {
  expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
});
expectTypeOf(orders.joinLatest("j", changes, {}, (_order, payment) => payment.amount)).toEqualTypeOf<
  OperatorStream<number>
>();
// @ts-expect-error versions cannot stand alone
orders.temporalJoin("t", payments, { kind: "right" }, () => 1);
// @ts-expect-error the keys are of different types
orders.joinLatest("j", byNumber, {}, () => 1);

// --- joins of tables -------------------------------------------------------------------------------------------------

expectTypeOf(orders.join("j", payments, {}, (order, payment) => order.id + payment.amount)).toEqualTypeOf<
  OperatorStream<number>
>();
expectTypeOf(orders.join("j", payments, { kind: "semi" }, (order) => order.id)).toEqualTypeOf<
  OperatorStream<number>
>();
expectTypeOf(
  orders.join("j", payments, { kind: "anti" }, (order, payment) => {
    expectTypeOf(order).toEqualTypeOf<Order>();
    expectTypeOf(payment).toEqualTypeOf<undefined>();
    return order.id;
  }),
).toEqualTypeOf<OperatorStream<Change<number>>>();
expectTypeOf(
  orders.join("j", payments, { kind: "left" }, (order, payment) => [order.id, payment?.amount]),
).toEqualTypeOf<OperatorStream<Change<(number | undefined)[]>>>();
expectTypeOf(
  orders.join("j", changes, { rightKey: (payment) => payment.order }, (order, payment) => {
    expectTypeOf(payment).toEqualTypeOf<Payment>();
    return order.id;
  }),
).toEqualTypeOf<OperatorStream<Change<number>>>();
orders.join("j", changes, { kind: "full", rightKey: (payment) => payment.order }, (order, payment) => {
  expectTypeOf(order).toEqualTypeOf<Order | undefined>();
  expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
});
// @ts-expect-error changes of rows that nothing tells apart
orders.join("j", changes, {}, () => 1);
// @ts-expect-error the other side's key does not help
changes.join("j", orders, { kind: "left", rightKey: (order) => order.id }, () => 1);
// @ts-expect-error the key is one of the row, not of the change
orders.join("j", changes, { rightKey: (change) => change.op }, () => 1);
// @ts-expect-error no such kind
orders.join("j", payments, { kind: "outer" }, () => 1);

// --- connect ---------------------------------------------------------------------------------------------------------

expectTypeOf(orders.connect(payments)).toEqualTypeOf<ConnectedStreams<string, Order, Payment>>();
expectTypeOf(
  orders.connect(payments).process("both", {
    state: { open: list<number>() },
    emits: emits<number>(),
    onFirst(order, context) {
      expectTypeOf(order).toEqualTypeOf<Order>();
      expectTypeOf(context.key).toEqualTypeOf<string>();
      context.state.open.append(order.id);
    },
    onSecond(payment, context) {
      expectTypeOf(payment).toEqualTypeOf<Payment>();
      context.emit(payment.amount);
    },
    onTimer(timer, context) {
      context.emit(timer.time);
    },
  }),
).toEqualTypeOf<OperatorStream<number>>();
// @ts-expect-error the keys are of different types
orders.connect(byNumber);
// @ts-expect-error a stream that is neither keyed nor broadcast
orders.connect(paymentStream);
// @ts-expect-error both streams need their function
orders.connect(payments).process("both", { onFirst() {} });
orders.connect(payments).process("both", {
  emits: emits<number>(),
  // @ts-expect-error declared to emit numbers
  onFirst: (order, context) => context.emit(order.customer),
  onSecond() {},
});

// --- broadcast -------------------------------------------------------------------------------------------------------

const rules: BroadcastStream<Payment> = paymentStream.broadcast();
expectTypeOf(orders.connect(rules)).toEqualTypeOf<BroadcastConnectedStream<string, Order, Payment>>();
orders.connect(rules).process("rules", {
  state: { seen: value({ default: 0 }) },
  broadcast: { limits: map<string, number>(), last: value<Payment>() },
  emits: emits<string>(),
  onRecord(order, context) {
    expectTypeOf(context.broadcast.limits.get(order.customer)).toEqualTypeOf<number | undefined>();
    expectTypeOf(context.broadcast.last.get()).toEqualTypeOf<Payment | undefined>();
    context.state.seen.set(context.state.seen.get() + 1);
    context.emit(context.key);
    // @ts-expect-error records only read broadcast state
    context.broadcast.limits.set("a", 1);
  },
  onBroadcast(rule, context) {
    context.broadcast.limits.set(rule.customer, rule.amount);
    context.broadcast.last.set(rule);
    // @ts-expect-error a broadcast record has no key
    context.key;
    // @ts-expect-error and so no keyed state
    context.state;
  },
});
orders.connect(rules).process("rules", {
  // @ts-expect-error broadcast state is a map or a value
  broadcast: { limits: list<number>() },
  onRecord() {},
  onBroadcast() {},
});
// @ts-expect-error the broadcast state must be declared
orders.connect(rules).process("rules", { onRecord() {}, onBroadcast() {} });

// --- windows ---------------------------------------------------------------------------------------------------------

const windows = orders.coGroup(payments).window(tumbling("1m"));
expectTypeOf(windows).toEqualTypeOf<CoGroupedWindows<string, Order, Payment>>();
expectTypeOf(
  windows.allowedLateness("5s").apply("counts", function* (key, window, lefts, rights) {
    expectTypeOf(lefts).toEqualTypeOf<readonly Order[]>();
    expectTypeOf(rights).toEqualTypeOf<readonly Payment[]>();
    yield [key, window.start, lefts.length, rights.length] as const;
  }),
).toEqualTypeOf<LateStream<readonly [string, number, number, number], Order | Payment>>();
expectTypeOf(
  windows.join("pairs", { kind: "left" }, (order, payment) => {
    expectTypeOf(payment).toEqualTypeOf<Payment | undefined>();
    return order.id;
  }),
).toEqualTypeOf<LateStream<number, Order | Payment>>();
// @ts-expect-error the keys are of different types
orders.coGroup(byNumber);
// @ts-expect-error a window must be applied or joined
windows.aggregate("sum", {});
