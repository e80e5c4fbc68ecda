// Joins — from the calls `intervalJoin`, `temporalJoin`, `join` and `joinLatest` to their operators.
//
// Owns:      the options of joins, their checks, and the types of what a join function is given.
// Does not:  join: src/operators/joins does.
import { checkOptions, InvalidOptionError } from "../core/options.ts";
import type { Change } from "../operators/change.ts";
import { countersOf } from "../operators/joins/expiring-table-join.ts";
import { intervalJoinOperator, type JoinKind } from "../operators/joins/interval-join.ts";
import type { AnyJoinFunction } from "../operators/joins/join-context.ts";
import { LONGEST_BOUND_MS } from "../operators/joins/join-time.ts";
import { latestJoinOperator } from "../operators/joins/latest-join.ts";
import { tableJoinOperator } from "../operators/joins/table-join.ts";
import { emitsChanges, type TableJoinKind, type TableTtl } from "../operators/joins/table-join-base.ts";
import { temporalJoinOperator } from "../operators/joins/temporal-join.ts";
import { map, stateLayout, value } from "../state/descriptors.ts";
import { type Duration, durationText, parseDuration } from "../time/duration.ts";
import { type LateStream, withLate } from "./late-stream.ts";
import { quote } from "./nodes/logical-node.ts";
import type { OperatorStream } from "./stream.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { addTwoInputOperator, checked, checkFunction, keyDecoderOf, type TwoInputs } from "./two-inputs.ts";

/** What a stream's records are about: a stream of changes is about rows. */
export type RowOf<T> = T extends Change<infer Row> ? Row : T;

/** The left row as a join of this kind gives it: undefined where right rows are emitted alone. */
export type LeftOf<L, Kind> = Kind extends "right" | "full" ? L | undefined : L;
export type RightOf<R, Kind> = Kind extends "left" | "full" ? R | undefined : R;

/** The right row as `join` gives it: semi and anti joins are about left rows alone. */
export type TableRightOf<R, Kind> = Kind extends "semi" | "anti" ? undefined : RightOf<R, Kind>;

/** Options of `KeyedStream.intervalJoin`. */
export interface IntervalJoinOptions<Kind extends JoinKind> {
  /** How much later than a left record its right partner is at least; negative: how much earlier at most. */
  readonly lower: Duration;
  /** How much later than a left record its right partner is at most. */
  readonly upper: Duration;
  /** Whose records are emitted without a partner, too: `"left"`, `"right"`, `"full"` for both. Default `"inner"`. */
  readonly kind?: Kind | undefined;
  /** A partner exactly at `lower` is none. Default false. */
  readonly lowerExclusive?: boolean | undefined;
  readonly upperExclusive?: boolean | undefined;
}

/** Options of `KeyedStream.temporalJoin` and `KeyedStream.joinLatest`. */
export interface VersionJoinOptions<Kind extends "inner" | "left"> {
  /** `"left"`: records for which there is no row are emitted, too. Default `"inner"`. */
  readonly kind?: Kind | undefined;
}

/** How long a row of a join of tables meets others. */
export interface JoinTtlOptions {
  /** Two rows meet when they came less than so long apart; then a row is forgotten, and its results stay. */
  readonly after: Duration;
  /** `"event"`: a row came at its event time, or at the watermark when that is later. Default `"processing"`. */
  readonly time?: "processing" | "event" | undefined;
}

interface JoinTtl {
  /** Default: rows are kept until they are taken away. */
  readonly ttl?: Duration | JoinTtlOptions | undefined;
}

/** Options of `KeyedStream.join`. */
export interface TableJoinOptions<L, R, Kind extends TableJoinKind> extends JoinTtl {
  /**
   * Whose rows are emitted without a partner, too; or `"semi"`, left rows that have a partner; or `"anti"`, left rows
   * that have none. Default `"inner"`.
   */
  readonly kind?: Kind | undefined;
  /**
   * Identifies a left row among those with the same key: a row replaces the earlier one that has the same. Needed when
   * the left stream brings changes. Default: every record is a row of its own.
   */
  readonly leftKey?: ((row: RowOf<L>) => unknown) | undefined;
  readonly rightKey?: ((row: RowOf<R>) => unknown) | undefined;
}

/** Options of a join whose results are never taken back. */
export interface AppendJoinOptions<Kind extends "inner" | "semi"> extends JoinTtl {
  readonly kind?: Kind | undefined;
  readonly leftKey?: undefined;
  readonly rightKey?: undefined;
}

/** Changes are about rows, which a primary key must tell apart. */
export type KeysForChanges<L, R> = ([L] extends [Change<unknown>]
  ? { readonly leftKey: (row: RowOf<L>) => unknown }
  : unknown) &
  ([R] extends [Change<unknown>] ? { readonly rightKey: (row: RowOf<R>) => unknown } : unknown);

export function addIntervalJoin<O, Late>(
  inputs: TwoInputs,
  name: string,
  given: IntervalJoinOptions<JoinKind>,
  join: AnyJoinFunction<O>,
  options: OperatorOptions | undefined,
): LateStream<O, Late> {
  const { recorder } = inputs;
  const owner = `intervalJoin ${quote(name)}`;
  checkFunction(recorder, owner, "its function", join, "(left, right) => ({ ...left, ...right })");
  const { kind, lowerMs, upperMs } = checked(
    recorder,
    owner,
    { kind: "inner" as JoinKind, lowerMs: 0, upperMs: 0 },
    () => readInterval(owner, given),
  );
  const label = `${kind} interval join from ${durationText(lowerMs)} to ${durationText(upperMs)}`;
  const layout = stateLayout({ left: map(), right: map() });
  const create = intervalJoinOperator({ kind, lowerMs, upperMs, join, decodeKey: keyDecoderOf(inputs.node) });
  const spec = { what: "intervalJoin", label, create, layout, waitsForEventTime: true };
  return withLate(addTwoInputOperator<O>(inputs, name, spec, options));
}

/** Bounds in whole milliseconds, both inclusive. */
function readInterval(
  owner: string,
  given: IntervalJoinOptions<JoinKind>,
): { kind: JoinKind; lowerMs: number; upperMs: number } {
  checkOptions(owner, given, ["lower", "upper", "kind", "lowerExclusive", "upperExclusive"]);
  const { lower, upper, kind = "inner", lowerExclusive = false, upperExclusive = false } = given;
  checkKind(owner, kind, ["inner", "left", "right", "full"]);
  checkFlag(owner, "lowerExclusive", lowerExclusive);
  checkFlag(owner, "upperExclusive", upperExclusive);
  const lowerMs = readBound(owner, "lower", lower) + (lowerExclusive ? 1 : 0);
  const upperMs = readBound(owner, "upper", upper) - (upperExclusive ? 1 : 0);
  if (lowerMs > upperMs)
    throw new InvalidOptionError(
      owner,
      "upper",
      upper,
      "a bound that leaves a time at or after the lower one",
    );
  return { kind, lowerMs, upperMs };
}

function readBound(owner: string, option: "lower" | "upper", bound: Duration): number {
  const boundMs = parseDuration(bound, `${owner}: option "${option}"`, "any");
  if (Math.abs(boundMs) > LONGEST_BOUND_MS)
    throw new InvalidOptionError(
      owner,
      option,
      bound,
      "a bound of less than 35,000 years; where any two rows meet, use join instead",
    );
  return boundMs;
}

export function addTemporalJoin<O, Late>(
  inputs: TwoInputs,
  name: string,
  given: VersionJoinOptions<"inner" | "left"> | undefined,
  join: AnyJoinFunction<O>,
  options: OperatorOptions | undefined,
): LateStream<O, Late> {
  const { recorder } = inputs;
  const owner = `temporalJoin ${quote(name)}`;
  checkFunction(recorder, owner, "its function", join, "(fact, version) => ({ ...fact, ...version })");
  const kind = checked(recorder, owner, "inner" as const, () => readVersionKind(owner, given));
  const layout = stateLayout({ facts: map(), versions: map(), valid: value() });
  const create = temporalJoinOperator({ kind, join, decodeKey: keyDecoderOf(inputs.node) });
  const spec = {
    what: "temporalJoin",
    label: `${kind} temporal join`,
    create,
    layout,
    waitsForEventTime: true,
  };
  return withLate(addTwoInputOperator<O>(inputs, name, spec, options));
}

export function addLatestJoin<O>(
  inputs: TwoInputs,
  name: string,
  given: VersionJoinOptions<"inner" | "left"> | undefined,
  join: AnyJoinFunction<O>,
  options: OperatorOptions | undefined,
): OperatorStream<O> {
  const { recorder } = inputs;
  const owner = `joinLatest ${quote(name)}`;
  checkFunction(recorder, owner, "its function", join, "(record, row) => ({ ...record, ...row })");
  const kind = checked(recorder, owner, "inner" as const, () => readVersionKind(owner, given));
  const layout = stateLayout({ latest: value() });
  const create = latestJoinOperator({ kind, join, decodeKey: keyDecoderOf(inputs.node) });
  const spec = {
    what: "joinLatest",
    label: `${kind} join with the latest row`,
    create,
    layout,
    waitsForEventTime: false,
  };
  return addTwoInputOperator<O>(inputs, name, spec, options);
}

function readVersionKind(
  owner: string,
  given: VersionJoinOptions<"inner" | "left"> | undefined,
): "inner" | "left" {
  checkOptions(owner, given, ["kind"]);
  return checkKind(owner, given?.kind ?? "inner", ["inner", "left"]);
}

export function addTableJoin<O>(
  inputs: TwoInputs,
  name: string,
  given: object,
  join: AnyJoinFunction,
  options: OperatorOptions | undefined,
): OperatorStream<O> {
  const { recorder } = inputs;
  const owner = `join ${quote(name)}`;
  checkFunction(recorder, owner, "its function", join, "(left, right) => ({ ...left, ...right })");
  const definition = checked(
    recorder,
    owner,
    { kind: "inner" as TableJoinKind, leftKey: undefined, rightKey: undefined, ttl: undefined },
    () => {
      // What the keys are given was checked where the user called.
      const options = given as TableJoinOptions<never, never, TableJoinKind>;
      checkOptions(owner, options, ["kind", "leftKey", "rightKey", "ttl"]);
      const { kind = "inner", leftKey, rightKey, ttl } = options;
      checkKind(owner, kind, ["inner", "left", "right", "full", "semi", "anti"]);
      return { kind, leftKey, rightKey, ttl: readJoinTtl(owner, ttl) };
    },
  );
  const { kind, leftKey, rightKey, ttl } = definition;
  for (const [option, keyOf] of Object.entries({ leftKey, rightKey }))
    if (keyOf !== undefined) checkFunction(recorder, owner, `option "${option}"`, keyOf, "(row) => row.id");
  const keyed = [leftKey && "left", rightKey && "right"].filter((side) => side !== undefined);
  const rows = keyed.length === 0 ? "" : `, ${keyed.join(" and ")} rows by key`;
  const output = emitsChanges(definition) ? ", emits changes" : "";
  const limit = ttl === undefined ? "" : `, for a limited ${ttl.time} time`;
  const layout = stateLayout({ left: map(), right: map(), ...(ttl && countersOf(definition)) });
  const create = tableJoinOperator({ ...definition, join, decodeKey: keyDecoderOf(inputs.node) });
  const spec = {
    what: "join",
    label: `${kind} join${rows}${limit}${output}`,
    create,
    layout,
    // Without event time nothing would ever expire.
    waitsForEventTime: ttl?.time === "event",
  };
  return addTwoInputOperator<O>(inputs, name, spec, options);
}

function readJoinTtl(owner: string, ttl: Duration | JoinTtlOptions | undefined): TableTtl | undefined {
  if (ttl === undefined) return undefined;
  const options = typeof ttl === "object" && ttl !== null ? ttl : { after: ttl };
  checkOptions(`${owner}, ttl`, options, ["after", "time"]);
  const { after, time = "processing" } = options;
  if (time !== "processing" && time !== "event")
    throw new InvalidOptionError(`${owner}, ttl`, "time", time, '"processing" or "event"');
  return { ttlMs: parseDuration(after, `${owner}: option "ttl"`, "positive"), time };
}

/** @throws {InvalidOptionError} when the kind is none of those that the join has */
export function checkKind<Kind extends string>(owner: string, kind: Kind, kinds: readonly Kind[]): Kind {
  if (kinds.includes(kind)) return kind;
  const names = kinds.map((each) => `"${each}"`);
  throw new InvalidOptionError(owner, "kind", kind, `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`);
}

function checkFlag(owner: string, option: string, flag: unknown): void {
  if (typeof flag !== "boolean") throw new InvalidOptionError(owner, option, flag, "true or false");
}
