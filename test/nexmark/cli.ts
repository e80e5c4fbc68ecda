// A `weir` with this one command, to be started as a process by its tests.
import { Command } from "commander";
import { registerNexmark } from "../../src/cli/nexmark-command.ts";

const program = new Command("weir").exitOverride();
registerNexmark(program);
await program.parseAsync();
process.exit();
