// The queries on the embedded engine against SQL over the same events (duckdb-oracle.ts): as they are, and with the engine
// dying in the middle, again and again. At each kill the heap of every partition is lost, and what goes on has only what
// was committed, read through its codecs. On Redis: killed-worker.test.ts.
//
//   WEIR_TEST_CAMPAIGN=2   every stream with every number of partitions, with two choices of kills each
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CollectSink, collect } from "../../src/connectors/collect.ts";
import { nexmarkJob } from "../../src/nexmark/queries.ts";
import { connect } from "../../src/runtime/weir.ts";
import { runTestJob } from "../../src/testing/index.ts";
import { allQueries, branches, queries } from "./all-queries.ts";
import { expectOracle } from "./compare-branches.ts";
import { DuckDbOracle } from "./duckdb-oracle.ts";
import { comparable } from "./expected.ts";
import { maxDelayMs } from "./oracle.ts";
import { disordered, ordered, overMidnight, type TestStream, tied } from "./streams.ts";

const isCampaign = Number(process.env["WEIR_TEST_CAMPAIGN"] ?? 1) > 1;

const everyCount: readonly number[] = [1, 3, 8];

/** The last stream has what the others have; it is tried in all numbers of partitions, each of the others in one. */
const plan = [
  { stream: ordered, name: ordered.name, counts: [3] },
  { stream: tied, name: tied.name, counts: [8] },
  { stream: disordered, name: disordered.name, counts: [1] },
  { stream: overMidnight, name: overMidnight.name, counts: everyCount },
];

describe.each(plan)("Nexmark queries against SQL, $name", ({ stream, counts }) => {
  let oracle: DuckDbOracle;
  beforeAll(async () => {
    oracle = await DuckDbOracle.load(stream.events);
  });
  afterAll(() => oracle.close());

  const expectRows = (results: Results): Promise<void> =>
    expectOracle(oracle, (branch) => sinkOf(results, branch).results.map((row) => JSON.stringify(row)));

  test("the stream is one for which the oracle speaks", () => {
    expect(maxDelayMs(stream.events)).toBeLessThan(4_000);
  });

  test("in one job, all queries and changelogs give the rows of the oracle", async () => {
    const results = newResults();
    const weir = await connect();
    const job = allQueries("all", stream.source, (branch) => sinkOf(results, branch));
    await (await weir.run(job, { parallelism: counts[0] as number })).finished;
    await expectRows(results);
  });

  test.each(isCampaign ? everyCount : counts)(
    "in %i partitions, killed at random commits, they give the rows of the oracle",
    async (parallelism) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(anyCommit, { minLength: 1, maxLength: 3 }),
          fc.array(sourceCommit, { minLength: 1, maxLength: 2 }),
          async (any, ofSource) =>
            expectRows(await killedRun(stream, parallelism, [...any, ...ofSource.map(at(parallelism))])),
        ),
        { numRuns: 1, endOnFailure: true },
      );
    },
  );
});

describe("Nexmark queries against SQL, each in a job of its own", () => {
  let oracle: DuckDbOracle;
  beforeAll(async () => {
    oracle = await DuckDbOracle.load(overMidnight.events);
  });
  afterAll(() => oracle.close());

  test.each(queries)("%s", async (query) => {
    const sink = collect<object>();
    const weir = await connect();
    const job = nexmarkJob(query, { name: query, source: overMidnight.source, sink });
    await (await weir.run(job, { parallelism: 2 })).finished;
    const lines = sink.results.map((row) => JSON.stringify(row));
    expect(comparable(query, lines)).toEqual(await oracle.sortedLines(query));
  });
});

type Results = ReadonlyMap<string, CollectSink<object>>;

function newResults(): Results {
  return new Map(branches.map(({ name }) => [name, collect<object>()]));
}

function sinkOf(results: Results, { name }: { readonly name: string }): CollectSink<object> {
  return results.get(name) as CollectSink<object>;
}

/** Epochs of the sources of a run with kills, of all partitions together, if none of them is repeated. */
const sourceEpochs = 48;

interface CommitKill {
  /** Just before the commit, or just after it: either nobody has it, or nobody knows of it. */
  readonly step: "beforeCommit" | "afterCommit";
  /** Which commit it is: of the partition, or of the job. */
  readonly occurrence: number;
  readonly partition?: string;
}

const step = fc.constantFrom("beforeCommit" as const, "afterCommit" as const);

/** Operators commit often: these come early. */
const anyCommit: fc.Arbitrary<CommitKill> = fc.record({
  step,
  occurrence: fc.integer({ min: 1, max: sourceEpochs }),
});

/** Between two commits of a source lies a good part of the input: these come in the middle. */
const sourceCommit = fc.record({ step, share: fc.integer({ min: 20, max: 80 }), split: fc.nat() });

type SourceCommit = typeof sourceCommit extends fc.Arbitrary<infer Kill> ? Kill : never;

function at(parallelism: number): (kill: SourceCommit) => CommitKill {
  return ({ step, share, split }) => ({
    step,
    partition: `events.${split % parallelism}`,
    occurrence: Math.ceil((share / 100) * (sourceEpochs / parallelism)),
  });
}

/** Runs all queries, and fails if a kill did not happen. */
async function killedRun(
  { events, source }: TestStream,
  parallelism: number,
  kills: readonly CommitKill[],
): Promise<Results> {
  const results = newResults();
  const test = await runTestJob(
    allQueries("killed", source, (branch) => sinkOf(results, branch)),
    {
      parallelism,
      timeoutMs: 250_000,
      // Small, so that a run has many epochs, evictions and slices of timers.
      settings: {
        sourceBatchRecords: Math.ceil(events.length / sourceEpochs),
        cacheEntries: 400,
        timerSlice: 100,
      },
    },
  );
  for (const { step, occurrence, partition } of kills)
    test.killAt(step, { occurrence, partition, scope: "job" });
  await test.finish();
  return results;
}
