// forwardLines — what several child processes print, line by line into one stream, so that no line is torn.
import type { Readable, Writable } from "node:stream";

const LINE_FEED = 0x0a;

/** Stops reading while `to` is full. A last line without a line break gets one. */
export function forwardLines(from: Readable, to: Writable): void {
  let rest: Buffer[] = [];
  from.on("data", (chunk: Buffer) => {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end === 0) {
      rest.push(chunk);
      return;
    }
    const lines = Buffer.concat([...rest, chunk.subarray(0, end)]);
    rest = end === chunk.length ? [] : [chunk.subarray(end)];
    if (to.write(lines)) return;
    from.pause();
    to.once("drain", () => from.resume());
  });
  from.on("end", () => {
    if (rest.length > 0) to.write(Buffer.concat([...rest, Buffer.from("\n")]));
    rest = [];
  });
}
