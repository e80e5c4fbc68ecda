// CommandList — the commands of one commit, packed as they come: { command, index of the key, { argument ... } } each.
// Grammar: `writes` in redis/scripts/commit.ts.
//
// Owns:      cutting the arguments of a command so that Lua can unpack each list.
// Does not:  know what the commands are about.
//
// A command is begun, gets room for its arguments, which the caller packs, and ends. One without arguments is not written.
import { MAX_UNPACKED } from "../redis/scripts/commit.ts";
import type { PackBuffer } from "./pack-buffer.ts";

export class CommandList {
  readonly #pack: PackBuffer;
  #mark = 0;
  #commands = 0;

  // Of the command at hand.
  #command = "";
  #key = 0;
  /** Its list of arguments in the pack; -1 while there is none. */
  #open = -1;
  #count = 0;

  constructor(pack: PackBuffer) {
    this.#pack = pack;
  }

  open(): void {
    this.#mark = this.#pack.openArray();
    this.#commands = 0;
  }

  close(): void {
    this.#pack.closeArray(this.#mark, this.#commands * 3);
  }

  /** @param key index in KEYS */
  begin(command: string, key: number): void {
    this.#command = command;
    this.#key = key;
    this.#open = -1;
  }

  /** Makes room for so many arguments that stay together, beginning the command anew when its list would become too long. */
  room(count: number): void {
    if (this.#open >= 0 && this.#count + count > MAX_UNPACKED) this.end();
    if (this.#open < 0) {
      this.#commands++;
      this.#pack.text(this.#command);
      this.#pack.integer(this.#key);
      this.#open = this.#pack.openArray();
      this.#count = 0;
    }
    this.#count += count;
  }

  end(): void {
    if (this.#open < 0) return;
    this.#pack.closeArray(this.#open, this.#count);
    this.#open = -1;
  }

  /** A whole command that has its key as its only argument. */
  add(command: string, key: number): void {
    this.begin(command, key);
    this.room(0);
    this.end();
  }
}
