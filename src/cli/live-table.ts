// LiveTable — a few lines at the bottom of a terminal that are drawn over again and again.
//
// Owns:      the lines it has drawn, and stepping aside when somebody else writes to the same terminal.
// Does not:  know what the lines say.
//
// Why writes of others are watched: results of a console sink appear on stdout while the table stands on stderr, and
// both are the same screen. The table is taken away before their text and drawn below it at the next update.

type Write = NodeJS.WriteStream["write"];

export class LiveTable {
  readonly #screen: NodeJS.WriteStream;
  readonly #draw: Write;
  readonly #release: (() => void)[] = [];
  #drawnLines = 0;
  /** The cursor stands at the beginning of a line. */
  #atLineStart = true;

  /** @param others streams that may be the same terminal */
  constructor(screen: NodeJS.WriteStream, others: readonly NodeJS.WriteStream[]) {
    this.#screen = screen;
    this.#draw = screen.write.bind(screen) as Write;
    for (const stream of new Set([screen, ...others])) if (stream.isTTY === true) this.#watch(stream);
  }

  get columns(): number {
    // A terminal that does not know its size says 0.
    return this.#screen.columns || 80;
  }

  show(lines: readonly string[]): void {
    // A table that is taller than the screen could not be taken away again.
    const rows = this.#screen.rows || 24;
    const visible = lines.slice(0, Math.max(1, rows - 1));
    const start = this.#atLineStart ? "" : "\n";
    this.#draw(`${start}${this.#eraser()}${visible.join("\n")}\n`);
    this.#drawnLines = visible.length;
    this.#atLineStart = true;
  }

  clear(): void {
    if (this.#drawnLines === 0) return;
    this.#draw(this.#eraser());
    this.#drawnLines = 0;
  }

  /** Takes the table away and gives the streams back. */
  close(): void {
    this.clear();
    for (const release of this.#release.splice(0)) release();
  }

  /** Up to the first line of the table, and everything below away. */
  #eraser(): string {
    return this.#drawnLines === 0 ? "" : `\u001b[${this.#drawnLines}A\u001b[0J`;
  }

  #watch(stream: NodeJS.WriteStream): void {
    const original = stream.write;
    const write = original.bind(stream) as (...args: unknown[]) => boolean;
    const watched = (...args: unknown[]): boolean => {
      this.clear();
      const [chunk] = args;
      if (typeof chunk === "string" || chunk instanceof Uint8Array) this.#atLineStart = endsLine(chunk);
      return write(...args);
    };
    stream.write = watched as Write;
    this.#release.push(() => {
      if (stream.write === watched) stream.write = original;
    });
  }
}

function endsLine(chunk: string | Uint8Array): boolean {
  if (chunk.length === 0) return true;
  return typeof chunk === "string" ? chunk.endsWith("\n") : chunk[chunk.length - 1] === 0x0a;
}
