// WriteSet — sorts what one operator changed in one epoch by key group, the unit in which state is stored and moves.
import type { Codec } from "../core/codec.ts";
import { KEY_GROUPS } from "../core/key-group.ts";
import type { ScalarWrites, StateWrites } from "../core/ports/state-backend.ts";

export class WriteSet {
  readonly #operator: string;
  readonly #groups: (StateWrites | undefined)[] = new Array<undefined>(KEY_GROUPS).fill(undefined);
  #used: StateWrites[] = [];

  constructor(operator: string) {
    this.#operator = operator;
  }

  group(keyGroup: number): StateWrites {
    const existing = this.#groups[keyGroup];
    if (existing !== undefined) return existing;
    const created: StateWrites = {
      operator: this.#operator,
      keyGroup,
      scalars: [],
      maps: [],
      lists: [],
      timerAdds: [],
      timerRemoves: [],
    };
    this.#groups[keyGroup] = created;
    this.#used.push(created);
    return created;
  }

  /** States are collected one after the other, so the column of the current one is the last of its group. */
  scalars(keyGroup: number, state: string, codec: Codec<unknown>): ScalarWrites {
    const columns = this.group(keyGroup).scalars;
    const last = columns[columns.length - 1];
    if (last !== undefined && last.state === state) return last;
    const created: ScalarWrites = { state, codec, fields: [], values: [] };
    columns.push(created);
    return created;
  }

  /** Hands everything over and starts anew. */
  drainInto(into: StateWrites[]): void {
    for (const writes of this.#used) {
      into.push(writes);
      this.#groups[writes.keyGroup] = undefined;
    }
    this.#used = [];
  }
}
