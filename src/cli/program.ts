// The command line as a whole: which commands there are, and how a wrong call is answered.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { registerCancel } from "./cancel-command.ts";
import { reportOf } from "./error-report.ts";
import { UsageError } from "./errors.ts";
import { EXIT, exitCodeFor } from "./exit-codes.ts";
import { registerExplain } from "./explain-command.ts";
import { registerNexmark } from "./nexmark-command.ts";
import { Output } from "./output.ts";
import { registerRemove } from "./remove-command.ts";
import { registerRun } from "./run-command.ts";
import { registerStatus } from "./status-command.ts";
import { registerWorker } from "./worker-command.ts";

/** One file per command; a command registers itself. In the order of the help. */
const commands: readonly ((program: Command) => void)[] = [
  registerRun,
  registerWorker,
  registerStatus,
  registerExplain,
  registerCancel,
  registerRemove,
  registerNexmark,
];

/** @param args without the paths of Node and of the script. Sets `process.exitCode`. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = createProgram();
  if (args.length === 0) {
    process.stderr.write(program.helpInformation());
    process.exitCode = EXIT.usage;
    return;
  }
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (thrown) {
    // Help and version that were asked for.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    const isWrongCall = thrown instanceof CommanderError;
    const report = reportOf(isWrongCall ? new UsageError(textOf(thrown), { reason: thrown.code }) : thrown);
    new Output({ json: args.includes("--json"), verbose: args.includes("--verbose") }).error(report);
    process.exitCode = exitCodeFor(report.code);
  }
}

export function createProgram(): Command {
  const program = new Command("weir")
    .description("Stateful stream processing on Redis: run jobs, join them, look at them.")
    .version(readVersion(), "--version", "print the version")
    .helpOption("--help", "show this help")
    .showSuggestionAfterError()
    .exitOverride()
    // Errors are shown by runProgram, as text or as JSON.
    .configureOutput({ outputError: () => {} });
  for (const register of commands) register(program);
  return program;
}

/** Commander's sentence, without its prefix, on one line. */
function textOf(error: CommanderError): string {
  if (error.code === "commander.help") return "name a command; weir --help lists them";
  return error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
}

/** The same two levels up from src/cli and from dist/cli. */
function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
