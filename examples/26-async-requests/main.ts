// Requests to the outside: many under way at once, with a time limit and repeats. Results leave in the order of their
// records, and each exactly once, although an answer may come late, or only at the second try.
import { setTimeout as sleep } from "node:timers/promises";
import { collection, connect, defineJob } from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Payment {
  readonly account: string;
  readonly cents: number;
}

const payments: readonly Payment[] = [
  { account: "ada", cents: 1_200 },
  { account: "bob", cents: 80_000 },
  { account: "slow", cents: 4_000 }, // answered last of all
  { account: "busy", cents: 700 }, // refused at the first attempt
  { account: "gone", cents: 5 }, // never answered
  { account: "eve", cents: 95_000 },
];

/** Stands for a service: what it is asked twice under one id it charges once. */
const charged = new Map<string, string>();

async function charge(payment: Payment, id: string, attempt: number, signal: AbortSignal): Promise<string> {
  if (payment.account === "gone") return sleep(60_000, "never", { signal });
  await sleep(payment.account === "slow" ? 100 : 5);
  if (payment.account === "busy" && attempt === 1) throw new Error("try again later");
  const known = charged.get(id);
  if (known !== undefined) return known;
  const answer = payment.cents > 90_000 ? "refused" : "charged";
  charged.set(id, answer);
  return answer;
}

const job = defineJob("payments", (job) => {
  const answered = job.source("payments", collection(payments)).asyncMap(
    "charge",
    async (payment, { id, attempt, signal }) => {
      const answer = await charge(payment, id, attempt, signal);
      return `${payment.account}: ${answer} at attempt ${attempt}`;
    },
    { concurrency: 10, timeout: "250ms", retry: { attempts: 2, backoff: "10ms" }, onError: "deadLetter" },
  );
  answered.to("answers", consoleSink());
  answered
    .deadLetters()
    .map(({ record, error }) => `${(record as Payment).account}: ${error.code}`)
    .to("unanswered", consoleSink());
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
await run.finished;
