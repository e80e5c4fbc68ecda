// createState — from a descriptor to cells and the handle that user code gets, with a time to live around it or without.
import type { Codec } from "../core/codec.ts";
import { AggregatingOverValue } from "./aggregating-state.ts";
import type { Cell, CellState } from "./cell-state.ts";
import { copyValue } from "./codec-calls.ts";
import type { AggregatingDescriptor, StateDescriptor, Ttl } from "./descriptors.ts";
import {
  type ArmCleanup,
  type Expiring,
  ExpiringList,
  ExpiringMap,
  ExpiringValue,
  expiringCodec,
  Lifetime,
  type Stamped,
} from "./expiring.ts";
import type { KeyScope } from "./key-scope.ts";
import { ListCells } from "./list-state.ts";
import { MapCells } from "./map-state.ts";
import { storesPlainData } from "./migrations.ts";
import { ReducingOverValue, ValueCells, type ValueState } from "./value-state.ts";

/** What a value state may hold; handles have the types of their descriptors. */
type Stored = NonNullable<unknown>;

export interface CreatedState {
  readonly cells: CellState<Cell>;
  /** What user code gets. */
  readonly handle: unknown;
  /** What cleanup timers talk to; undefined without a time to live. */
  readonly expiring: Expiring | undefined;
}

/** @param startsEmpty nothing is stored for this state */
export function createState(
  scope: KeyScope,
  name: string,
  descriptor: StateDescriptor,
  startsEmpty: boolean,
  armCleanup: ArmCleanup,
): CreatedState {
  const { ttl } = descriptor;
  return ttl === undefined
    ? createPlain(scope, name, descriptor, startsEmpty)
    : createExpiring(scope, name, descriptor, startsEmpty, ttl, armCleanup);
}

function createPlain(
  scope: KeyScope,
  name: string,
  descriptor: StateDescriptor,
  startsEmpty: boolean,
): CreatedState {
  const codec = descriptor.codec as Codec<unknown>;
  switch (descriptor.kind) {
    case "value": {
      const cells = new ValueCells<unknown, unknown>(scope, name, codec, startsEmpty, descriptor.default);
      return created(cells, cells);
    }
    case "reducing": {
      const cells = new ValueCells<Stored>(scope, name, codec, startsEmpty, undefined);
      return created(cells, new ReducingOverValue(scope.operator, cells, descriptor.reduce));
    }
    case "aggregating": {
      const cells = new ValueCells<Stored>(scope, name, codec, startsEmpty, undefined);
      return created(cells, aggregatingOver(scope, name, cells, descriptor));
    }
    case "list": {
      const cells = new ListCells<unknown>(scope, name, codec, startsEmpty);
      return created(cells, cells);
    }
    case "map": {
      const cells = new MapCells<unknown, unknown>(scope, name, codec, startsEmpty);
      return created(cells, cells);
    }
  }
}

function createExpiring(
  scope: KeyScope,
  name: string,
  descriptor: StateDescriptor,
  startsEmpty: boolean,
  ttl: Ttl,
  armCleanup: ArmCleanup,
): CreatedState {
  const codec = descriptor.codec as Codec<unknown>;
  if (ttl.time === "event") scope.tracksEventTime = true;
  const lifetime = new Lifetime(scope, name, ttl, armCleanup);
  const stamped = expiringCodec(codec, ttl.time);
  // A codec of the user refuses by itself what it cannot encode; also when the expiry codec is around it.
  const checked = storesPlainData(codec);
  switch (descriptor.kind) {
    case "value": {
      const cells = new ValueCells<Stamped<unknown>>(scope, name, stamped, startsEmpty, undefined, checked);
      const copyAbsent = (): unknown => copyValue(codec, descriptor.default, scope, name);
      const value = new ExpiringValue<unknown, unknown>(cells, lifetime, descriptor.default, copyAbsent);
      return created(cells, value, value);
    }
    case "reducing":
    case "aggregating": {
      const cells = new ValueCells<Stamped<Stored>>(scope, name, stamped, startsEmpty, undefined, checked);
      const value = new ExpiringValue<Stored>(cells, lifetime, undefined, () => undefined);
      const handle =
        descriptor.kind === "reducing"
          ? new ReducingOverValue(scope.operator, value, descriptor.reduce)
          : aggregatingOver(scope, name, value, descriptor);
      return created(cells, handle, value);
    }
    case "list": {
      const cells = new ListCells<Stamped<unknown>>(scope, name, stamped, startsEmpty, checked);
      const list = new ExpiringList(cells, lifetime);
      return created(cells, list, list);
    }
    case "map": {
      const cells = new MapCells<unknown, Stamped<unknown>>(scope, name, stamped, startsEmpty, checked);
      const map = new ExpiringMap(cells, lifetime);
      return created(cells, map, map);
    }
  }
}

function aggregatingOver(
  scope: KeyScope,
  name: string,
  value: ValueState<Stored>,
  { aggregate, codec }: AggregatingDescriptor<unknown, Stored, unknown>,
): AggregatingOverValue<unknown, Stored, unknown> {
  const copy = (accumulator: Stored): Stored =>
    copyValue(codec as Codec<unknown>, accumulator, scope, name) as Stored;
  return new AggregatingOverValue(scope.operator, value, aggregate, copy);
}

/** Keyed state handles the cells of all shapes alike. */
function created(cells: unknown, handle: unknown, expiring?: Expiring): CreatedState {
  return { cells: cells as CellState<Cell>, handle, expiring };
}
