// Code of one's own per record and per timer: a visit to a shop ends after half an hour without a click. Every click
// moves the timer; when it fires, the visit is told and its state goes.
import { collection, connect, defineJob, emits, list, type ProcessContext, value } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Visit {
  readonly visitor: string;
  readonly from: number;
  readonly to: number;
  readonly pages: readonly string[];
}

const clicks = [
  { visitor: "ada", page: "lamps", at: "10:00" },
  { visitor: "bob", page: "chairs", at: "10:05" },
  { visitor: "ada", page: "bulbs", at: "10:12" },
  { visitor: "ada", page: "cart", at: "10:41" }, // 29 minutes later: the same visit
  { visitor: "bob", page: "tables", at: "11:40" }, // 95 minutes later: another one
  { visitor: "ada", page: "lamps", at: "12:00" },
];

const PAUSE_MS = 30 * 60_000;
const state = { first: value<number>(), last: value<number>(), pages: list<string>() };
type VisitContext = ProcessContext<string, Visit, typeof state>;

const job = defineJob("visits", (job) => {
  job
    .source("clicks", collection(clicks), { timestamp: (click) => timeOf(click.at) })
    .keyBy((click) => click.visitor)
    .process("visits", {
      state,
      emits: emits<Visit>(),
      onRecord(click, context) {
        const { state, timers, timestamp = 0 } = context;
        const last = state.last.get();
        if (last !== undefined) timers.deleteEvent(last + PAUSE_MS);
        // Timers fire when the watermark passes them, and it may be behind the records: the pause may be over already.
        if (last !== undefined && timestamp - last >= PAUSE_MS) endVisit(context);
        if (state.first.get() === undefined) state.first.set(timestamp);
        state.last.set(timestamp);
        state.pages.append(click.page);
        timers.event(timestamp + PAUSE_MS);
      },
      onTimer: (_timer, context) => endVisit(context),
    })
    .map(({ visitor, from, to, pages }) => `${visitor} ${clock(from)} to ${clock(to)}: ${pages.join(", ")}`)
    .to("report", consoleSink());
});

function endVisit(context: VisitContext): void {
  const { first, last, pages } = context.state;
  const [from = 0, to = 0] = [first.get(), last.get()];
  context.emit({ visitor: context.key, from, to, pages: [...pages.get()] });
  first.clear();
  last.clear();
  pages.clear();
}

function timeOf(time: string): number {
  return Date.parse(`2026-03-01T${time}:00Z`);
}

function clock(timestamp: number): string {
  return new Date(timestamp).toISOString().slice(11, 16);
}

const weir = await connect();
// One partition: timers of all visitors fire in the order of time. When the input ends, so does every visit.
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
