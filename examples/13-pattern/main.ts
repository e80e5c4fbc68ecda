// A pattern: three wrong passwords in a row, then a right one from another place, all within a minute. The condition of
// a stage sees what was captured before it. After an attack was found, its records count for no other.
import { connect, defineJob, generator, pattern, skipPastLastEvent } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Login {
  readonly user: string;
  /** Seconds since the start. */
  readonly at: number;
  readonly ok: boolean;
  readonly place: string;
}

const logins: readonly Login[] = [
  { user: "eve", at: 1, ok: false, place: "Oslo" },
  { user: "bob", at: 2, ok: false, place: "Rome" },
  { user: "eve", at: 8, ok: false, place: "Oslo" },
  { user: "eve", at: 5, ok: false, place: "Oslo" }, // 3 s out of order: patterns go by event time
  { user: "eve", at: 9, ok: false, place: "Oslo" },
  { user: "eve", at: 12, ok: true, place: "Lima" },
  { user: "bob", at: 20, ok: false, place: "Rome" },
  { user: "bob", at: 25, ok: false, place: "Rome" },
  { user: "bob", at: 30, ok: true, place: "Rome" }, // from the same place: no attack
  { user: "ann", at: 31, ok: false, place: "Kyiv" },
  { user: "ann", at: 50, ok: false, place: "Kyiv" },
  { user: "ann", at: 80, ok: false, place: "Kyiv" },
  { user: "ann", at: 95, ok: true, place: "Lima" }, // 64 s after the first: too late
];

const attack = pattern<Login>()
  .begin("wrong", (login) => !login.ok)
  .timesOrMore(3)
  .consecutive()
  .greedy()
  .next("right", (login, { wrong }) => login.ok && wrong.every(({ place }) => place !== login.place))
  .within("1m")
  .afterMatch(skipPastLastEvent());

const job = defineJob("pattern", (job) => {
  const attacks = job
    .source("logins", generator({ count: logins.length, generate: (n) => logins[n] as Login }), {
      timestamp: (login) => login.at * 1_000,
      outOfOrderness: "5s",
    })
    .keyBy((login) => login.user)
    .pattern("attack", attack, ({ wrong, right: [right] }) => {
      return `${right.user}: ${wrong.length} wrong passwords from ${wrong[0].place}, then in from ${right.place}`;
    });
  attacks.to("report", consoleSink());
  attacks
    .timedOut()
    .filter(({ captures }) => captures.wrong.length >= 3)
    .map(({ captures, timestamp }) => `${captures.wrong[0]?.user}: given up at second ${timestamp / 1_000}`)
    .to("given-up", consoleSink());
});

const weir = await connect();
// One partition per stage: then the lines have an order that can be compared with expected.txt.
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
