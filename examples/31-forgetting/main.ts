// State that ends by itself. A join of tables in which rows meet for ten minutes of event time and are forgotten then, and
// windows of three records for users of whom some fall silent: what is left of these leaves after half an hour.
import { collect, collection, connect, count, defineJob, globalWindow, triggers } from "weir";

interface Event {
  readonly user: string;
  readonly what: string;
  readonly minute: number;
}

const orders: readonly Event[] = [
  { user: "ada", what: "book", minute: 0 },
  { user: "bob", what: "lamp", minute: 3 },
  { user: "ada", what: "chair", minute: 40 },
];
const payments: readonly Event[] = [
  { user: "ada", what: "card", minute: 4 },
  { user: "bob", what: "cash", minute: 15 }, // too late for the lamp
  { user: "ada", what: "card", minute: 41 },
];
const clicks: readonly Event[] = ["ada", "ada", "bob", "ada", "ada"].map((user, minute) => ({
  ...{ user, what: "click", minute: minute * 20 },
}));

const paid = collect<string>();
const clicked = collect<string>();

const job = defineJob("forgetting", (job) => {
  const events = (name: string, all: readonly Event[]) =>
    job
      .source(name, collection(all), { timestamp: ({ minute }) => minute * 60_000, parallelism: 1 })
      .keyBy(({ user }) => user);
  events("orders", orders)
    .join(
      "paid",
      events("payments", payments),
      { ttl: { after: "10m", time: "event" } },
      (order, payment) => `${order.user} paid for the ${order.what} with ${payment.what}`,
    )
    .to("paid-out", paid);
  events("clicks", clicks)
    .window(globalWindow())
    .trigger(triggers.timeout(triggers.purging(triggers.count(3)), "30m", { time: "event" }))
    .aggregate("three", count())
    .map("text", ({ key, value }) => `${key}: ${value} clicks`)
    .to("clicked-out", clicked);
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
await weir.close();

for (const line of [...[...paid.results].sort(), ...clicked.results]) console.log(line);
