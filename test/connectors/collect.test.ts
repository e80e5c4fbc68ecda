import { describe, expect, test } from "vitest";
import { type CollectSink, collect } from "../../src/connectors/collect.ts";
import type { Json, SinkWriter } from "../../src/connectors/contract.ts";

function open<T>(sink: CollectSink<T>, partition = 0, attempt = 1, committed?: Json): Promise<SinkWriter<T>> {
  return Promise.resolve(
    sink.open({ job: "job", sink: "out", partition, parallelism: 2, attempt, committed }),
  );
}

async function prepareToken(writer: SinkWriter<unknown>): Promise<Json | undefined> {
  return (await writer.prepare()).token;
}

describe("collect", () => {
  test("results appear when their epoch is committed, not before", async () => {
    const sink = collect<number>();
    const writer = await open(sink);
    writer.write([1, 2], undefined);
    expect(sink.results).toEqual([]);
    await writer.prepare();
    writer.write([3], undefined);
    expect(sink.results).toEqual([]);
    await writer.committed();
    expect(sink.results).toEqual([1, 2]);
    await writer.prepare();
    await writer.committed();
    expect(sink.results).toEqual([1, 2, 3]);
  });

  test("several prepared epochs are committed in order, and partitions in the order of their commits", async () => {
    const sink = collect<string>();
    const [a, b] = [await open(sink, 0), await open(sink, 1)];
    a.write(["a1"], undefined);
    await a.prepare();
    a.write(["a2"], undefined);
    await a.prepare();
    b.write(["b1"], undefined);
    await b.prepare();
    await a.committed();
    await b.committed();
    await a.committed();
    expect(sink.results).toEqual(["a1", "b1", "a2"]);
  });

  test("crash before the commit: the epoch is forgotten and written once again", async () => {
    const sink = collect<number>();
    const first = await open(sink);
    first.write([1], undefined);
    await first.prepare();
    const second = await open(sink, 0, 2, undefined);
    second.write([1], undefined);
    await second.prepare();
    await second.committed();
    expect(sink.results).toEqual([1]);
  });

  test("an attempt that goes on after it was overtaken adds and takes away nothing", async () => {
    const sink = collect<number>();
    const first = await open(sink, 0, 1);
    first.write([1], undefined);
    const token = await prepareToken(first);
    const second = await open(sink, 0, 2, token);
    expect(sink.results).toEqual([1]);
    // Both prepare their epoch 2; only that of the second can become durable.
    first.write([2, 3, 4], undefined);
    await first.prepare();
    second.write([2], undefined);
    await second.prepare();
    await first.committed(); // the answer for its epoch 1 comes late
    await second.committed();
    expect(sink.results).toEqual([1, 2]);
    // One that was overtaken while it was opening sees an earlier epoch.
    const late = await open(sink, 0, 1, token);
    late.write([9], undefined);
    await late.prepare();
    await late.committed();
    second.write([3], undefined);
    await second.prepare();
    await second.committed();
    expect(sink.results).toEqual([1, 2, 3]);
  });

  test("crash after the commit, before its answer: the epoch is there once", async () => {
    const sink = collect<number>();
    const first = await open(sink);
    first.write([1], undefined);
    const token = await prepareToken(first);
    const second = await open(sink, 0, 2, token);
    expect(sink.results).toEqual([1]);
    await first.committed();
    expect(sink.results).toEqual([1]);
    second.write([2], undefined);
    await second.prepare();
    await second.committed();
    expect(sink.results).toEqual([1, 2]);
  });

  test("a partition that goes back to an earlier state takes its later epochs out, and only its own", async () => {
    const sink = collect<string>();
    const [a, b] = [await open(sink, 0), await open(sink, 1)];
    a.write(["a1"], undefined);
    const early = await prepareToken(a);
    await a.committed();
    a.write(["a2"], undefined);
    await a.prepare();
    await a.committed();
    b.write(["b1"], undefined);
    await b.prepare();
    await b.committed();
    await open(sink, 0, 2, early);
    expect(sink.results).toEqual(["a1", "b1"]);
  });

  test("a job that starts anew with the same sink starts empty", async () => {
    const sink = collect<number>();
    const writer = await open(sink);
    writer.write([1], undefined);
    await writer.prepare();
    await writer.committed();
    await open(sink);
    expect(sink.results).toEqual([]);
  });
});
