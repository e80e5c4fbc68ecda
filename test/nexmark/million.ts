// npx tsx test/nexmark/million.ts — every query over a million events against the SQL oracle, embedded and on Redis.
//
//   --events N      how many events (default 1000000)
//   --only q4,q9    some queries
//   --partitions N  partitions per stage (default 4)
//
// Rows are compared as multisets: the number of lines, and the sum of a digest of each. When they differ, both files are
// kept and named. Needs some gigabytes in the folder for temporary files.
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { ndjsonSink } from "../../src/connectors/files/ndjson-sink.ts";
import type { NexmarkEvent } from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { nexmarkSource } from "../../src/nexmark/nexmark-source.ts";
import { isNexmarkQuery, type NexmarkQuery, nexmarkJob, nexmarkQueries } from "../../src/nexmark/queries.ts";
import { connect } from "../../src/runtime/weir.ts";
import { RedisServer } from "../support/redis-server.ts";
import { DuckDbOracle } from "./duckdb-oracle.ts";
import { comparable } from "./expected.ts";

const { values: options } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    only: { type: "string" },
    partitions: { type: "string", default: "4" },
  },
});
const count = Number(options.events);
const parallelism = Number(options.partitions);
const queries = (options.only?.split(",") ?? Object.keys(nexmarkQueries)).filter(isNexmarkQuery);

/** 2 s of disorder; 500 s of event time that end after midnight. Bidders are also sellers, so that q23 has more rows. */
const shape = {
  seed: 7,
  eventsPerSecond: 2_000,
  outOfOrderGroupSize: 4_000,
  baseTimestamp: Date.UTC(2015, 6, 15) - 120_000,
  bidderOffsetTwice: false,
};

/** Lines in any order. */
class Multiset {
  #lines = 0;
  #sum = 0n;

  add(line: string): void {
    this.#lines++;
    const digest = createHash("sha256").update(line).digest();
    this.#sum = BigInt.asUintN(
      128,
      this.#sum + digest.readBigUInt64LE(0) + (digest.readBigUInt64LE(8) << 64n),
    );
  }

  equals(other: Multiset): boolean {
    return this.#lines === other.#lines && this.#sum === other.#sum;
  }

  get lines(): number {
    return this.#lines;
  }
}

function* events(): Iterable<NexmarkEvent> {
  const generator = createNexmarkGenerator(shape);
  for (let n = 0; n < count; n++) yield generator.event(n);
}

async function ofFile(query: NexmarkQuery, path: string): Promise<Multiset> {
  const all = new Multiset();
  const lines = createInterface({ input: createReadStream(path) });
  if (query !== "q12") {
    for await (const line of lines) all.add(line);
    return all;
  }
  const rows: string[] = [];
  for await (const line of lines) rows.push(line);
  for (const line of comparable(query, rows)) all.add(line);
  return all;
}

async function ofOracle(query: NexmarkQuery): Promise<Multiset> {
  const all = new Multiset();
  for await (const lines of oracle.lines(query)) for (const line of lines) all.add(line);
  return all;
}

/** @returns seconds */
async function run(query: NexmarkQuery, redis: string | undefined, output: string): Promise<number> {
  const weir = await connect({ redis });
  const name = `million-${query}`;
  try {
    const source = nexmarkSource({ ...shape, events: count });
    const sink = ndjsonSink<object>(output, { format: (row) => JSON.stringify(row) });
    const startedMs = performance.now();
    const job = nexmarkJob(query, { name, source, sink, sinkOptions: { parallelism: 1 } });
    await (await weir.run(job, { parallelism })).finished;
    return (performance.now() - startedMs) / 1_000;
  } finally {
    await weir.remove(name);
    await weir.close();
  }
}

const folder = await mkdtemp(join(tmpdir(), "weir-million-"));
const server = await RedisServer.start({ appendOnly: false });
const oracle = await DuckDbOracle.load(events());
let differences = 0;
try {
  for (const query of queries) {
    const expected = await ofOracle(query);
    for (const [where, redis] of [
      ["embedded", undefined],
      ["redis", server.url],
    ] as const) {
      const output = join(folder, `${query}-${where}.ndjson`);
      const seconds = await run(query, redis, output);
      const found = await ofFile(query, output);
      const same = found.equals(expected);
      console.log(
        `${query.padEnd(4)} ${where.padEnd(8)} ${same ? "equal" : "DIFFERENT"}  ` +
          `${found.lines} rows, expected ${expected.lines}; ${Math.round(count / seconds)} events/s`,
      );
      if (same) {
        await rm(output);
        continue;
      }
      differences++;
      const kept = join(folder, `${query}-expected.ndjson`);
      const lines = Readable.from(
        (async function* () {
          for await (const some of oracle.lines(query)) yield some.map((line) => `${line}\n`).join("");
        })(),
      );
      await pipeline(lines, createWriteStream(kept));
      console.log(`     compare ${output} with ${kept}`);
    }
  }
} finally {
  oracle.close();
  await server.stop();
  if (differences === 0) await rm(folder, { recursive: true });
}
console.log(differences === 0 ? "all equal" : `${differences} of ${2 * queries.length} results differ`);
process.exitCode = differences === 0 ? 0 : 1;
