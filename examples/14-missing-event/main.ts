// What does not happen: orders that are not paid within 30 minutes. Such a match is complete when event time shows that
// nothing came. A group finds those who asked for their money two times in a row, without being answered in between.
import { connect, defineJob, generator, pattern } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Step {
  readonly order: string;
  readonly kind: "ordered" | "paid" | "reminded" | "complained" | "answered";
  readonly minute: number;
}

const steps: readonly Step[] = [
  { order: "A", kind: "ordered", minute: 0 },
  { order: "B", kind: "ordered", minute: 5 },
  { order: "A", kind: "paid", minute: 12 },
  { order: "C", kind: "ordered", minute: 20 },
  { order: "B", kind: "reminded", minute: 36 }, // B was to be paid by minute 35
  { order: "B", kind: "complained", minute: 37 },
  { order: "C", kind: "paid", minute: 49 },
  { order: "C", kind: "reminded", minute: 60 },
  { order: "B", kind: "reminded", minute: 61 },
  { order: "C", kind: "complained", minute: 62 },
  { order: "B", kind: "complained", minute: 70 },
  { order: "C", kind: "answered", minute: 71 },
  { order: "C", kind: "reminded", minute: 75 },
  { order: "C", kind: "complained", minute: 76 },
];

const is = (kind: Step["kind"]) => (step: Step) => step.kind === kind;

const unpaid = pattern<Step>()
  .begin("ordered", is("ordered"))
  .notFollowedBy("paid", is("paid"))
  .within("30m");

const dispute = pattern<Step>()
  .begin(pattern<Step>().begin("reminded", is("reminded")).followedBy("complained", is("complained")))
  .times(2)
  .consecutive()
  .within("1h");

const job = defineJob("missing-event", (job) => {
  const orders = job
    .source("steps", generator({ count: steps.length, generate: (n) => steps[n] as Step }), {
      timestamp: (step) => step.minute * 60_000,
    })
    .keyBy((step) => step.order);
  orders
    .pattern("unpaid", unpaid, ({ ordered: [{ order }] }, { timestamp = 0 }) => {
      return `minute ${timestamp / 60_000}: order ${order} is not paid`;
    })
    .to("unpaid-report", consoleSink());
  orders
    .pattern("dispute", dispute, ({ complained }) => {
      const minutes = complained.map(({ minute }) => minute).join(" and ");
      return `order ${complained[0].order}: complaints in minutes ${minutes}`;
    })
    .to("dispute-report", consoleSink());
});

const weir = await connect();
// One partition per stage: then the lines have an order that can be compared with expected.txt.
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
