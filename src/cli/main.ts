#!/usr/bin/env node
// The `weir` command. See docs/cli.md.
import { EXIT } from "./exit-codes.ts";
import { runProgram } from "./program.ts";

// A worker that `weir run` started drains when its parent is gone (run-here.ts); broken pipes must not cut that short.
const hasParent = process.send !== undefined;
// Else who reads the results has enough (`weir run job.ts | head`): nothing more can be delivered, waiting is pointless.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" && !hasParent) process.exit(EXIT.brokenPipe);
  });

await runProgram(process.argv.slice(2));
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// Timers and sockets that a job file left open must not keep the process alive.
process.exit();

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write("", () => resolve());
  });
}
