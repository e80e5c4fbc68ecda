// A temporal join: every sale is converted with the rate that was valid when it was made, not with the one that happens to
// be the latest when it is processed. A sale waits until event time has reached it; then all rates up to it are there.
import { collect, collection, connect, defineJob } from "weir";

const rates = [
  { currency: "USD", perEuro: 1.1, at: "09:00" },
  { currency: "GBP", perEuro: 0.85, at: "09:00" },
  { currency: "USD", perEuro: 1.2, at: "12:00" },
  { currency: "USD", perEuro: 1.0, at: "15:00" },
];

const sales = [
  { id: 1, currency: "USD", amount: 110, at: "08:59" }, // before the first rate
  { id: 2, currency: "USD", amount: 110, at: "11:59" },
  { id: 3, currency: "GBP", amount: 170, at: "13:00" },
  { id: 4, currency: "USD", amount: 120, at: "12:00" }, // an hour out of order, at the very time of a rate
  { id: 5, currency: "USD", amount: 120, at: "16:00" },
];

const converted = collect<string>();

const job = defineJob("converted-sales", (job) => {
  const byCurrency = job
    .source("rates", collection(rates), { timestamp: (rate) => timeOf(rate.at) })
    .keyBy((rate) => rate.currency);
  job
    .source("sales", collection(sales), { timestamp: (sale) => timeOf(sale.at), outOfOrderness: "1h" })
    .keyBy((sale) => sale.currency)
    .temporalJoin("converted", byCurrency, { kind: "left" }, (sale, rate) => {
      const euros = rate === undefined ? "no rate yet" : `${(sale.amount / rate.perEuro).toFixed(2)} EUR`;
      return `sale ${sale.id} at ${sale.at}: ${sale.amount} ${sale.currency} = ${euros}`;
    })
    .to("converted-sales", converted);
});

function timeOf(time: string): number {
  return Date.parse(`2026-03-01T${time}:00Z`);
}

const weir = await connect();
const run = await weir.run(job, { parallelism: 2 });
await run.finished;
for (const line of converted.results.toSorted()) console.log(line);
