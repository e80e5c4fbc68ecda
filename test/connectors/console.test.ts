import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { type ConsoleOptions, console as consoleSink } from "../../src/connectors/console.ts";
import type { SinkWriter } from "../../src/connectors/contract.ts";
import { InvalidOptionError, UnknownOptionError } from "../../src/core/options.ts";

class TextStream extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    this.text += chunk.toString();
    callback();
  }
}

async function open(
  stream: Writable,
  options: Omit<ConsoleOptions, "stream"> = {},
): Promise<SinkWriter<unknown>> {
  return consoleSink({ ...options, stream }).open({
    job: "job",
    sink: "out",
    partition: 0,
    parallelism: 1,
    attempt: 1,
    committed: undefined,
  });
}

const records = ["text", { a: 1, b: { c: [2] } }, 12n];

describe("console", () => {
  test("prints at prepare, texts as they are and other records on one line", async () => {
    const stream = new TextStream();
    const writer = await open(stream);
    writer.write(records, undefined);
    expect(stream.text).toBe("");
    await writer.prepare();
    expect(stream.text).toBe("text\n{ a: 1, b: { c: [ 2 ] } }\n12n\n");
    await writer.prepare();
    expect(stream.text).toMatch(/12n\n$/);
  });

  test("prints JSON lines", async () => {
    const stream = new TextStream();
    const writer = await open(stream, { format: "json" });
    writer.write(records, undefined);
    await writer.prepare();
    expect(stream.text).toBe('"text"\n{"a":1,"b":{"c":[2]}}\n"12"\n');
  });

  test("prints what a function makes of record and timestamp", async () => {
    const stream = new TextStream();
    const writer = await open(stream, { format: (record, timestamp) => `${timestamp}: ${String(record)}` });
    writer.write(["a", "b"], [10, 20]);
    await writer.prepare();
    expect(stream.text).toBe("10: a\n20: b\n");
  });

  test("a closed console is an error of prepare", async () => {
    const stream = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error("EPIPE")) });
    stream.on("error", () => {});
    const writer = await open(stream);
    writer.write(["x"], undefined);
    await expect(Promise.resolve(writer.prepare())).rejects.toMatchObject({ code: "CONSOLE_CLOSED" });
  });

  test("refuses unknown and senseless options", () => {
    expect(() => consoleSink({ colour: true } as object)).toThrow(UnknownOptionError);
    expect(() => consoleSink({ format: "xml" as "json" })).toThrow(InvalidOptionError);
    expect(() => consoleSink({ stream: "stdin" as "stdout" })).toThrow(InvalidOptionError);
  });
});
