// One worker process of the demo on Redis: joins the job and tells its parent what happens to its partitions.
//
//   tsx examples/demo/worker.ts <Redis URL> <job name> <speed>
import { connect } from "weir";
import { PARALLELISM } from "./embedded.ts";
import { jobOnRedis } from "./streams.ts";

const [, , url = "", name = "", speed = ""] = process.argv;

// Without its parent nobody would ever end this process.
process.on("disconnect", () => process.exit(1));
// Ctrl-C reaches the whole process group; the parent decides what to do.
process.on("SIGINT", () => {});

/** All workers begin together, when the slowest of them has loaded its code. */
const begin = new Promise((resolve) => process.once("message", resolve));

try {
  const weir = await connect({ redis: url });
  process.send?.({ kind: "ready" });
  await begin;
  const run = await weir.run(jobOnRedis(name, Number(speed)), {
    parallelism: PARALLELISM,
    shared: true,
    onEvent: (event) => {
      if (event.kind === "partition-running") process.send?.({ kind: "running", partition: event.partition });
      if (event.kind === "partition-ended") process.send?.({ kind: "ended", partition: event.partition });
    },
  });
  await run.finished;
  process.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
