// Mailbox — step 2 of the walk: where everything waits that one actor has to do.
//
// Owns:      two lanes, control and data. Control mail is few and never refused; data mail is bounded.
// Does not:  run anything; know what the mail means.
//
// Laws (docs/laws.md)
//   M1  Control mail is taken before data mail; each lane is first in, first out.
//   M2  The data lane never holds more than its capacity.

/** A queue with amortised constant cost at both ends. */
class Fifo<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

export class Mailbox<Control, Data> {
  readonly capacity: number;
  readonly #control = new Fifo<Control>();
  readonly #data = new Fifo<Data>();

  /** @param capacity most data mails held at once, >= 1 */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get dataCount(): number {
    return this.#data.size;
  }

  get free(): number {
    return this.capacity - this.#data.size;
  }

  post(mail: Control): void {
    this.#control.push(mail);
  }

  /** @returns false when the data lane is full; the mail was not taken */
  offer(mail: Data): boolean {
    if (this.#data.size >= this.capacity) return false;
    this.#data.push(mail);
    return true;
  }

  takeControl(): Control | undefined {
    return this.#control.shift();
  }

  takeData(): Data | undefined {
    return this.#data.shift();
  }

  clear(): void {
    this.#control.clear();
    this.#data.clear();
  }
}
