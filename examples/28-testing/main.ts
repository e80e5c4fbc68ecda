// A test of a job, with no framework: first its operator alone, then the whole job, killed in the middle of its work.
import assert from "node:assert/strict";
import { collect, defineJob, emits, type KeyedStream, sideTag, value } from "weir";
import { manualSource, operatorHarness, runTestJob } from "weir/testing";

interface Payment {
  readonly card: string;
  readonly cents: number;
  readonly at: number;
}

const blocked = sideTag<Payment>("blocked");

/** The sum per card; a minute after its last payment, by event time, the card is settled. */
function settle(payments: KeyedStream<string, Payment>) {
  return payments.process("settle", {
    state: { sum: value<number>(), last: value<number>() },
    emits: emits<{ card: string; cents: number }>(),
    onRecord(payment, context) {
      const { state, timers } = context;
      if (payment.cents > 100_00) return context.side(blocked, payment);
      state.sum.set((state.sum.get() ?? 0) + payment.cents);
      state.last.set(payment.at);
      timers.event(payment.at + 60_000);
    },
    onTimer({ time }, context) {
      const { key, state } = context;
      if (time !== (state.last.get() ?? 0) + 60_000) return; // paid again since
      context.emit({ card: key, cents: state.sum.get() ?? 0 });
      state.sum.clear();
      state.last.clear();
    },
  });
}

// 1. The operator alone: everything happens in the call.
const harness = operatorHarness({
  key: (payment: Payment) => payment.card,
  timestamp: (payment) => payment.at,
  build: settle,
});
harness.push({ card: "red", cents: 5_00, at: 0 });
harness.push({ card: "red", cents: 7_00, at: 30_000 });
harness.push({ card: "red", cents: 500_00, at: 31_000 });
harness.watermark(89_999);
assert.deepEqual(harness.takeOutput(), []);
assert.equal(harness.take(blocked).length, 1);
console.log("before:", harness.state);
harness.restart(); // nothing but state survives
harness.watermark(90_000);
assert.deepEqual(harness.takeOutput(), [{ value: { card: "red", cents: 12_00 }, timestamp: 90_000 }]);
console.log("after: ", harness.state);

// 2. The whole job, once undisturbed, and once with a kill at each of these steps.
async function totals(...steps: ("duringBatch" | "afterCommit")[]): Promise<string[]> {
  const payments = manualSource<Payment>();
  const settled = collect<{ card: string; cents: number }>();
  const job = defineJob("cards", (job) => {
    const cards = job.source("payments", payments, { timestamp: (payment) => payment.at });
    settle(cards.keyBy((payment) => payment.card)).to("settled", settled);
  });
  const test = await runTestJob(job, { parallelism: 2 });
  for (const step of steps) test.killAt(step, { occurrence: 3 });
  for (let i = 0; i < 20; i++) {
    const at = i * 1_000;
    payments.push({ card: `card ${i % 3}`, cents: i, at }, { card: "red", cents: 1, at });
    await test.settle();
  }
  await test.finish();
  return test
    .results(settled)
    .map(({ card, cents }) => `${card}: ${cents}`)
    .sort();
}

const undisturbed = await totals();
console.log(undisturbed.join(", "));
assert.deepEqual(await totals("duringBatch", "afterCommit"), undisturbed);
console.log("the same after kills");
