import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Source, SplitReader } from "../../src/connectors/contract.ts";
import { stdinLines } from "../../src/connectors/stdin-lines.ts";
import { InvalidOptionError, UnknownOptionError } from "../../src/core/options.ts";

function open<T>(source: Source<T>): Promise<SplitReader<T>> {
  const context = { job: "job", source: "in", partition: 0, parallelism: 1 };
  return Promise.resolve(source.open({ id: "stdin" }, undefined, context));
}

async function readToEnd<T>(reader: SplitReader<T>, maxRecords = 3): Promise<T[]> {
  const records: T[] = [];
  for (;;) {
    const batch = await reader.read(maxRecords);
    expect(batch.records.length).toBeLessThanOrEqual(maxRecords);
    records.push(...batch.records);
    if (batch.end) return records;
  }
}

describe("stdinLines", () => {
  test("gives lines of all kinds of ends, cut anywhere, until the input ends", async () => {
    const input = new PassThrough();
    const reader = await open(stdinLines({ input }));
    const bytes = Buffer.from("eins\nzw€i\r\n\ndrei", "utf8");
    for (const byte of bytes) input.write(Buffer.of(byte));
    input.end();
    expect(await readToEnd(reader, 2)).toEqual(["eins", "zw€i", "", "drei"]);
  });

  test("a read without lines waits for the next one", async () => {
    const input = new PassThrough();
    const reader = await open(stdinLines({ input }));
    const pending = reader.read(10);
    input.write("hello\n");
    expect(await pending).toMatchObject({ records: ["hello"], position: 1, end: false });
  });

  test("close settles a pending read, and a later attempt goes on with the next line", async () => {
    const input = new PassThrough();
    const source = stdinLines({ input });
    const first = await open(source);
    const pending = first.read(10);
    await first.close();
    expect(await pending).toMatchObject({ records: [], end: false });
    const second = await open(source);
    input.end("after\n");
    expect(await readToEnd(second)).toEqual(["after"]);
  });

  test("reads no further than what waits in the queue while nobody takes lines", async () => {
    const input = new PassThrough({ highWaterMark: 1_000 });
    const reader = await open(stdinLines({ input }));
    const first = reader.read(1);
    const text = "x\n".repeat(50_000);
    input.end(text);
    await first;
    expect(input.isPaused()).toBe(true);
    expect(await readToEnd(reader, 5_000)).toHaveLength(49_999);
  });

  test("JSON lines that are none are failures with their number", async () => {
    const input = new PassThrough();
    const reader = await open(stdinLines({ input, format: "json", schema: z.object({ a: z.number() }) }));
    input.end('{"a":1}\n\n{"a"\n{"a":"x"}\n');
    const batches = [await reader.read(10)];
    while (batches.at(-1)?.end !== true) batches.push(await reader.read(10));
    expect(batches.flatMap((batch) => batch.records)).toEqual([{ a: 1 }]);
    expect(batches.flatMap((batch) => batch.failures ?? []).map(({ where }) => where)).toEqual([
      "standard input line 3",
      "standard input line 4",
    ]);
  });

  test("an input that fails is an error", async () => {
    const input = new PassThrough();
    const reader = await open(stdinLines({ input }));
    const pending = Promise.resolve(reader.read(1));
    input.destroy(new Error("gone"));
    await expect(pending).rejects.toThrow("gone");
  });

  test("says that it cannot be read again, and refuses unknown options", () => {
    expect(stdinLines()).toMatchObject({ replayable: false, maxParallelism: 1 });
    expect(stdinLines().description).toMatch(/cannot be read again/);
    expect(() => stdinLines({ lines: 1 } as object)).toThrow(UnknownOptionError);
    expect(() => stdinLines({ format: "xml" as "json" })).toThrow(InvalidOptionError);
  });
});
