// The service of service.ts, tried out from inside: some clicks, their counts, and a stop as a platform would do it.
//
//   WEIR_REDIS_URL=redis://localhost:6379 npx tsx examples/06-service/main.ts
import { once } from "node:events";
import { connect } from "weir";
import { createService, deleteClicks } from "./service.ts";

const url = process.env["WEIR_REDIS_URL"] ?? "redis://localhost:6379";
const app = await createService(url);

const stopped = once(process, "SIGTERM").then(() => app.close());

for (const page of ["lamps", "chairs", "lamps", "lamps"]) {
  const reply = await app.inject({ method: "POST", url: `/clicks/${page}` });
  console.log(`POST /clicks/${page} ${reply.statusCode}`);
}
for (const [page, expected] of [
  ["lamps", 3],
  ["chairs", 1],
] as const)
  console.log(`GET /clicks/${page} ${await untilClicks(page, expected)}`);
console.log(`GET /health ${(await app.inject("/health")).statusCode}`);

process.kill(process.pid, "SIGTERM");
await stopped;

const weir = await connect({ redis: url });
const status = await weir.status("example-clicks");
console.log(
  `stopped: ${status?.workers.length} workers left, the job is ${status?.job.status} and waits for the next one`,
);

// Only so that this example can be run again: a real service leaves its job where it is.
await weir.remove("example-clicks");
await deleteClicks(url);

/** Counts follow the clicks within milliseconds, not within the request. */
async function untilClicks(page: string, expected: number): Promise<string> {
  for (;;) {
    const reply = await app.inject(`/clicks/${page}`);
    if (reply.json<{ clicks: number }>().clicks >= expected) return reply.body;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
