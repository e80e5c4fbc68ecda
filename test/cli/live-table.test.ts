import { Writable } from "node:stream";
import { describe, expect, test } from "vitest";
import { LiveTable } from "../../src/cli/live-table.ts";

const ESCAPE = "\u001b";
const PARTS = new RegExp(`${ESCAPE}\\[\\d+A|${ESCAPE}\\[0J|\\n|[^${ESCAPE}\\n]+`, "g");

/** A terminal of so many rows that obeys the two sequences the table uses. */
class Screen extends Writable {
  readonly isTTY = true;
  columns = 40;
  rows: number;
  #lines: string[] = [""];
  #row = 0;

  constructor(rows = 10) {
    super({ decodeStrings: false });
    this.rows = rows;
  }

  get lines(): string[] {
    return this.#lines.slice(0, this.#lines.at(-1) === "" ? -1 : undefined);
  }

  override _write(chunk: string, _encoding: BufferEncoding, done: () => void): void {
    for (const [part] of chunk.matchAll(PARTS)) this.#apply(part);
    done();
  }

  #apply(part: string): void {
    if (part === "\n") {
      this.#row++;
      this.#lines[this.#row] ??= "";
    } else if (part === `${ESCAPE}[0J`) {
      this.#lines.length = this.#row;
      this.#lines.push("");
    } else if (part.startsWith(ESCAPE)) {
      this.#row -= Number(part.slice(2, -1));
      if (this.#row < 0) throw new Error("the cursor left the screen");
    } else {
      this.#lines[this.#row] += part;
    }
  }
}

function open(screen: Screen): { table: LiveTable; stream: NodeJS.WriteStream } {
  const stream = screen as unknown as NodeJS.WriteStream;
  return { table: new LiveTable(stream, [stream]), stream };
}

describe("LiveTable", () => {
  test("draws over what it drew before, also when the number of lines changes", () => {
    const screen = new Screen();
    const { table } = open(screen);
    table.show(["head", "one", "two"]);
    table.show(["head", "ONE"]);
    expect(screen.lines).toEqual(["head", "ONE"]);
    table.show(["head", "a", "b", "c"]);
    expect(screen.lines).toEqual(["head", "a", "b", "c"]);
    table.close();
    expect(screen.lines).toEqual([]);
  });

  test("what others print stays above the table, none of it is lost", () => {
    const screen = new Screen();
    const { table, stream } = open(screen);
    table.show(["head", "row"]);
    stream.write("result 1\n");
    stream.write("result 2\n");
    expect(screen.lines).toEqual(["result 1", "result 2"]);
    table.show(["head", "row"]);
    expect(screen.lines).toEqual(["result 1", "result 2", "head", "row"]);
  });

  test("begins on a line of its own behind text without a line break", () => {
    const screen = new Screen();
    const { table, stream } = open(screen);
    stream.write("half a line");
    table.show(["head"]);
    table.show(["head"]);
    expect(screen.lines).toEqual(["half a line", "head"]);
  });

  test("never draws more lines than it can take away again", () => {
    const { table, stream } = open(new Screen(3));
    table.show(["head", "1", "2", "3", "4"]);
    expect((stream as unknown as Screen).lines).toEqual(["head", "1"]);
  });

  test("gives the streams back when it is closed", () => {
    const { table, stream } = open(new Screen());
    const watched = stream.write;
    table.close();
    expect(stream.write).not.toBe(watched);
  });
});
