// A keyed state without an operator around it.
import type { StateWrites } from "../../src/core/ports/state-backend.ts";
import { KeyedState, type KeyedStateOptions } from "../../src/state/keyed-state.ts";
import { WriteSet } from "../../src/state/write-set.ts";

/** Nothing is stored yet, commits encode, nothing is taken back; a cleanup timer that is armed goes nowhere. */
export function createKeyedState(options: Partial<KeyedStateOptions> = {}): KeyedState {
  return new KeyedState({
    operator: "op",
    startsEmpty: true,
    cacheEntries: 100,
    encodesOnCommit: true,
    journaling: false,
    armCleanup: () => {},
    ...options,
  });
}

/** What a commit would store of it. */
export function collectWrites(state: KeyedState): StateWrites[] {
  const writes = new WriteSet("op");
  const into: StateWrites[] = [];
  state.collect(writes);
  writes.drainInto(into);
  return into;
}
