// HarnessSnapshot — everything that operators keep, as plain data: what their codecs wrote, and timers.
import type { EmbeddedStore } from "../core/embedded-store.ts";
import { KEY_GROUPS } from "../core/key-group.ts";
import { restoreWatermark, type SavedWatermark, saveWatermark } from "../time/watermarks.ts";
import { HarnessSnapshotError } from "./errors.ts";
import type { HarnessTime } from "./harness-attempt.ts";

/** Can be kept as JSON, and restored by a later version of the operator. */
export interface HarnessSnapshot {
  readonly format: 1;
  /** Processing time in epoch ms. */
  readonly nowMs: number;
  /** Of each input. */
  readonly watermarks: readonly SavedWatermark[];
  /** Of each edge to the stage behind the key: other ones where timestamps are assigned on the way. */
  readonly edgeWatermarks: readonly SavedWatermark[];
  readonly groups: readonly SnapshotGroup[];
}

/** State and timers of one operator in one key group. Values are versioned bytes in base64, addresses are encoded keys. */
export interface SnapshotGroup {
  readonly operator: string;
  readonly keyGroup: number;
  readonly scalars: Readonly<Record<string, readonly (readonly [address: string, value: string])[]>>;
  readonly maps: Readonly<
    Record<
      string,
      readonly (readonly [address: string, entries: readonly (readonly [entry: string, value: string])[]])[]
    >
  >;
  readonly lists: Readonly<
    Record<string, readonly (readonly [address: string, values: readonly string[]])[]>
  >;
  readonly timers: readonly (readonly [member: string, time: SavedWatermark])[];
}

/** How much is stored. */
export interface StateSize {
  /** Values, entries of maps and elements of lists. */
  readonly entries: number;
  /** Timers that have not fired, those of the engine (which remove expired state) included. */
  readonly timers: number;
}

export function saveTime({
  inputs,
  edges,
}: HarnessTime): Pick<HarnessSnapshot, "watermarks" | "edgeWatermarks"> {
  return { watermarks: inputs.map(saveWatermark), edgeWatermarks: edges.map(saveWatermark) };
}

/**
 * @param start of the harness that is restored: as many inputs and edges
 * @throws {HarnessSnapshotError}
 */
export function restoreTime(snapshot: HarnessSnapshot, start: HarnessTime): HarnessTime {
  const check = (what: string, saved: readonly unknown[], wanted: readonly unknown[]): void => {
    if (saved.length !== wanted.length)
      throw new HarnessSnapshotError(
        `it was taken of ${saved.length} ${what}, but there are ${wanted.length}`,
      );
  };
  const { watermarks, edgeWatermarks, nowMs } = snapshot;
  check("inputs", watermarks, start.inputs);
  check("edges", edgeWatermarks, start.edges);
  return {
    inputs: watermarks.map(restoreWatermark),
    edges: edgeWatermarks.map(restoreWatermark),
    seenMs: nowMs,
  };
}

export function sizeOf(groups: readonly SnapshotGroup[]): StateSize {
  let entries = 0;
  let timers = 0;
  for (const group of groups) {
    timers += group.timers.length;
    for (const values of Object.values(group.scalars)) entries += values.length;
    for (const parts of [group.maps, group.lists])
      for (const values of Object.values(parts)) for (const [, inner] of values) entries += inner.length;
  }
  return { entries, timers };
}

/** @param operators whose state is saved */
export function saveGroups(store: EmbeddedStore, operators: readonly string[]): SnapshotGroup[] {
  const groups: SnapshotGroup[] = [];
  for (const operator of operators)
    for (let keyGroup = 0; keyGroup < KEY_GROUPS; keyGroup++) {
      const group = store.findKeyGroup(operator, keyGroup);
      if (group === undefined) continue;
      const { scalars, maps, lists, timers } = group;
      const saved: SnapshotGroup = {
        operator,
        keyGroup,
        scalars: saveStates(scalars, toText),
        maps: saveStates(maps, (entries) =>
          Array.from(entries, ([entry, value]) => [entry, toText(value)] as const),
        ),
        lists: saveStates(lists, (values) => values.map(toText)),
        timers: Array.from(timers, ([member, time]) => [
          member,
          time === Number.POSITIVE_INFINITY ? "end" : time,
        ]),
      };
      const parts = [saved.scalars, saved.maps, saved.lists, saved.timers];
      if (parts.some((part) => Object.keys(part).length > 0)) groups.push(saved);
    }
  return groups;
}

/**
 * @param operators those that may be restored
 * @throws {HarnessSnapshotError}
 */
export function restoreGroups(
  store: EmbeddedStore,
  operators: readonly string[],
  snapshot: HarnessSnapshot,
): void {
  if (snapshot?.format !== 1) throw new HarnessSnapshotError("this is no snapshot of a harness");
  for (const { operator, keyGroup, scalars, maps, lists, timers } of snapshot.groups) {
    if (!operators.includes(operator))
      throw new HarnessSnapshotError(
        `it holds state of "${operator}", but the operators with state are ${operators.map((name) => `"${name}"`).join(", ") || "none"}`,
      );
    const group = store.keyGroup(operator, keyGroup);
    restoreStates(group.scalars, scalars, toBytes);
    restoreStates(
      group.maps,
      maps,
      (entries) => new Map(entries.map(([entry, value]) => [entry, toBytes(value)])),
    );
    restoreStates(group.lists, lists, (values) => values.map(toBytes));
    for (const [member, time] of timers)
      group.timers.set(member, typeof time === "number" ? time : Number.POSITIVE_INFINITY);
  }
}

function saveStates<V, S>(
  states: ReadonlyMap<string, ReadonlyMap<string, V>>,
  save: (value: V) => S,
): Record<string, [string, S][]> {
  return Object.fromEntries(
    Array.from(states)
      .filter(([, values]) => values.size > 0)
      .map(([state, values]) => [
        state,
        Array.from(values, ([address, value]): [string, S] => [address, save(value)]),
      ]),
  );
}

function restoreStates<V, S>(
  states: Map<string, Map<string, V>>,
  saved: Readonly<Record<string, readonly (readonly [string, S])[]>>,
  restore: (value: S) => V,
): void {
  for (const [state, values] of Object.entries(saved))
    states.set(state, new Map(values.map(([address, value]) => [address, restore(value)])));
}

function toText(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString("base64");
}

function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "base64"));
}
