// `weir nexmark` as people start it: a process, with worker processes of its own that are killed while they work.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type RedisClientType } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { partitionId } from "../../src/core/ids.ts";
import { formatNexmarkEvent, type NexmarkEvent } from "../../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { connect, type Weir } from "../../src/runtime/weir.ts";
import { callWeir } from "../cli/call-weir.ts";
import { type Ended, startWeir, weir as weirProcess } from "../cli/start-weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { oracles, sortedLines } from "./oracle.ts";
import { tableOf } from "./table.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-nexmark-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** In this process. */
function nexmark(...args: readonly string[]): Promise<Ended> {
  return callWeir(["nexmark", ...args]);
}

function generated(
  count: number,
  seed: number,
  eventsPerSecond: number,
  outOfOrderGroupSize = 1,
): NexmarkEvent[] {
  const generator = createNexmarkGenerator({ seed, eventsPerSecond, outOfOrderGroupSize });
  return Array.from({ length: count }, (_, n) => generator.event(n));
}

async function sortedFile(path: string): Promise<string[]> {
  return (await readFile(path, "utf8")).trimEnd().split("\n").sort();
}

describe("weir nexmark", () => {
  test("writes the rows of generated events, and tells the totals", async () => {
    const path = join(folder, "made", "rows.ndjson");
    const { code, stdout, stderr } = await weirProcess([
      "nexmark",
      ...["--query", "q5", "--events", "20000", "--seed", "7", "--events-per-second", "200"],
      ...["--output", path, "--json", "--quiet"],
    ]);
    const expected = sortedLines(oracles.q5(generated(20_000, 7, 200)));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(await sortedFile(path)).toEqual(expected);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ query: "q5", job: expect.stringMatching(/^nexmark-q5-7-20000-/), status: "finished" },
      ...{ events: 20_000, rows: expected.length, output: path },
      seconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
    });
    expect(await readdir(join(folder, "made"))).toEqual(["rows.ndjson"]);
  });

  test("reads recorded events, and replaces the rows of an earlier run", async () => {
    const input = join(folder, "events.ndjson");
    const output = join(folder, "q3.ndjson");
    const events = generated(5_000, 3, 1_000);
    await writeFile(input, events.map((event) => `${formatNexmarkEvent(event)}\n`).join(""));
    await writeFile(output, "something older\n");
    const { code, stdout } = await nexmark("--query", "q3", "--input", input, "--output", output);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^q3: 5,000 events, \d+ rows in \d+\.\d\d s, [\d,]+ events\/s; the rows are in /);
    expect(await sortedFile(output)).toEqual(sortedLines(oracles.q3(events)));
  });

  test("writes the table of a query that updates its result, or with --changelog its changes", async () => {
    const args = ["--query", "q9", "--events", "3000", "--events-per-second", "200", "--quiet", "--output"];
    const [table, changelog] = [join(folder, "table.ndjson"), join(folder, "changelog.ndjson")];
    const ended = { code: 0, stderr: "" };
    expect(await nexmark(...args, table)).toMatchObject(ended);
    expect(await nexmark(...args, changelog, "--changelog")).toMatchObject(ended);
    const changes = (await readFile(changelog, "utf8")).trimEnd().split("\n");
    expect(tableOf(changes.map((line) => JSON.parse(line) as object))).toEqual(await sortedFile(table));
  });

  test("reads the side input of q13", async () => {
    const sideInput = join(folder, "side.ndjson");
    const output = join(folder, "q13.ndjson");
    await writeFile(sideInput, '{"key":1000,"value":"a"}\n\n{"key":1001,"value":"b"}\n');
    const args = ["--query", "q13", "--events", "500", "--side-input", sideInput, "--quiet"];
    expect(await nexmark(...args, "--output", output)).toMatchObject({ code: 0, stderr: "" });
    const rows = (await sortedFile(output)).map(
      (line) => JSON.parse(line) as { auction: number; value: string },
    );
    expect(new Set(rows.map(({ auction, value }) => `${auction} ${value}`))).toEqual(
      new Set(["1000 a", "1001 b"]),
    );
  });

  test("a query without rows leaves an empty file", async () => {
    const output = join(folder, "empty.ndjson");
    const args = ["--query", "q2", "--events", "3", "--output", output, "--quiet"];
    const { code, stderr } = await nexmark(...args);
    expect({ code, stderr, text: await readFile(output, "utf8") }).toEqual({ code: 0, stderr: "", text: "" });
  });

  const wrong: readonly (readonly [what: string, args: readonly string[], code: string, words: RegExp])[] = [
    ["an unknown query", ["--query", "q10"], "INVALID_OPTION", /"q10"; give one of q0, q1, /],
    [
      "a number that is none",
      ["--query", "q0", "--events", "1k"],
      "INVALID_OPTION",
      /--events" is "1k"; give a whole/,
    ],
    ["a number out of range", ["--query", "q0", "--parallelism", "257"], "INVALID_OPTION", /from 1 to 256/],
    [
      "a file that is missing",
      ["--query", "q0", "--input", "/no/events"],
      "FILE_SOURCE",
      /"\/no\/events": it does not/,
    ],
    ["a side input of no use", ["--query", "q5", "--side-input", "/x"], "USAGE", /q5 has no side input/],
    [
      "a side input that is missing",
      ["--query", "q13", "--side-input", "/no/rows"],
      "NEXMARK_SIDE_INPUT_INVALID",
      /side input \/no\/rows: it cannot be read/,
    ],
    ["workers without Redis", ["--query", "q0", "--workers", "2"], "USAGE", /--workers needs a Redis/],
    ["a wrong URL", ["--query", "q0", "--redis", "nowhere"], "REDIS_URL", /nowhere/],
    ["a wrong name", ["--query", "q0", "--job", "a b"], "INVALID_OPTION", /--job" is "a b"; give letters/],
  ];
  test.each(wrong)("refuses %s before anything runs", async (_what, args, code, words) => {
    const output = join(folder, "refused.ndjson");
    const ended = await nexmark(...args, "--output", output, "--json");
    expect(ended.stdout).toBe("");
    const { error } = JSON.parse(ended.stderr) as { error: { code: string; message: string } };
    expect({ code: error.code, exit: ended.code }).toEqual({
      code,
      exit: code === "INVALID_OPTION" || code === "USAGE" || code === "REDIS_URL" ? 2 : 1,
    });
    expect(error.message).toMatch(words);
    expect(await readdir(folder)).not.toContain("refused.ndjson");
  });

  test("fails with the line that is no event", async () => {
    const input = join(folder, "broken.ndjson");
    await writeFile(input, `${formatNexmarkEvent(generated(1, 1, 100)[0]!)}\n{"event_type":7,"seq":1}\n`);
    const output = join(folder, "x.ndjson");
    const { code, stderr } = await nexmark("--query", "q0", "--input", input, "--output", output);
    expect(code).toBe(1);
    expect(stderr).toContain("broken.ndjson line 2 does not fit the schema: event_type: must be 0 (person)");
  });
});

describe("weir nexmark with worker processes on Redis", () => {
  const count = 6_000;
  // 30 s of event time in 4 s of real time, out of order by up to 2 s.
  const shape = { seed: 7, eventsPerSecond: 200, outOfOrderGroupSize: 400, rate: count / 4 };
  const events = generated(count, shape.seed, shape.eventsPerSecond, shape.outOfOrderGroupSize);
  let weir: Weir;
  let redis: RedisClientType;
  beforeAll(async () => {
    weir = await connect({ redis: testRedisUrl() });
    redis = createClient({ url: testRedisUrl() });
    await redis.connect();
  });
  afterAll(async () => {
    redis.destroy();
    await weir.close();
  });

  /** Whether every partition of the source has committed what it read. */
  async function allHaveCommitted(job: string, parallelism: number): Promise<boolean> {
    const control = new JobKeys(job);
    const keys = control.incarnation(Number(await redis.hGet(control.record, "incarnation")));
    const partitions = Array.from({ length: parallelism }, (_, index) => partitionId("events", index));
    const epochs = await Promise.all(partitions.map((id) => redis.hGet(keys.meta(id), "seq")));
    return epochs.every((epoch) => Number(epoch) > 0);
  }

  // Two queries for the command; killed-worker.test.ts has all of them. Both counts at once: a run mostly waits, for its
  // schedule and for the take-over.
  describe.each(["q5", "q7"] as const)("%s", (query) => {
    const expected = sortedLines(oracles[query](events));

    test.concurrent.for([2, 3])(
      "in %i partitions gives the rows of the oracle although a worker is killed in the middle",
      async (parallelism, { onTestFinished }) => {
        const job = uniqueTag(`killed-${query}`);
        const output = join(folder, `${job}.ndjson`);
        const args = [
          ...["nexmark", "--query", query, "--events", String(count), "--seed", String(shape.seed)],
          ...["--events-per-second", String(shape.eventsPerSecond)],
          ...["--out-of-order-group", String(shape.outOfOrderGroupSize), "--rate", String(shape.rate)],
          ...["--redis", testRedisUrl(), "--workers", "2", "--parallelism", String(parallelism)],
          ...["--job", job, "--output", output, "--json"],
        ];
        const run = startWeir(args, {}, onTestFinished);
        try {
          await run.until("the first commits", () => allHaveCommitted(job, parallelism));
          process.kill(workersOf(run.stderr)[0]!, "SIGKILL");
          expect((await weir.status(job))?.job.status, "the job whose worker was killed").toBe("running");
        } finally {
          const { code, stdout, stderr } = await run.ended;
          expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
          expect(stderr).toContain('"how":"signal SIGKILL"');
          expect(JSON.parse(stdout)).toMatchObject({ status: "finished", events: count });
        }
        expect(expected.length).toBeGreaterThan(0);
        expect(await sortedFile(output)).toEqual(expected);
        await weir.remove(job);
      },
    );
  });
});

/** Process ids, as `weir nexmark --json` tells them when it has started them. */
function workersOf(stderr: string): readonly number[] {
  const pids = /"kind":"workers","pids":\[([\d,]+)\]/.exec(stderr)?.[1] ?? "";
  return pids.split(",").map(Number);
}
