// Requests behind a keyBy as the compiler sees them. Nothing here runs: `tsc` is the test.
import { expectTypeOf } from "vitest";
import type { KeyedAsyncOptions, KeyedStream, Stream } from "../../src/index.ts";

interface Order {
  readonly id: number;
  readonly customer: string;
}

declare const orders: KeyedStream<string, Order>;

const rated = orders.asyncMap("rate", async (order, { key, id, attempt, signal, timestamp }) => {
  expectTypeOf(order).toEqualTypeOf<Order>();
  expectTypeOf(key).toEqualTypeOf<string>();
  expectTypeOf(id).toEqualTypeOf<string>();
  expectTypeOf(attempt).toEqualTypeOf<number>();
  expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
  expectTypeOf(timestamp).toEqualTypeOf<number | undefined>();
  return order.id;
});
expectTypeOf(rated).toExtend<Stream<number>>();
expectTypeOf(orders.asyncFlatMap("words", async ({ customer }) => [customer])).toExtend<Stream<string>>();
expectTypeOf(orders.asyncMap("now", (order) => order.id, { order: "sequential", capacity: 5 })).toExtend<
  Stream<number>
>();
expectTypeOf<KeyedAsyncOptions<Order>["order"]>().toEqualTypeOf<
  "ordered" | "sequential" | "unordered" | undefined
>();

// @ts-expect-error no such order
orders.asyncMap("a", async (order) => order, { order: "sorted" });
// @ts-expect-error a record for each: an iterable
orders.asyncFlatMap("b", async (order) => order.id);

declare const unkeyed: Stream<Order>;
// @ts-expect-error needs keys
unkeyed.asyncMap("c", async (order) => order, { order: "sequential" });
// @ts-expect-error needs keys
unkeyed.asyncMap("d", async (order, { key }) => key);
