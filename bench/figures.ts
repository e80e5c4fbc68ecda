// Figures — what the operator benchmarks measure, how they tell it, and how all of them are run one after the other.
//
// Each script runs in a process of its own, so that no code is compiled for what another script fed it. The first figure
// of a group is what the others are compared with: its ratio is 1. Compare ratios; rates move with the machine.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export interface Figure {
  readonly name: string;
  /** What the group counts (records, unless its title says otherwise), per second of processor time. */
  readonly perCoreSecond: number;
  /** Whatever else was measured, by name with its unit. */
  readonly more?: Readonly<Record<string, number>>;
}

export interface FigureGroup {
  readonly title: string;
  readonly figures: readonly Figure[];
}

/** Everything runs for a moment only, to see that it works. */
export const smoke: boolean = process.argv.includes("--smoke");
const ROUNDS = smoke ? 1 : 3;

/** The best of three runs, by the processor time that was used: the machine may be shared. @param run returns what it counts */
export async function measure(name: string, run: () => number | Promise<number>): Promise<Figure> {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    const counted = await run();
    const { user, system } = process.cpuUsage(before);
    best = Math.max(best, (counted * 1e6) / (user + system));
  }
  return { name, perCoreSecond: Math.round(best) };
}

/** Prints what a script has measured: a table, or with `--json` one line that {@link runScripts} reads. */
export function tell(groups: readonly FigureGroup[]): void {
  if (process.argv.includes("--json")) console.log(JSON.stringify(groups));
  else for (const group of groups) console.log(tableOf(group));
}

function tableOf({ title, figures }: FigureGroup): string {
  const reference = figures[0]?.perCoreSecond ?? Number.NaN;
  const rows = figures.map(({ name, perCoreSecond, more = {} }) => {
    const others = Object.entries(more).map(([what, amount]) => `   ${what} ${amount.toLocaleString("en")}`);
    const rate = `${(perCoreSecond / 1e6).toFixed(2)} M/s`.padStart(11);
    return `  ${rate} ${(perCoreSecond / reference).toFixed(2).padStart(6)}  ${name}${others.join("")}`;
  });
  return [`-- ${title}`, ...rows].join("\n");
}

/** Runs scripts of this folder one after the other, and prints each one's tables when it is done. */
export async function runScripts(
  scripts: readonly string[],
  options: { readonly smoke: boolean },
): Promise<FigureGroup[]> {
  const all: FigureGroup[] = [];
  for (const script of scripts) {
    const file = fileURLToPath(new URL(script, import.meta.url));
    const args = [...process.execArgv, file, "--json", ...(options.smoke ? ["--smoke"] : [])];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const groups = JSON.parse(stdout) as FigureGroup[];
    for (const group of groups) console.log(tableOf(group));
    all.push(...groups);
  }
  return all;
}
