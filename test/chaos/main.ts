// npm run chaos -- --minutes M [--seed S] [--faults worker,zombie,net,redis,memory,slow] [--control NAME] [--verbose]
//
// Exit code 0: every job was exactly once. 1: one was not, or did not finish. 2: wrong arguments.
import { parseArgs } from "node:util";
import { createCounts, FAULTS, type Fault, type SoakCounts, SoakRound } from "./soak.ts";
import type { Control } from "./worker-config.ts";

const JOB_MS = 40_000;
const CONTROLS: readonly Control[] = ["unprotected", "late-positions", "all-denied", "recreate"];

interface Arguments {
  readonly minutes: number;
  readonly seed: number;
  readonly faults: readonly Fault[];
  readonly control: Control | undefined;
  readonly verbose: boolean;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      faults: { type: "string", default: FAULTS.join() },
      control: { type: "string" },
      verbose: { type: "boolean", default: false },
    },
  });
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: give a number above 0`);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed ${values.seed}: give a whole number`);
  const faults = values.faults.split(",") as Fault[];
  for (const fault of faults)
    if (!FAULTS.includes(fault)) throw new Error(`--faults ${fault}: choose from ${FAULTS.join()}`);
  const control = values.control as Control | undefined;
  if (control !== undefined && !CONTROLS.includes(control))
    throw new Error(`--control ${control}: choose from ${CONTROLS.join()}`);
  return { minutes, seed, faults, control, verbose: values.verbose };
}

/** mulberry32: small, and the same everywhere. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function summarise(counts: SoakCounts): string {
  const sorted = [...counts.takeOversMs].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1];
  const takeOver =
    median === undefined
      ? "no take-over measured"
      : `take-over of a partition: median ${median} ms, longest ${sorted.at(-1)} ms (${sorted.length})`;
  return [
    `workers killed ${counts.kills}, paused ${counts.zombies}; links hurt ${counts.badLinks}`,
    `Redis killed ${counts.redisKills}; rollbacks ${counts.rollbacks}, commits lost ${counts.lostCommits}`,
    `memory squeezed ${counts.squeezes}, sink slowed ${counts.slowSinks}`,
    `commits refused: ${counts.fenced} fenced, ${counts.historyRefusals} of another history, ` +
      `${counts.memoryRefusals} for memory; sessions lost ${counts.lostSessions}`,
    takeOver,
  ].join("\n");
}

async function main({ minutes, seed, faults, control, verbose }: Arguments): Promise<number> {
  const startedMs = performance.now();
  const counts = createCounts();
  const random = createRandom(seed);
  console.log(
    `chaos: ${minutes} minutes of ${faults.join()}, seed ${seed}${control ? `, control ${control}` : ""}`,
  );
  const log = (line: string): void => {
    if (verbose)
      console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
  };
  const endMs = startedMs + minutes * 60_000;
  let records = 0;
  for (let job = 1; performance.now() < endMs; job++) {
    let problems: readonly string[];
    try {
      const forMs = Math.min(JOB_MS, Math.max(5_000, endMs - performance.now()));
      const verdict = await SoakRound.run({ faults, random, control, log }, counts, forMs);
      problems = verdict.problems;
      records += verdict.records;
      console.log(`job ${job}: ${verdict.counted} of ${verdict.records} records counted`);
    } catch (error) {
      problems = [error instanceof Error ? error.message : String(error)];
    }
    if (problems.length > 0) {
      console.log(`${summarise(counts)}\nVIOLATION in job ${job}, seed ${seed}:\n${problems.join("\n")}`);
      return 1;
    }
  }
  console.log(`${summarise(counts)}\nexactly once: ${records} records`);
  return 0;
}

try {
  process.exitCode = await main(readArguments());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
