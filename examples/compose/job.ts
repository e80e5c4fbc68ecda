// The job of compose.yaml: made-up page views without end, counted per page and ten seconds, into a Redis stream.
//
//   docker compose up --build
//   docker compose exec redis redis-cli XREVRANGE page-views + - COUNT 5
//
// Without Docker:  weir run examples/compose/job.ts --redis redis://localhost:6379 --workers 3
import { count, defineJob, generator, type Job, tumbling } from "weir";
import { redisStreamSink } from "weir/connectors/redis";

const PAGES = ["/", "/lamps", "/chairs", "/tables", "/sofas", "/cart", "/checkout"] as const;

interface PageView {
  readonly page: string;
  readonly visitor: number;
  /** Epoch ms. */
  readonly at: number;
}

const job: Job = defineJob("page-views", (job) => {
  job
    .source("views", generator({ ratePerSecond: 2_000, generate: viewOf }), {
      timestamp: (view) => view.at,
      outOfOrderness: "1s",
    })
    .keyBy((view) => view.page)
    .window(tumbling("10s"))
    .aggregate("views-per-page", count())
    .map(({ key, value, window }) => ({
      page: key,
      views: value,
      from: new Date(window.start).toISOString(),
    }))
    .to("results", redisStreamSink("page-views", { format: "fields", maxLength: 10_000 }));
});

/** A pure function of its arguments: after a failure the same records are made again. */
function viewOf(n: number, dueMs: number): PageView {
  const scattered = Math.imul(n + 1, 0x9e37_79b1) >>> 0;
  // Half of all views are of the front page, a quarter of the next one, and so on.
  const page = PAGES[Math.min(PAGES.length - 1, Math.clz32(scattered))] as string;
  return { page, visitor: scattered % 10_007, at: dueMs };
}

export default job;
