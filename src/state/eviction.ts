// EvictionHand — keeps the heap cache near its bound: a clock hand over all cells that spares what was used lately.
//
// Only clean, acknowledged cells leave, and only between prefetches (H6 of the protocol), so the cache may exceed its
// bound by what one batch and the epochs in flight hold.
import type { Cell, CellState } from "./cell-state.ts";
import type { KeyScope } from "./key-scope.ts";

/** A call looks at so many cells for each one that it must find, so that a heap full of dirty cells costs little. */
const LOOKS_PER_EVICTION = 4;
const LEAST_LOOKS = 256;

export class EvictionHand {
  readonly #scope: KeyScope;
  readonly #states: readonly CellState<Cell>[];
  readonly #limit: number;
  #hand: Iterator<readonly [CellState<Cell>, Cell]>;
  /** Cells used in this round or later are spared until the hand comes round again. */
  #spareFrom = 1;

  /** @param limit values, map entries and list elements that may stay in the heap */
  constructor(scope: KeyScope, states: readonly CellState<Cell>[], limit: number) {
    this.#scope = scope;
    this.#states = states;
    this.#limit = limit;
    this.#hand = this.#turn();
  }

  evict(): void {
    const scope = this.#scope;
    const excess = scope.weight - this.#limit;
    if (excess <= 0) return;
    let looks = LEAST_LOOKS + excess * LOOKS_PER_EVICTION;
    while (scope.weight > this.#limit && looks-- > 0) {
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = this.#turn();
        this.#spareFrom = scope.round;
        continue;
      }
      const [state, cell] = next.value;
      if (cell.dirtyEpoch > scope.acknowledged || cell.usedInRound >= this.#spareFrom) continue;
      state.evict(cell);
    }
  }

  *#turn(): Generator<readonly [CellState<Cell>, Cell]> {
    for (const state of this.#states) for (const cell of state.cells()) yield [state, cell];
  }
}
