// Broadcast state: limits per country are the same in every partition, card payments are spread over all of them. Rules and
// payments come in no order, so each payment waits, under a timer, until event time has passed it: by then every rule up to
// that time is there.
import { collect, collection, connect, defineJob, emits, list, map } from "weir";

interface Payment {
  readonly card: string;
  readonly country: string;
  readonly amount: number;
  readonly at: number;
}

const limits = [
  { country: "FR", limit: 100, at: 1 },
  { country: "PT", limit: 40, at: 2 },
  { country: "FR", limit: 250, at: 3 }, // takes the place of the first one
];

const payments: readonly Payment[] = [
  { card: "c1", country: "FR", amount: 200, at: 10 },
  { card: "c2", country: "PT", amount: 60, at: 11 },
  { card: "c1", country: "PT", amount: 30, at: 12 },
  { card: "c3", country: "FR", amount: 300, at: 13 },
  { card: "c2", country: "DE", amount: 900, at: 14 }, // no limit there
];

const alerts = collect<string>();

const job = defineJob("limits", (job) => {
  const rules = job.source("limits", collection(limits), { timestamp: (rule) => rule.at, parallelism: 1 });
  job
    .source("payments", collection(payments), { timestamp: (payment) => payment.at })
    .keyBy((payment) => payment.card)
    .connect(rules.broadcast())
    .process("check", {
      state: { waiting: list<Payment>() },
      broadcast: { limits: map<string, number>() },
      emits: emits<string>(),
      onRecord(payment, { state, timers }) {
        state.waiting.append(payment);
        timers.event(payment.at);
      },
      onBroadcast(rule, { broadcast }) {
        broadcast.limits.set(rule.country, rule.limit);
      },
      onTimer(timer, context) {
        const { state, broadcast } = context;
        const waiting = state.waiting.get();
        for (const { card, country, amount } of waiting.filter(({ at }) => at === timer.time)) {
          const limit = broadcast.limits.get(country) ?? Number.POSITIVE_INFINITY;
          if (amount > limit)
            context.emit(`card ${card}: ${amount} in ${country}, where the limit is ${limit}`);
        }
        state.waiting.update(waiting.filter(({ at }) => at !== timer.time));
      },
    })
    .to("alerts", alerts);
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 4 });
await run.finished;
for (const alert of alerts.results.toSorted()) console.log(alert);
