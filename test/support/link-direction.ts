import type { Socket } from "node:net";

interface Parcel {
  readonly dueMs: number;
  /** undefined: the end of the stream, which keeps its place behind the bytes. */
  readonly chunk: Buffer | undefined;
}

/** What flows from one socket to the other: in order, with backpressure, perhaps held, perhaps late. */
export class LinkDirection {
  delayMs = 0;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #parcels: Parcel[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isHeld = false;
  #isCongested = false;
  #isEnded = false;

  constructor(from: Socket, to: Socket, onChunk: (chunk: Buffer) => void) {
    this.#from = from;
    this.#to = to;
    from.on("data", (chunk: Buffer) => {
      if (!this.#isEnded) onChunk(chunk);
    });
    from.on("end", () => this.#enqueue(undefined));
    to.on("drain", () => {
      this.#isCongested = false;
      this.#deliver();
    });
  }

  get isClosed(): boolean {
    return this.#from.destroyed;
  }

  forward(chunk: Buffer): void {
    this.#enqueue(chunk);
  }

  /** Forwards these bytes and nothing after them. @param arrived called when the other side's kernel has them */
  forwardLast(chunk: Buffer, arrived: () => void): void {
    this.#isEnded = true;
    this.#from.pause();
    if (this.#to.destroyed) {
      arrived();
      return;
    }
    for (const parcel of this.#parcels.splice(0))
      if (parcel.chunk !== undefined) this.#to.write(parcel.chunk);
    this.#to.write(chunk, () => arrived());
  }

  /** While held, nothing is read or written: the kernel's buffers fill, as behind a dead router. */
  hold(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    this.#deliver();
  }

  /** When the reading side is closed, the writing side closes too, behind everything that is still under way. */
  endWhenEmpty(): void {
    if (this.#from.destroyed) this.#enqueue(undefined);
  }

  destroy(): void {
    clearTimeout(this.#timer);
    this.#isEnded = true;
    this.#parcels.length = 0;
    this.#from.resetAndDestroy();
    this.#to.resetAndDestroy();
  }

  #enqueue(chunk: Buffer | undefined): void {
    this.#parcels.push({ dueMs: performance.now() + this.delayMs, chunk });
    this.#deliver();
  }

  #deliver(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (!this.#isHeld && !this.#isCongested) {
      const parcel = this.#parcels[0];
      if (parcel === undefined) break;
      const waitMs = parcel.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), waitMs);
        break;
      }
      this.#parcels.shift();
      if (this.#to.destroyed) continue;
      if (parcel.chunk !== undefined) this.#isCongested = !this.#to.write(parcel.chunk);
      else if (this.#from.destroyed) this.#to.destroySoon();
      else this.#to.end();
    }
    if (this.#isEnded || this.#from.destroyed) return;
    if (this.#isHeld || this.#isCongested) this.#from.pause();
    else this.#from.resume();
  }
}
