// npm run bench — everything that README.md states as a number, measured in one run; prints tables and writes JSON.
//
//   npm run bench                     all, about twenty minutes on two cores
//   npm run bench -- --smoke          a small run of everything, to see that it works
//   npm run bench -- --only latency   one part: limit, codec, operators, count, nexmark, latency, takeover, memory
//   npm run bench -- --repeat 5       runs of limit, count and takeover, of which the median counts (default 3)
//   npm run bench -- --out FILE       where the JSON goes (default bench/results/latest.json)
//   npm run bench -- --cpu-prof       a CPU profile per benchmark process, in the current folder
//
// Absolute numbers of a shared machine move by tens of percent: compare ratios within one run.
import { mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, InvalidArgumentError, Option } from "commander";
import { type NexmarkQuery, nexmarkQueries } from "../src/nexmark/queries.ts";
import { RedisServer } from "../test/support/redis-server.ts";
import { codecBench } from "./codec.ts";
import { runScripts } from "./figures.ts";
import { gateMs, jobName, median, percentile, runTask, startProcess } from "./harness.ts";
import { measureLimit } from "./limit.ts";
import type { Task } from "./tasks.ts";

const PARTS = ["limit", "codec", "operators", "count", "nexmark", "latency", "takeover", "memory"] as const;
type Part = (typeof PARTS)[number];
const OPERATOR_SCRIPTS = [
  "state.ts",
  "windows.ts",
  "operators/sliding-windows.ts",
  "operators/firing.ts",
  "joins.ts",
  "ranking.ts",
  "pattern.ts",
  "async.ts",
];

const program = new Command("bench")
  .description("measures the engine and what limits it, in one run")
  .option("--smoke", "a small run of everything, to see that it works")
  .addOption(new Option("--only <part>", "one part").choices(PARTS))
  .option("--repeat <n>", "runs of limit, count and takeover, of which the median counts", parseRepeat, 3)
  .option("--out <file>", "where the JSON goes", "bench/results/latest.json")
  .option("--cpu-prof", "a CPU profile per benchmark process, in the current folder")
  .parse();
const { smoke, only, repeat, out, cpuProf } = program.opts<{
  smoke?: true;
  only?: Part;
  repeat: number;
  out: string;
  cpuProf?: true;
}>();

function parseRepeat(text: string): number {
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1)
    throw new InvalidArgumentError("it must be a whole number above 0");
  return runs;
}

const sizes = smoke
  ? { limit: 100_000, embedded: 300_000, redis: 200_000, events: 50_000, latencySeconds: 4, repeat: 1 }
  : {
      limit: 2_000_000,
      embedded: 20_000_000,
      redis: 4_000_000,
      events: 1_000_000,
      latencySeconds: 12,
      repeat,
    };

const report: Record<string, unknown> = {
  at: new Date().toISOString(),
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  smoke: smoke === true,
};
if (cpuProf) process.execArgv.unshift("--cpu-prof"); // which every benchmark process gets
const wants = (part: Part): boolean => only === undefined || only === part;
const millions = (perSecond: number): string => `${(perSecond / 1e6).toFixed(2)} M/s`;
const say = (line = ""): void => console.log(line);

async function limitPart(server: RedisServer): Promise<void> {
  say("== Limit: encode + XADD + XREAD + decode of the same bids, one process, no engine");
  const runs = [];
  for (let i = 0; i < sizes.repeat; i++) runs.push(await measureLimit(server.url, sizes.limit));
  const shuffle = median(runs.map((run) => run.shufflePerSecond));
  const result = { ...runs[0], shufflePerSecond: shuffle, runs };
  const first = runs[0]!;
  say(
    `  encode ${millions(first.encodePerSecond)}  decode ${millions(first.decodePerSecond)}  ${first.bytesPerRecord.toFixed(0)} B/record`,
  );
  say(`  XADD ${millions(first.xaddPerSecond)}  XREAD ${millions(first.xreadPerSecond)}`);
  say(`  all four, overlapping: ${millions(shuffle)}`);
  report["limit"] = result;
}

async function codecPart(): Promise<void> {
  say("== Codec: columnar frames against MessagePack records (M records/s encode, decode; bytes)");
  const results = await codecBench(smoke ? { records: 4_000, rounds: 3 } : {});
  for (const { workload, columnar, msgpackr } of results)
    say(
      `  ${workload.padEnd(28)} columnar ${columnar.encodeMps.toFixed(1)} / ${columnar.decodeMps.toFixed(1)} / ${columnar.bytesPerRecord.toFixed(0)} B` +
        `   msgpackr ${msgpackr.encodeMps.toFixed(1)} / ${msgpackr.decodeMps.toFixed(1)} / ${msgpackr.bytesPerRecord.toFixed(0)} B`,
    );
  report["codec"] = results;
}

async function operatorsPart(): Promise<void> {
  say("== Operators, one thread, no channels: rate per core, and as a share of the group's first row");
  report["operators"] = await runScripts(OPERATOR_SCRIPTS, { smoke: smoke === true });
}

async function countRuns(redis: RedisServer | undefined, workers: number, records: number) {
  const runs = [];
  for (let i = 0; i < sizes.repeat; i++) {
    const task: Task = {
      kind: "count",
      job: jobName("count"),
      redis: redis?.url,
      parallelism: Math.max(2, workers),
      startAtMs: gateMs(),
      records,
    };
    runs.push(await runTask(task, workers, records, redis));
    await redis?.cli("FLUSHALL");
  }
  return {
    recordsPerSecond: median(runs.map((run) => run.recordsPerSecond)),
    recordsPerCoreSecond: median(runs.map((run) => run.recordsPerCoreSecond)),
    runs: runs.map(({ results: _, ...run }) => run),
  };
}

async function countPart(server: RedisServer): Promise<void> {
  say("== Keyed count over full Nexmark bids, state and positions committed");
  const limit = (report["limit"] as { shufflePerSecond: number } | undefined)?.shufflePerSecond;
  const rows = {
    embedded: await countRuns(undefined, 1, sizes.embedded),
    "redis, 1 worker": await countRuns(server, 1, sizes.redis),
    "redis, 2 workers": await countRuns(server, 2, sizes.redis),
  };
  for (const [name, row] of Object.entries(rows)) {
    const ratio =
      limit === undefined || name === "embedded"
        ? ""
        : `   ${(row.recordsPerSecond / limit).toFixed(2)} of the limit`;
    say(
      `  ${name.padEnd(18)} ${millions(row.recordsPerSecond).padStart(10)}   ${millions(row.recordsPerCoreSecond)} per core${ratio}`,
    );
  }
  report["count"] = rows;
}

async function nexmarkPart(server: RedisServer): Promise<void> {
  say(`== Nexmark, ${sizes.events.toLocaleString("en")} events, generated in the job`);
  const rows: Record<string, unknown> = {};
  const all = Object.keys(nexmarkQueries) as NexmarkQuery[];
  // Most of a small run is waiting for processes: a window, a table and a join stand for all.
  for (const query of smoke ? (["q0", "q5", "q9", "q20"] as const) : all) {
    const line: Record<string, unknown> = {};
    for (const [name, redis, workers] of [
      ["embedded", undefined, 1],
      ["redis, 2 workers", server, 2],
    ] as const) {
      const task: Task = {
        kind: "query",
        query,
        events: sizes.events,
        seed: 7,
        job: jobName(query),
        redis: redis?.url,
        parallelism: 2,
        startAtMs: gateMs(),
      };
      const { results: _, ...run } = await runTask(task, workers, sizes.events, redis);
      line[name] = run;
      await redis?.cli("FLUSHALL");
    }
    const show = (name: string): string => {
      const run = line[name] as { recordsPerSecond: number; recordsPerCoreSecond: number };
      return `${name} ${millions(run.recordsPerSecond)} (${millions(run.recordsPerCoreSecond)} per core)`;
    };
    say(`  ${query.padEnd(4)} ${show("embedded")}   ${show("redis, 2 workers")}`);
    rows[query] = line;
  }
  report["nexmark"] = rows;
}

async function latencyPart(server: RedisServer): Promise<void> {
  say("== Latency from due time to durable, visible result (keyed reduce, one shuffle)");
  const rows: Record<string, unknown> = {};
  for (const ratePerSecond of smoke ? [10_000] : [10_000, 100_000])
    for (const [name, redis, workers] of [
      ["embedded", undefined, 1],
      ["redis, 1 worker", server, 1],
      ["redis, 2 workers", server, 2],
    ] as const) {
      const task: Task = {
        kind: "latency",
        job: jobName("latency"),
        redis: redis?.url,
        parallelism: 2,
        startAtMs: gateMs(),
        ratePerSecond,
        seconds: sizes.latencySeconds,
      };
      const { results, workerCpuSeconds } = await runTask(
        task,
        workers,
        ratePerSecond * sizes.latencySeconds,
        redis,
      );
      const all = results.flatMap((result) => result.observed.latenciesMs);
      const row = {
        p50Ms: percentile(all, 0.5),
        p99Ms: percentile(all, 0.99),
        p999Ms: percentile(all, 0.999),
        results: all.length,
        workerCpuSeconds,
      };
      rows[`${name} ${ratePerSecond}`] = row;
      say(
        `  ${String(ratePerSecond).padStart(6)}/s ${name.padEnd(18)} p50 ${row.p50Ms.toFixed(1)} ms  p99 ${row.p99Ms.toFixed(1)} ms  p99.9 ${row.p999Ms.toFixed(1)} ms  (${all.length} results)`,
      );
      await redis?.cli("FLUSHALL");
    }
  report["latency"] = rows;
}

async function takeoverPart(server: RedisServer): Promise<void> {
  say("== Take-over: SIGKILL of one of two workers to the first record processed by the new owner");
  const seconds = 12;
  const times: number[] = [];
  for (let i = 0; i < sizes.repeat; i++) {
    const task: Task = {
      kind: "takeover",
      job: jobName("takeover"),
      redis: server.url,
      parallelism: 4,
      startAtMs: gateMs(),
      ratePerSecond: 5_000,
      seconds,
    };
    const victim = startProcess(task);
    const survivor = startProcess(task);
    await sleep(Math.max(0, task.startAtMs - Date.now()) + 3_000);
    const killedMs = Date.now();
    victim.child.kill("SIGKILL");
    const { observed } = await survivor.result;
    const taken = observed.firstRecords
      .filter((each) => each.atMs > killedMs)
      .map((each) => each.atMs - killedMs);
    if (taken.length > 0) times.push(Math.max(...taken));
    await server.cli("FLUSHALL");
  }
  say(
    `  all partitions of the dead worker processing again after ${times.map((ms) => `${(ms / 1_000).toFixed(2)} s`).join(", ")} (median ${(median(times) / 1_000).toFixed(2)} s)`,
  );
  report["takeover"] = { ms: times, medianMs: median(times) };
}

async function memoryPart(server: RedisServer): Promise<void> {
  say("== Memory of a worker process (resident set)");
  const records = sizes.redis;
  const task: Task = {
    kind: "count",
    job: jobName("memory"),
    redis: server.url,
    parallelism: 2,
    startAtMs: gateMs(),
    records,
  };
  const { results } = await runTask(task, 1, records, server);
  const idleMb = results[0]!.idleRssBytes / 1e6;
  const busyMb = results[0]!.rssBytes / 1e6;
  say(
    `  idle ${idleMb.toFixed(0)} MB (of it the benchmark's own pool of bids), busy ${busyMb.toFixed(0)} MB`,
  );
  report["memory"] = { idleMb, busyMb };
  await server.cli("FLUSHALL");
}

const server = await RedisServer.start({ appendOnly: false });
try {
  if (wants("limit") || wants("count")) await limitPart(server);
  if (wants("codec")) await codecPart();
  if (wants("operators")) await operatorsPart();
  if (wants("count")) await countPart(server);
  if (wants("nexmark")) await nexmarkPart(server);
  if (wants("latency")) await latencyPart(server);
  if (wants("takeover")) await takeoverPart(server);
  if (wants("memory")) await memoryPart(server);
} finally {
  await server.stop();
}
await mkdir(dirname(out), { recursive: true });
await writeFile(out, `${JSON.stringify(report, null, 2)}\n`);
say(`written to ${out}`);
