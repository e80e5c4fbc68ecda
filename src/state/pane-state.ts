// PaneState — the panes of one key in one cell, by their start: what sliding windows fold into and merge.
//
// A window that closes looks at all of its panes: in one cell they are one lookup, and empty panes are not there at all.
// Storage sees a map: a commit carries only the panes that changed.
//
// Hot: a record touches the newest pane as a rule, so panes stand in ascending order and are searched from the end.
import type { Namespace } from "../core/address.ts";
import { decodeKey, encodeKey } from "../core/key-group.ts";
import type { StateShape } from "../core/ports/state-backend.ts";
import { Cell, CellState } from "./cell-state.ts";
import type { WriteSet } from "./write-set.ts";

/** One pane, as those who close windows see it. */
export interface Pane<T> {
  readonly start: number;
  /** Not to be changed. */
  readonly value: T;
}

class HeldPane {
  readonly start: number;
  value: unknown;
  /** Last epoch that changed it. */
  epoch: number;
  /** Storage, or a rollback, has the same object. */
  shared: boolean;

  constructor(start: number, value: unknown, epoch: number, shared: boolean) {
    this.start = start;
    this.value = value;
    this.epoch = epoch;
    this.shared = shared;
  }
}

export class PaneCell extends Cell {
  /** By their start, ascending. */
  panes: HeldPane[] = [];
  /** The last of them, which is that of most records: at hand without a look into the array. */
  newest: HeldPane | undefined = undefined;
  /** Starts of panes that storage has and the cell has not, since the last collect. */
  dropped: number[] | undefined = undefined;

  hold(panes: HeldPane[]): void {
    this.panes = panes;
    this.newest = panes.at(-1);
  }
}

export class PaneCells<T> extends CellState<PaneCell> {
  readonly shape: StateShape = "map";
  /** Of the current pane: handed over once per pane, because a number per record would be an object per record. */
  #start = Number.NaN;

  /** Later reads and writes are of the pane with this start. */
  standOn(start: number): void {
    this.#start = start;
  }

  /** The value of the current pane, not to be changed; undefined when there is none. */
  peek(): T | undefined {
    const cell = this.cell ?? this.locate();
    if (cell === undefined) return undefined;
    const { newest } = cell;
    if (newest !== undefined && newest.start === this.#start) return newest.value as T;
    return find(cell.panes, this.#start)?.value as T | undefined;
  }

  /** As {@link peek}, but it may be changed in place; {@link set} makes the change durable. */
  get(): T | undefined {
    const start = this.#start;
    const cell = this.cell ?? this.locate();
    if (cell === undefined) return undefined;
    let pane = find(cell.panes, start);
    if (pane === undefined || typeof pane.value !== "object" || pane.value === null)
      return pane?.value as T | undefined;
    if (this.#remember(cell)) pane = find(cell.panes, start) as HeldPane;
    if (pane.shared) {
      pane.value = this.copy(pane.value);
      pane.shared = false;
    }
    return pane.value as T;
  }

  set(value: T): void {
    this.checkSample(value);
    const { cell, scope } = this;
    // Short enough to be inlined: the newest pane, which this epoch has written before.
    const newest = cell?.newest;
    if (
      newest !== undefined &&
      newest.start === this.#start &&
      newest.epoch === scope.epoch &&
      scope.journal === undefined
    )
      newest.value = value;
    else this.#write(cell ?? this.locateOrCreate(), value);
  }

  #write(cell: PaneCell, value: T): void {
    const start = this.#start;
    const { epoch } = this.scope;
    this.#remember(cell);
    let pane = find(cell.panes, start);
    if (pane === undefined) {
      pane = new HeldPane(start, value, 0, false);
      insert(cell.panes, pane);
      cell.newest = cell.panes.at(-1);
    }
    pane.value = value;
    pane.shared = false;
    if (pane.epoch !== epoch) {
      pane.epoch = epoch;
      this.parts++;
    }
    if (cell.dirtyEpoch !== epoch) this.markDirty(cell);
  }

  /** Drops the panes whose start is below `start`: those at the front. */
  dropBelow(start: number): void {
    const cell = this.cell ?? this.locate();
    if (cell === undefined || !((cell.panes[0]?.start as number) < start)) return;
    this.#remember(cell);
    const { panes } = cell;
    let count = 0;
    for (; count < panes.length; count++) {
      const pane = panes[count] as HeldPane;
      if (pane.start >= start) break;
      // As a rule it is one pane per epoch: an array that is to grow would have room for many.
      if (cell.dropped === undefined) cell.dropped = [pane.start];
      else cell.dropped.push(pane.start);
    }
    if (count === 1) panes.shift();
    else panes.splice(0, count);
    if (panes.length === 0) cell.newest = undefined;
    this.parts += count;
    if (cell.dirtyEpoch !== this.scope.epoch) this.markDirty(cell);
  }

  /** The panes of the current key, in the order of time; valid until the next write. */
  panes(): readonly Pane<T>[] {
    return ((this.cell ?? this.locate())?.panes ?? NO_PANES) as readonly Pane<T>[];
  }

  /** @returns whether the record at hand touches the cell for the first time: objects in it belong to the past */
  #remember(cell: PaneCell): boolean {
    const { journal } = this.scope;
    if (journal === undefined || !journal.touches(cell)) return false;
    const { panes, dropped, dirtyEpoch } = cell;
    // The record gets panes of its own; the old ones come back with a rollback.
    cell.hold(panes.map(({ start, value, epoch }) => new HeldPane(start, value, epoch, true)));
    cell.dropped = dropped && [...dropped];
    journal.add({
      undo() {
        cell.hold(panes);
        cell.dropped = dropped;
        cell.dirtyEpoch = dirtyEpoch;
      },
    });
    return true;
  }

  protected createCell(key: unknown, namespace: Namespace): PaneCell {
    return new PaneCell(key, namespace);
  }

  protected isAbsent(cell: PaneCell): boolean {
    return cell.panes.length === 0;
  }

  protected weigh(cell: PaneCell): number {
    return 1 + cell.panes.length;
  }

  protected fill(cell: PaneCell, result: unknown): void {
    if (result === undefined) return;
    const panes: HeldPane[] = [];
    for (const [text, value] of result as ReadonlyMap<string, unknown>)
      panes.push(new HeldPane(decodeKey(text) as number, value, 0, this.scope.sharesValues));
    cell.hold(panes.sort((a, b) => a.start - b.start));
  }

  protected rewrite(cell: PaneCell): void {
    for (const pane of cell.panes) pane.epoch = this.scope.epoch;
    this.parts += cell.panes.length;
  }

  protected write(cell: PaneCell, into: WriteSet): void {
    const entries = new Map<string, unknown>();
    if (cell.dropped !== undefined)
      for (const start of cell.dropped) entries.set(encodeKey(start), undefined);
    cell.dropped = undefined;
    for (const pane of cell.panes) {
      if (pane.epoch !== cell.dirtyEpoch) continue;
      entries.set(encodeKey(pane.start), pane.value);
      pane.shared = this.scope.sharesValues;
    }
    into.group(cell.keyGroup).maps.push({
      state: this.name,
      codec: this.codec,
      field: cell.field as string,
      clear: false,
      entries,
    });
  }
}

const NO_PANES: readonly never[] = Object.freeze([]);

/** From the end: records are mostly of the newest pane. */
function find(panes: readonly HeldPane[], start: number): HeldPane | undefined {
  for (let at = panes.length - 1; at >= 0; at--) {
    const pane = panes[at] as HeldPane;
    if (pane.start === start) return pane;
    if (pane.start < start) return undefined;
  }
  return undefined;
}

/** As splice, which makes an array of what it takes out. */
function insert(panes: HeldPane[], pane: HeldPane): void {
  let at = panes.push(pane) - 1;
  for (; at > 0 && (panes[at - 1] as HeldPane).start > pane.start; at--)
    panes[at] = panes[at - 1] as HeldPane;
  panes[at] = pane;
}
