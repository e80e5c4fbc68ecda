// A worker process that takes part in several jobs of all queries, to be started, told what to do and killed by tests.
//
//   tsx shared-worker.ts '<SharedWork as JSON>'
//
// Reads commands from its input, one a line: `join <job>` takes part in a job; `begin` and `end` move the sources of all
// its jobs on (staged-source.ts). Exit code 0: it has joined all jobs, and all have finished.
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ndjsonSink } from "../../src/connectors/files/ndjson-sink.ts";
import { connect } from "../../src/runtime/weir.ts";
import { allQueries } from "./all-queries.ts";
import { stagedSource } from "./staged-source.ts";
import { streams } from "./streams.ts";

export interface SharedJob {
  readonly name: string;
  readonly parallelism: number;
}

export interface SharedWork {
  readonly redis: string;
  /** Name of one of the test streams. */
  readonly stream: string;
  readonly jobs: readonly SharedJob[];
  /** Each job writes its results below a folder of its name here, each branch a file `<branch>.ndjson`. */
  readonly folder: string;
}

const { redis, stream: streamName, jobs, folder } = JSON.parse(process.argv[2] as string) as SharedWork;
const stream = streams.find(({ name }) => name === streamName);
if (stream === undefined) throw new Error(`there is no stream "${streamName}"`);
let begin = (): void => {};
let end = (): void => {};
const stages = {
  begin: new Promise<void>((resolve) => {
    begin = resolve;
  }),
  end: new Promise<void>((resolve) => {
    end = resolve;
  }),
};
const source = stagedSource(stream.source, stream.events.length, stages);
const weir = await connect({ redis });
let left = jobs.length;

async function takePart({ name, parallelism }: SharedJob): Promise<void> {
  const job = allQueries(name, source, (branch) => ndjsonSink(join(folder, name, `${branch.name}.ndjson`)), {
    parallelism: 1,
  });
  const run = await weir.run(job, { parallelism, shared: true });
  await run.finished;
  left--;
  if (left > 0) return;
  await weir.close();
  process.exit();
}

const commands = createInterface({ input: process.stdin });
commands.on("line", (line) => {
  const [command, name] = line.split(" ");
  const job = jobs.find((each) => each.name === name);
  if (command === "join" && job !== undefined) void takePart(job);
  else if (command === "begin") begin();
  else if (command === "end") end();
  else throw new Error(`"${line}" is no command`);
});
// A worker without a parent has nobody who would ever stop it.
commands.on("close", () => process.exit(1));
