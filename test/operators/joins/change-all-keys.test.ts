// A broadcast record that concerns the state of all keys (docs/semantics.md, "Changing the state of all keys"): it is written
// down in broadcast state, and each key acts on it when it is next looked at. For whoever looks, that is the same as if all
// keys had been visited at once.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emits, map, value } from "../../../src/index.ts";
import { type OperatorHarness, operatorHarness } from "../../../src/testing/index.ts";

const RUNS = 200;

interface Payment {
  readonly card: string;
  readonly cents: number;
}

/** For all cards: begin at zero, or take a part off. */
type Command = { readonly kind: "reset" } | { readonly kind: "discount"; readonly percent: number };

const apply = (total: number, command: Command): number =>
  command.kind === "reset" ? 0 : total - (total * command.percent) / 100;

const totals = (cacheEntries: number): OperatorHarness<Payment, string, Command> =>
  operatorHarness({
    key: (payment: Payment) => payment.card,
    cacheEntries,
    build: (payments, commands) =>
      payments.connect(commands.broadcast()).process("totals", {
        state: { total: value({ default: 0 }), applied: value<number>() },
        broadcast: { log: map<number, Command>(), next: value({ default: 0 }) },
        emits: emits<string>(),
        onBroadcast(command, { broadcast }) {
          const seq = broadcast.next.get();
          // What came before a reset matters to nobody any more: the log stays short.
          if (command.kind === "reset") broadcast.log.clear();
          broadcast.log.set(seq, command);
          broadcast.next.set(seq + 1);
        },
        onRecord({ cents }, context) {
          const { state, broadcast } = context;
          let total = state.total.get();
          const applied = state.applied.get() ?? broadcast.next.get();
          const pending = [...broadcast.log.entries()].filter(([seq]) => seq >= applied);
          for (const [, command] of pending.sort(([a], [b]) => a - b)) total = apply(total, command);
          state.applied.set(broadcast.next.get());
          state.total.set(total + cents);
          context.emit(`${context.key} ${total + cents}`);
        },
      }),
  });

const steps = fc.array(
  fc.oneof(
    fc.record({ card: fc.constantFrom("a", "b", "c"), cents: fc.integer({ min: 1, max: 9 }) }),
    fc.constant({ kind: "reset" as const }),
    fc.record({ kind: fc.constant("discount" as const), percent: fc.constantFrom(50, 100) }),
    fc.constant("restart" as const),
  ),
  { maxLength: 50 },
);

describe("a broadcast record for all keys", () => {
  test("what each key shows is as if all keys had been visited at once, also over restarts", () => {
    fc.assert(
      fc.property(steps, fc.constantFrom(1, 100), (all, cacheEntries) => {
        const harness = totals(cacheEntries);
        const visited = new Map<string, number>();
        const expected: string[] = [];
        for (const step of all) {
          if (step === "restart") harness.restart();
          else if ("card" in step) {
            harness.pushTo(0, step);
            const total = (visited.get(step.card) ?? 0) + step.cents;
            visited.set(step.card, total);
            expected.push(`${step.card} ${total}`);
          } else {
            harness.pushTo(1, step);
            for (const [card, total] of visited) visited.set(card, apply(total, step));
          }
        }
        expect(harness.takeOutput().map(({ value }) => value)).toEqual(expected);
      }),
      { numRuns: RUNS },
    );
  });
});
