// npm run demo                     20,000 flights, embedded: no service needed
// npm run demo -- --redis [URL]    the same on Redis with three workers, one of which is killed half-way
// npm run demo -- --speed 4000000  ten times faster than usual
import { Command, InvalidArgumentError, Option } from "commander";
import { EXIT, exitCodeFor } from "../../src/cli/exit-codes.ts";
import { findRedisBinary } from "../../test/support/redis-binary.ts";
import { RedisServer } from "../../test/support/redis-server.ts";
import { Board } from "./board.ts";
import { collectingJob, PARALLELISM, type Results, runEmbedded, runUnpaced } from "./embedded.ts";
import { loadFlights } from "./flights.ts";
import { DEFAULT_SPEED } from "./job.ts";
import { type RedisOutcome, runOnRedis } from "./on-redis.ts";
import { compareRows } from "./verdict.ts";

const INSTALL_REDIS =
  "No Redis was found: install redis-server 7.0 or newer (Debian and Ubuntu: apt-get install redis-server, macOS: " +
  "brew install redis) or valkey-server, or give the URL of one: npm run demo -- --redis redis://localhost:6379";

const program = new Command("demo")
  .description("20,000 real flights of early 2001: how late each airport was, day by day")
  .addOption(
    new Option("--speed <factor>", "how many times faster than in 2001")
      .default(DEFAULT_SPEED)
      .argParser(parseSpeed),
  )
  .option("--redis [url]", "run on Redis with three workers and kill one; without a URL a server is started")
  .parse();
const { speed, redis } = program.opts<{ speed: number; redis?: string | true }>();

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(141); // whoever read the tables went away
  throw error;
});

process.exitCode = redis === undefined ? await showEmbedded() : await showOnRedis(redis);

async function showEmbedded(): Promise<number> {
  console.log(`Embedded: the whole job in this process, ${say(speed)} times as fast as it was.\n`);
  const board = createBoard();
  let finished: boolean;
  try {
    finished = await runEmbedded(speed, board);
  } finally {
    board.close();
  }
  if (!finished) {
    console.log("stopped");
    return 130;
  }
  const elapsedMs = board.elapsedMs;
  tellTotals(await runUnpaced(), elapsedMs);
  return 0;
}

async function showOnRedis(wanted: string | true): Promise<number> {
  let server: RedisServer | undefined;
  if (wanted === true) {
    if (findRedisBinary() === undefined) {
      console.error(INSTALL_REDIS);
      return EXIT.redis;
    }
    server = await RedisServer.start({ appendOnly: true });
  }
  const url = server?.url ?? String(wanted);
  console.log(`On Redis at ${withoutPassword(url)}: three workers, ${say(speed)} times as fast as it was.\n`);
  const board = createBoard();
  let outcome: RedisOutcome;
  try {
    outcome = await runOnRedis(url, speed, board);
  } catch (error) {
    board.close();
    console.error(error instanceof Error ? error.message : error);
    const { code = "" } = error as { code?: string };
    if (code === "STOPPED") return 130;
    return exitCodeFor(code);
  } finally {
    board.close();
    await server?.stop();
  }
  const reference = await runUnpaced();
  tellTotals(reference, outcome.elapsedMs);
  return judge(outcome, reference) ? 0 : 1;
}

function tellTotals(reference: Results, elapsedMs: number): void {
  const flights = reference.rankings.reduce((sum, ranking) => sum + ranking.flights, 0);
  const airports = new Set(reference.airportDays.map((row) => row.iata)).size;
  console.log(`${say(flights)} flights from ${airports} airports on ${reference.rankings.length} days`);
  console.log(
    `  replayed   ${inSeconds(elapsedMs)}, ${perSecond(flights, elapsedMs)}: the speed of the replay, not of the engine`,
  );
  console.log(
    `  unpaced    ${inSeconds(reference.elapsedMs)}, ${perSecond(flights, reference.elapsedMs)}: the same job embedded, from start to end`,
  );
}

/** @returns whether the run on Redis lost nothing, doubled nothing, and really was disturbed */
function judge(outcome: RedisOutcome, reference: Results): boolean {
  const { killed, moves } = outcome;
  if (killed === undefined) {
    console.log("\nNOT PROVEN: the job was over before a worker could be killed; use a smaller --speed");
    return false;
  }
  const slowest = Math.max(...moves.map((move) => move.afterMs));
  console.log(
    `  take-over  worker ${killed.number} was killed with ${killed.partitions} of ${outcome.partitions} partitions; ${moves.length} ran again after ${inSeconds(slowest)}`,
  );
  const rows = compareRows(reference.airportDays, outcome.airportDays);
  const days = compareRows(reference.rankings, outcome.rankings);
  const missing = [...rows.missing, ...days.missing];
  const extra = [...rows.extra, ...days.extra];
  if (missing.length === 0 && extra.length === 0) {
    console.log(
      `\nIDENTICAL: ${say(outcome.airportDays.length)} airport-days and ${outcome.rankings.length} rankings, each exactly once, as in the embedded run`,
    );
    return true;
  }
  console.log(`\nDIFFERENT: ${missing.length} rows are missing and ${extra.length} are too many`);
  for (const row of missing.slice(0, 5)) console.log(`  missing   ${row}`);
  for (const row of extra.slice(0, 5)) console.log(`  too many  ${row}`);
  return false;
}

function createBoard(): Board {
  const flights = loadFlights();
  return new Board({
    plan: collectingJob(speed).job.plan({ parallelism: PARALLELISM }),
    flights: flights.length,
    firstMs: flights[0]?.departedAt ?? 0,
    lastMs: flights.at(-1)?.departedAt ?? 0,
    speed,
  });
}

function parseSpeed(text: string): number {
  const factor = Number(text);
  if (!(factor > 0)) throw new InvalidArgumentError("it must be a number above 0, or Infinity");
  return factor;
}

function say(count: number): string {
  return count.toLocaleString("en-US");
}

function inSeconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}

function perSecond(count: number, ms: number): string {
  return `${say(Math.round((count * 1_000) / ms))} flights/s`;
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}
