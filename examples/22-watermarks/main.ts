// Event time that the data itself announces: a till says at the end of each hour that the hour is complete. Until all
// tills of a shop have said so, its windows wait; why they wait is one line.
import {
  connect,
  count,
  defineJob,
  type Json,
  punctuated,
  type Source,
  type SourceBatch,
  tumbling,
} from "weir";
import { console as consoleSink } from "weir/connectors/console";

interface Entry {
  readonly till: string;
  readonly at: number;
  /** Set on the entry that closes an hour: nothing of this till follows that is older. */
  readonly completeUpTo?: number;
}

const HOUR = 3_600_000;
const sale = (till: string, hour: number): Entry => ({ till, at: hour * HOUR });
const done = (till: string, hour: number): Entry => ({ ...sale(till, hour), completeUpTo: hour * HOUR - 1 });

/** Each till is a split with a watermark of its own. The second one keeps silent until it is `repaired`. */
let repaired = (): void => {};
const repair = new Promise<void>((resolve) => {
  repaired = resolve;
});
const entries: Readonly<Record<string, readonly Entry[]>> = {
  "till-1": [
    sale("till-1", 9.5),
    sale("till-1", 9.1),
    done("till-1", 10),
    sale("till-1", 10.2),
    done("till-1", 11),
  ],
  "till-2": [sale("till-2", 9.7), sale("till-2", 10.9), done("till-2", 11)],
};

const tills: Source<Entry> = {
  description: "tills",
  bounded: true,
  replayable: true,
  splits: () => Object.keys(entries).map((id) => ({ id })),
  open(split, position) {
    const own = entries[split.id] ?? [];
    let next = Number(position ?? 0);
    const read = (): SourceBatch<Entry> => {
      const records = own.slice(next, next + 1);
      next += records.length;
      return { records, position: next as Json, end: next >= own.length };
    };
    const waits = (): boolean => split.id === "till-2" && next === 1;
    return { read: () => (waits() ? repair.then(read) : read()), close() {} };
  },
};

const job = defineJob("tills", (job) => {
  job
    .source("tills", tills, {
      timestamp: (entry) => entry.at,
      watermarks: punctuated((entry) => entry.completeUpTo),
    })
    .filter((entry) => entry.completeUpTo === undefined)
    .keyBy(() => "shop")
    .window(tumbling("1h"))
    .aggregate("sales", count())
    .map(({ value, window }) => `${window.start / HOUR} to ${window.end / HOUR} o'clock: ${value} sales`)
    .to("report", consoleSink());
});

const weir = await connect();
const run = await weir.run(job, { parallelism: 1 });
const sales = () => run.watermarks().find((cause) => cause.stage === "sales");
while (sales()?.state !== "silent") await new Promise((resolve) => setTimeout(resolve, 10));
console.log(`the first window waits for split ${sales()?.input} of ${sales()?.path.at(-1)}`);
repaired();
await run.finished;
