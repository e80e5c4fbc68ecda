import Fastify from "fastify";
import { connect } from "weir";
import { job } from "./job.ts";

const weir = await connect({ redis: "redis://localhost:6379" });
const run = await weir.run(job, { shared: true }); // this process is one of the job's workers now

const app = Fastify();
app.get("/health", () => run.report());
app.addHook("onClose", () => run.stop()); // finishes its epoch and hands its partitions over
process.once("SIGTERM", () => void app.close());
await app.listen({ port: 3000 });
