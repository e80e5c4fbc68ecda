import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type {
  Json,
  SinkContext,
  Source,
  SourceBatch,
  SplitReader,
} from "../../../src/connectors/contract.ts";
import { StreamFieldError, StreamResetError } from "../../../src/connectors/redis/errors.ts";
import { redisStreamSink } from "../../../src/connectors/redis/stream-sink.ts";
import { redisStream } from "../../../src/connectors/redis/stream-source.ts";
import { parseTraceparent } from "../../../src/connectors/redis/traceparent.ts";
import { InvalidOptionError, UnknownOptionError } from "../../../src/core/options.ts";
import { RedisConnection } from "../../../src/redis/connection.ts";
import { describeSource } from "../../conformance/source.ts";
import { testRedisUrl, uniqueTag } from "../../support/test-redis.ts";

let redis: RedisConnection;
const keys: string[] = [];
beforeAll(async () => {
  redis = await RedisConnection.open({ url: testRedisUrl(), name: "streams-test" });
});
afterAll(async () => {
  if (keys.length > 0) await redis.send(["DEL", ...keys]);
  redis.close();
});

function newStream(): string {
  const stream = uniqueTag("stream");
  keys.push(stream);
  return stream;
}

function add(stream: string, id: string, ...fields: string[]): Promise<unknown> {
  return redis.send(["XADD", stream, id, ...fields]);
}

function open<T>(source: Source<T>, stream: string, position?: Json): Promise<SplitReader<T>> {
  const context = { job: "job", source: "in", partition: 0, parallelism: 1, redisUrl: testRedisUrl() };
  return Promise.resolve(source.open({ id: stream, stream }, position, context));
}

async function readOnce<T>(source: Source<T>, stream: string): Promise<SourceBatch<T>> {
  const reader = await open(source, stream);
  const batch = await reader.read(100);
  await reader.close();
  return batch;
}

describeSource("redis streams", async () => {
  const streams = [newStream(), newStream()];
  const expected = Array.from({ length: 75 }, (_, n) => ({ n }));
  for (const { n } of expected)
    await add(streams[n % 3 === 0 ? 0 : 1] as string, `${1_000 + n}-1`, "record", JSON.stringify({ n }));
  return {
    source: redisStream(streams, { url: testRedisUrl() }),
    expected,
    recordsOf: (split) => (split.id === streams[0] ? 25 : 50),
  };
});

describe("redisStream", () => {
  test("gives the time of the id as timestamp and the id as position", async () => {
    const stream = newStream();
    await add(stream, "1000-5", "record", '{"a":1}');
    await add(stream, "2000-0", "record", '{"a":2}');
    expect(await readOnce(redisStream(stream), stream)).toMatchObject({
      records: [{ a: 1 }, { a: 2 }],
      timestamps: [1_000, 2_000],
      position: "2000-0",
      end: false,
    });
  });

  test("entries as objects of their fields, typed by a schema", async () => {
    const stream = newStream();
    await add(stream, "1-1", "price", "7", "item", "tea");
    const plain: SourceBatch<Record<string, string>> = await readOnce(
      redisStream(stream, { format: "fields" }),
      stream,
    );
    expect(plain.records).toEqual([{ price: "7", item: "tea" }]);
    const schema = z.object({ price: z.coerce.number() });
    const typed: SourceBatch<{ price: number }> = await readOnce(
      redisStream(stream, { format: "fields", schema }),
      stream,
    );
    expect(typed.records).toEqual([{ price: 7 }]);
  });

  test("entries that cannot be decoded are failures with their id, and drop out of every column", async () => {
    const stream = newStream();
    const trace = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    await add(stream, "1-0", "record", "{");
    await add(stream, "2-0", "other", "1");
    await add(stream, "3-0", "record", '{"a":"x"}');
    await add(stream, "4-0", "record", '{"a":1}', "traceparent", trace);
    const batch = await readOnce(redisStream(stream, { schema: z.object({ a: z.number() }) }), stream);
    expect(batch).toMatchObject({
      records: [{ a: 1 }],
      timestamps: [4],
      traces: [{ index: 0, traceId: "a".repeat(32), spanId: "b".repeat(16), flags: 1, emittedMs: 4 }],
    });
    expect(batch.failures?.map(({ where }) => where)).toEqual(
      ["1-0", "2-0", "3-0"].map((id) => `${stream} entry ${id}`),
    );
    expect(batch.failures?.[1]?.error.message).toMatch(/no field "record" but other/);
  });

  test("a read on an empty stream waits for its first entry", async () => {
    const stream = newStream();
    const reader = await open(redisStream(stream), stream);
    const pending = reader.read(10);
    await add(stream, "5-0", "record", "1");
    expect(await pending).toMatchObject({ records: [1] });
    await reader.close();
  });

  test('from "new" skips what is there and commits where it started', async () => {
    const stream = newStream();
    await add(stream, "5-0", "record", "1");
    const source = redisStream(stream, { from: "new" });
    const reader = await open(source, stream);
    expect(await reader.read(10)).toMatchObject({ records: [], position: "5-0" });
    await reader.close();
    await add(stream, "6-0", "record", "2");
    const later = await open(source, stream, "5-0");
    expect(await later.read(10)).toMatchObject({ records: [2], position: "6-0" });
    await later.close();
    expect((await readOnce(redisStream(stream, { from: "5-0" }), stream)).records).toEqual([2]);
  });

  test("a stream that ends before the position is refused, not waited for", async () => {
    const stream = newStream();
    await add(stream, "5-0", "record", "1");
    const source = redisStream(stream);
    await expect(open(source, stream, "5-1")).rejects.toThrow(StreamResetError);
    await expect(open(source, newStream(), "5-0")).rejects.toThrow(/it does not exist/);
    // Ids are two numbers, not text.
    await add(stream, "10-0", "record", "2");
    await (await open(source, stream, "9-0")).close();
  });

  test("without a job on Redis it asks for a url; refuses unknown and senseless options", async () => {
    const context = { job: "job", source: "in", partition: 0, parallelism: 1 };
    await expect(async () =>
      redisStream("s").open({ id: "s", stream: "s" }, undefined, context),
    ).rejects.toThrow(/option url/);
    expect(() => redisStream("s", { group: "g" } as object)).toThrow(UnknownOptionError);
    expect(() => redisStream([])).toThrow(InvalidOptionError);
    expect(() => redisStream(["s", "s"])).toThrow(InvalidOptionError);
    expect(() => redisStream("s", { from: "5" as "start" })).toThrow(InvalidOptionError);
  });

  test("a link that breaks is an error that the partition recovers from", async () => {
    const stream = newStream();
    const reader = await open(redisStream(stream), stream);
    const pending = Promise.resolve(reader.read(1));
    const expectation = expect(pending).rejects.toMatchObject({ code: "STREAM_READ", retry: "partition" });
    let killed = 0;
    while (killed === 0) {
      const clients = String(await redis.send(["CLIENT", "LIST"])).split("\n");
      const own = clients.find(
        (line) => line.includes("name=weir-stream-source") && line.includes("flags=b"),
      );
      const id = own === undefined ? undefined : /id=(\d+)/.exec(own)?.[1];
      if (id !== undefined) killed = Number(await redis.send(["CLIENT", "KILL", "ID", id]));
    }
    await expectation;
    await reader.close();
  });
});

describe("redisStreamSink", () => {
  const context: SinkContext = {
    job: "job",
    sink: "out",
    partition: 0,
    parallelism: 1,
    attempt: 1,
    committed: undefined,
  };

  test("prepare hands the entries of its epoch to the commit", async () => {
    const writer = await redisStreamSink("out", { maxLength: 10 }).open(context);
    writer.write([{ a: 1 }, 2n], undefined);
    const first = writer.prepare();
    writer.write([null], undefined);
    expect(first).toEqual({
      appends: [
        { stream: "out", fields: ["record", '{"a":1}'], maxLength: 10 },
        { stream: "out", fields: ["record", '"2"'], maxLength: 10 },
      ],
    });
    expect(writer.prepare()).toEqual({
      appends: [{ stream: "out", fields: ["record", "null"], maxLength: 10 }],
    });
    expect(writer.prepare()).toEqual({});
  });

  test("what the sink writes is what the source reads", async () => {
    for (const format of ["json", "fields"] as const) {
      const stream = newStream();
      const writer = await redisStreamSink(stream, { format }).open(context);
      writer.write([{ a: "1", b: "zwei" }], undefined);
      const { appends } = await writer.prepare();
      for (const append of appends ?? []) await add(append.stream, "*", ...append.fields.map(String));
      expect((await readOnce(redisStream<unknown>(stream, { format } as object), stream)).records).toEqual([
        { a: "1", b: "zwei" },
      ]);
    }
  });

  test("fields keep bytes, leave out what is not there, and refuse what is no field", async () => {
    const writer = await redisStreamSink("out", { format: "fields" }).open(context);
    const bytes = Uint8Array.of(1, 2);
    writer.write([{ n: 1, ok: true, big: 3n, bytes, none: undefined, nil: null }], undefined);
    expect(await writer.prepare()).toMatchObject({
      appends: [{ fields: ["n", "1", "ok", "true", "big", "3", "bytes", bytes] }],
    });
    expect(() => writer.write([{ nested: { a: 1 } }], undefined)).toThrow(
      new StreamFieldError(
        "out",
        'property "nested" is {"a":1}',
        'use format "json", or properties that are texts, numbers, booleans, bigints or bytes',
      ),
    );
    expect(() => writer.write(["text"], undefined)).toThrow(
      /the record "text" is no object; use format "json"/,
    );
    expect(() => writer.write([{}], undefined)).toThrow(/the record {} has no property with a value; use/);
  });

  test("json refuses what JSON does not have", async () => {
    const writer = await redisStreamSink("out", { field: "f" }).open(context);
    writer.write([null, 3n, [1]], undefined);
    expect(await writer.prepare()).toMatchObject({
      appends: [{ fields: ["f", "null"] }, { fields: ["f", '"3"'] }, { fields: ["f", "[1]"] }],
    });
    expect(() => writer.write([undefined], undefined)).toThrow(/no JSON for the record undefined; give/);
  });

  test("needs the job's Redis, and refuses unknown and senseless options", () => {
    expect(redisStreamSink("out")).toMatchObject({ guarantee: "transactional", needs: "redis" });
    expect(() => redisStreamSink("out", { url: "x" } as object)).toThrow(UnknownOptionError);
    expect(() => redisStreamSink("out", { maxLength: 0 })).toThrow(InvalidOptionError);
    expect(() => redisStreamSink("")).toThrow(InvalidOptionError);
  });
});

describe("parseTraceparent", () => {
  const id = `${"0".repeat(31)}1-${"0".repeat(15)}2`;
  test("takes sampled contexts of any known version", () => {
    expect(parseTraceparent(`00-${id}-01`, 3, 4)).toMatchObject({ index: 3, flags: 1, emittedMs: 4 });
    expect(parseTraceparent(`01-${id}-03-more`, 0, 0)?.flags).toBe(3);
  });

  test.each([
    `00-${id}-00`,
    `ff-${id}-01`,
    `00-${"0".repeat(32)}-${"1".repeat(16)}-01`,
    `00-${"1".repeat(32)}-${"0".repeat(16)}-01`,
    "nonsense",
    "",
  ])("makes no mark of %j", (text) => {
    expect(parseTraceparent(text, 0, 0)).toBeUndefined();
  });
});
