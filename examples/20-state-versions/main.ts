// State that changes while the job lives: version 1 counts visits, version 2 also knows when a user was last here. What is
// stored is migrated when it is read; the older program is refused, because it could not read what the newer one wrote.
//
//   WEIR_REDIS_URL=redis://localhost:6379 npx tsx examples/20-state-versions/main.ts
import { createClient } from "redis";
import { connect, defineJob, type EngineError, emits, type Job, migrations, value } from "weir";
import { redisStream, redisStreamSink } from "weir/connectors/redis";

const url = process.env["WEIR_REDIS_URL"] ?? "redis://localhost:6379";
const [VISITS, GREETINGS] = ["example:visits", "example:greetings"];

interface Visit {
  readonly user: string;
  readonly day: number;
}

const visits = redisStream<Visit>(VISITS);
const greetings = redisStreamSink<string>(GREETINGS);

const first: Job = defineJob("example-versions", (job) => {
  job
    .source("visits", visits)
    .keyBy((visit) => visit.user)
    .process("users", {
      state: { seen: value({ default: 0 }) },
      emits: emits<string>(),
      onRecord(visit, context) {
        const { seen } = context.state;
        seen.set(seen.get() + 1);
        context.emit(`${visit.user}: visit ${seen.get()}`);
      },
    })
    .to("greetings", greetings);
});

const second: Job = defineJob("example-versions", (job) => {
  job
    .source("visits", visits)
    .keyBy((visit) => visit.user)
    .process("users", {
      state: { seen: value({ migrate: migrations<number>().to((count) => ({ count, lastDay: 0 })) }) },
      emits: emits<string>(),
      onRecord({ user, day }, context) {
        const { seen } = context.state;
        const { count, lastDay } = seen.get() ?? { count: 0, lastDay: day };
        seen.set({ count: count + 1, lastDay: day });
        context.emit(`${user}: visit ${count + 1}, last here on day ${lastDay}`);
      },
    })
    .to("greetings", greetings);
});

const weir = await connect({ redis: url });
const redis = createClient({ url });
await redis.connect();
await redis.del([VISITS, GREETINGS]);
await weir.remove(first.name);

let shown = 0;
async function run(title: string, job: Job, ...all: readonly Visit[]): Promise<void> {
  console.log(title);
  for (const visit of all) await redis.xAdd(VISITS, "*", { record: JSON.stringify(visit) });
  const running = await weir.run(job, { parallelism: 1 });
  while ((await redis.xLen(GREETINGS)) < shown + all.length) await new Promise((go) => setTimeout(go, 10));
  await running.stop();
  const entries = ((await redis.xRange(GREETINGS, "-", "+")) ?? []).slice(shown);
  for (const { message } of entries) console.log(`  ${JSON.parse(message["record"] ?? "")}`);
  shown += entries.length;
}

await run("version 1", first, { user: "ada", day: 1 }, { user: "bob", day: 1 }, { user: "ada", day: 2 });
await run("version 2", second, { user: "ada", day: 3 }, { user: "eve", day: 3 });
await run("version 2, later", second, { user: "ada", day: 4 }, { user: "bob", day: 9 });
await weir.run(first).catch((error: EngineError) => console.log(`version 1 again: ${error.code}`));

await weir.remove(first.name);
await redis.del([VISITS, GREETINGS]);
await redis.close();
