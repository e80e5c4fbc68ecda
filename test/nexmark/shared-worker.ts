// A worker process that takes part in the jobs of several queries at once, to be started and killed by tests.
//
//   tsx shared-worker.ts '<SharedWork as JSON>'
import { ndjsonSink } from "../../src/connectors/files/ndjson-sink.ts";
import { nexmarkSource } from "../../src/nexmark/nexmark-source.ts";
import { type NexmarkQuery, nexmarkJob } from "../../src/nexmark/queries.ts";
import { connect } from "../../src/runtime/weir.ts";

export interface SharedJob {
  readonly query: NexmarkQuery;
  readonly name: string;
  readonly parallelism: number;
  readonly changelog: boolean;
  /** File of the rows. */
  readonly output: string;
}

export interface SharedWork {
  readonly redis: string;
  readonly source: NonNullable<Parameters<typeof nexmarkSource>[0]>;
  readonly jobs: readonly SharedJob[];
}

const { redis, source, jobs } = JSON.parse(process.argv[2] as string) as SharedWork;
const weir = await connect({ redis });
const runs = await Promise.all(
  jobs.map(({ query, name, parallelism, changelog, output }) => {
    const sink = ndjsonSink<object>(output);
    const parts = { name, source: nexmarkSource(source), sink, sinkOptions: { parallelism: 1 }, changelog };
    return weir.run(nexmarkJob(query, parts), { parallelism, shared: true });
  }),
);
await Promise.all(runs.map((run) => run.finished));
await weir.close();
process.exit();
