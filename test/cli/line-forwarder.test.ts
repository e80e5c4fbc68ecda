import { PassThrough, Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { forwardLines } from "../../src/cli/line-forwarder.ts";

class Sheet extends Writable {
  readonly writes: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.writes.push(chunk.toString());
    setImmediate(done);
  }
}

describe("forwardLines", () => {
  test("writes whole lines only, however the input is cut", async () => {
    const anything = fc.array(fc.string({ unit: fc.constantFrom("a", "ü", "\n") }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(anything, async (pieces) => {
        const text = pieces.join("");
        const bytes = Buffer.from(text);
        // Cut at every third byte: also inside characters.
        const chunks = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) =>
          bytes.subarray(i * 3, i * 3 + 3),
        );
        const from = Readable.from(chunks, { objectMode: false });
        const sheet = new Sheet({ highWaterMark: 4 });
        forwardLines(from, sheet);
        await finished(from);
        sheet.end();
        await finished(sheet);
        for (const write of sheet.writes) expect(write.endsWith("\n")).toBe(true);
        expect(sheet.writes.join("")).toBe(text === "" || text.endsWith("\n") ? text : `${text}\n`);
      }),
      { numRuns: 50 },
    );
  });

  test("reads no more while the output is full", async () => {
    const from = new PassThrough();
    let release = (): void => {};
    const full = new Writable({
      highWaterMark: 1,
      write(_chunk, _encoding, done) {
        release = done;
      },
    });
    forwardLines(from, full);
    from.write("one line\n");
    await new Promise(setImmediate);
    expect(from.isPaused()).toBe(true);
    release();
    await new Promise(setImmediate);
    expect(from.isPaused()).toBe(false);
  });
});
