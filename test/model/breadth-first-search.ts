// Breadth-first search over every state that a model can reach.
//
// Owns:      the set of states seen, the order of visiting, the shortest path to a violation.
// Does not:  know what a state means. A state is a row of small numbers ("cells", 0..15 each).
//
// States are compared exactly: eight cells are packed into one 32-bit word, all states lie one after another in
// one array, and an open-addressing table of positions finds them again. No state is kept as an object or a
// string, so a million states take about 60 MB and a few seconds.

/** Takes one possible next state and the number of the step to it, below 65,536. The array may be reused. */
export type Emit = (next: Uint8Array, action: number) => void;

/** A system of states and steps. All cells are integers from 0 to 15. */
export interface Model {
  /** Number of cells of a state. */
  readonly width: number;
  /** Writes the first state into `cells`, which is all zero. */
  start(cells: Uint8Array): void;
  /** Calls `emit` once per possible step. */
  successors(cells: Uint8Array, emit: Emit): void;
  /** Called once per state. @returns what is wrong with it, or undefined */
  violation(cells: Uint8Array): string | undefined;
}

/** One step of a path: what was done (the model's own number) and the states around it. */
export interface PathStep {
  readonly before: Uint8Array;
  readonly action: number;
  readonly after: Uint8Array;
}

export interface SearchResult {
  /** Different states seen. */
  readonly states: number;
  /** Steps tried, including those that led to a state already seen. */
  readonly transitions: number;
  /** Longest distance from the start, in steps. */
  readonly depth: number;
  /** A shortest way to a wrong state; undefined means that *no* reachable state is wrong. */
  readonly violation: { readonly reason: string; readonly path: readonly PathStep[] } | undefined;
}

/**
 * Visits all states in order of distance and stops at the first wrong one.
 *
 * @param maxStates the search throws a RangeError above this number instead of giving an unfinished answer
 */
export function search(model: Model, maxStates = 40_000_000): SearchResult {
  const seen = new StateSet(model.width);
  let parents = new Uint32Array(1 << 16);
  let actions = new Uint16Array(1 << 16);
  let current = 0;
  let transitions = 0;
  let wrong: { readonly reason: string; readonly state: number } | undefined;

  const visit = (cells: Uint8Array, action: number): void => {
    transitions++;
    if (!seen.add(cells) || wrong !== undefined) return;
    const state = seen.size - 1;
    if (state >= maxStates)
      throw new RangeError(`the model has more than ${maxStates} states; lower the bound`);
    if (state === parents.length) {
      parents = grown(parents, new Uint32Array(state * 2));
      actions = grown(actions, new Uint16Array(state * 2));
    }
    parents[state] = current;
    actions[state] = action;
    const reason = model.violation(cells);
    if (reason !== undefined) wrong = { reason, state };
  };

  const cells = new Uint8Array(model.width);
  model.start(cells);
  visit(cells, 0);
  transitions = 0;
  let depth = 0;
  let endOfLevel = 1;
  for (; current < seen.size && wrong === undefined; current++) {
    if (current === endOfLevel) {
      depth++;
      endOfLevel = seen.size;
    }
    seen.read(current, cells);
    model.successors(cells, visit);
  }
  if (wrong === undefined) return { states: seen.size, transitions, depth, violation: undefined };

  const path: PathStep[] = [];
  for (let state = wrong.state; state !== 0; state = parents[state]!) {
    const before = seen.read(parents[state]!, new Uint8Array(model.width));
    path.unshift({ before, action: actions[state]!, after: seen.read(state, new Uint8Array(model.width)) });
  }
  return {
    states: seen.size,
    transitions,
    depth: path.length,
    violation: { reason: wrong.reason, path },
  };
}

/** A set of cell rows which numbers its members 0, 1, 2, ... in order of arrival. */
class StateSet {
  size = 0;
  readonly #width: number;
  readonly #words: number;
  #rows: Uint32Array;
  /** Row number + 1 at the place its hash points to, or the next free one; 0 is free. */
  #table = new Uint32Array(1 << 17);

  constructor(width: number) {
    this.#width = width;
    this.#words = Math.ceil(width / 8);
    this.#rows = new Uint32Array(this.#words << 16);
  }

  /** @returns whether the row was new */
  add(cells: Uint8Array): boolean {
    const words = this.#words;
    const start = this.size * words;
    if (start + words > this.#rows.length) this.#rows = grown(this.#rows, new Uint32Array(start * 2));
    const rows = this.#rows;
    for (let word = 0, cell = 0; word < words; word++) {
      let packed = 0;
      for (let shift = 0; shift < 32 && cell < this.#width; shift += 4, cell++) {
        const value = cells[cell]!;
        if (value > 15) throw new RangeError(`cell ${cell} holds ${value}, the most is 15; lower the bound`);
        packed |= value << shift;
      }
      rows[start + word] = packed;
    }
    const table = this.#table;
    const mask = table.length - 1;
    let place = this.#hash(start) & mask;
    for (; table[place] !== 0; place = (place + 1) & mask) {
      const other = (table[place]! - 1) * words;
      let word = 0;
      while (word < words && rows[other + word] === rows[start + word]) word++;
      if (word === words) return false;
    }
    table[place] = ++this.size;
    if (this.size * 2 > table.length) this.#rehash();
    return true;
  }

  read(row: number, cells: Uint8Array): Uint8Array {
    const start = row * this.#words;
    for (let cell = 0; cell < this.#width; cell++) {
      cells[cell] = (this.#rows[start + (cell >> 3)]! >>> ((cell & 7) << 2)) & 15;
    }
    return cells;
  }

  #hash(start: number): number {
    let hash = 0x9e3779b9;
    for (let word = 0; word < this.#words; word++) {
      hash = Math.imul(hash ^ this.#rows[start + word]!, 0x85ebca6b);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) >>> 0;
  }

  #rehash(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let row = 0; row < this.size; row++) {
      let place = this.#hash(row * this.#words) & mask;
      while (table[place] !== 0) place = (place + 1) & mask;
      table[place] = row + 1;
    }
    this.#table = table;
  }
}

function grown<T extends Uint32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
