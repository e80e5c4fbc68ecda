// A web service that is also a Weir worker: start it twice and the two share the work; stop one and the other goes on.
import Fastify, { type FastifyInstance } from "fastify";
import { createClient } from "redis";
import { connect, count, defineJob, type Job, type KeyedValue, type Sink } from "weir";
import { redisStream } from "weir/connectors/redis";

const STREAM = "example:clicks";
const COUNTS = "example:click-counts";

function connectTo(url: string) {
  return createClient({ url });
}
type Redis = ReturnType<typeof connectTo>;

/** @param redisUrl where clicks, counts and the job's state are kept */
export async function createService(redisUrl: string): Promise<FastifyInstance> {
  const weir = await connect({ redis: redisUrl });
  const redis = connectTo(redisUrl);
  await redis.connect();
  const run = await weir.run(clicksJob(redis), { shared: true });

  const app = Fastify();
  app.post<{ Params: { page: string } }>("/clicks/:page", async (request, reply) => {
    await redis.xAdd(STREAM, "*", { page: request.params.page });
    return reply.code(202).send();
  });
  app.get<{ Params: { page: string } }>("/clicks/:page", async (request) => {
    return { page: request.params.page, clicks: Number(await redis.hGet(COUNTS, request.params.page)) };
  });
  app.get("/health", async () => ({ worker: run.report().worker, stages: run.report().stages.length }));
  app.addHook("onClose", async () => {
    await run.stop(); // finishes the epoch and hands the partitions over
    await redis.close();
  });
  return app;
}

function clicksJob(redis: Redis): Job {
  return defineJob("example-clicks", (job) => {
    job
      .source("clicks", redisStream(STREAM, { format: "fields" }))
      .keyBy((click) => click["page"] ?? "")
      .aggregate("counts", count())
      .to("counts-out", countsSink(redis));
  });
}

/** A sink of one's own: setting a count again to the same value is harmless, so at least once is good enough. */
function countsSink(redis: Redis): Sink<KeyedValue<string, number>> {
  return {
    description: `redis hash ${COUNTS}`,
    guarantee: "idempotent",
    open: () => {
      let latest = new Map<string, number>();
      return {
        write(records) {
          for (const { key, value } of records) latest.set(key, value);
        },
        async prepare() {
          const counts = [...latest].map(([page, clicks]): [string, string] => [page, String(clicks)]);
          latest = new Map();
          if (counts.length > 0) await redis.hSet(COUNTS, counts);
          return {};
        },
        committed() {},
        close() {},
      };
    },
  };
}

export async function deleteClicks(redisUrl: string): Promise<void> {
  const redis = await connectTo(redisUrl).connect();
  await redis.del([STREAM, COUNTS]);
  await redis.close();
}
