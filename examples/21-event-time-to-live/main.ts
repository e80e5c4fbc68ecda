// State that grows old in the time of the records, and an aggregate as state: each payment is compared with the mean of the
// card's payments, and a card that was silent for an hour starts anew. It does not matter when the job runs, or how fast:
// the same payments always give the same answers.
import { aggregating, connect, defineJob, emits, generator, mean, value } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Payment {
  readonly card: string;
  /** Minutes since midnight. */
  readonly at: number;
  readonly amount: number;
}

const payments: readonly Payment[] = [
  { card: "blue", at: 600, amount: 20 },
  { card: "red", at: 601, amount: 500 },
  { card: "blue", at: 610, amount: 40 },
  { card: "blue", at: 622, amount: 300 }, // ten times the mean of 30
  { card: "blue", at: 618, amount: 30 }, // out of order: read and written as of 10:18
  { card: "red", at: 655, amount: 480 },
  { card: "blue", at: 700, amount: 400 }, // nothing for more than an hour: there is no mean to compare with
  { card: "red", at: 714, amount: 490 }, // 59 minutes after the last one
];

const job = defineJob("payments", (job) => {
  job
    .source("payments", generator({ count: payments.length, generate: (n) => payments[n] as Payment }), {
      timestamp: (payment) => payment.at * 60_000,
      outOfOrderness: "10m",
      parallelism: 1,
    })
    .keyBy((payment) => payment.card)
    .process("compare", {
      state: {
        usual: aggregating(
          mean((payment: Payment) => payment.amount),
          { ttl: { after: "1h", time: "event" } },
        ),
        number: value({ default: 0 }),
      },
      emits: emits<string>(),
      onRecord(payment, context) {
        const { usual: average, number } = context.state;
        const usual = average.get();
        number.set(number.get() + 1);
        const verdict =
          usual === undefined
            ? "nothing to compare with"
            : payment.amount > 5 * usual
              ? "unusual"
              : "as usual";
        context.emit(
          `${payment.card} ${number.get()}: ${payment.amount} against ${usual?.toFixed(0) ?? "-"}: ${verdict}`,
        );
        if (verdict !== "unusual") average.add(payment);
      },
    })
    .to("report", consoleSink({ format: (line) => line }));
});

const weir = await connect();
await (await weir.run(job, { parallelism: 1 })).finished;
