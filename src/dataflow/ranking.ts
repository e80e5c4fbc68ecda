// Ranking — from the calls `topN`, `deduplicate`, `aggregateChanges` and `materialize` to their operators.
//
// Owns:      the options, their checks, and the types of what comes out.
// Does not:  rank: src/operators/ranking does.
import { checkOptions, checkWholeNumber, InvalidOptionError } from "../core/options.ts";
import type { Ordered } from "../operators/aggregates.ts";
import type { Change } from "../operators/change.ts";
import { aggregateChangesOperator } from "../operators/ranking/aggregate-changes.ts";
import { deduplicateOperator } from "../operators/ranking/deduplicate.ts";
import { firstRecordOperator, seenDescriptor } from "../operators/ranking/first-record.ts";
import { materializeOperator } from "../operators/ranking/materialize.ts";
import { findUnretractable, retractableStates } from "../operators/ranking/retractable.ts";
import type { Direction } from "../operators/ranking/row-order.ts";
import { type Numbering, topNOperator } from "../operators/ranking/top-n.ts";
import { map, stateLayout, value } from "../state/descriptors.ts";
import { type Duration, durationText, parseDuration } from "../time/duration.ts";
import type { AnyAggregate, ReadyOperatorSpec } from "./keyed-operator-spec.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { quote } from "./nodes/logical-node.ts";
import { checkAggregate, checkChoice, checkSelector, type Problems, problemsOf } from "./spec-problems.ts";
import { keyDecoderOf } from "./two-inputs.ts";

// topN

/** Options of `KeyedStream.topN`. */
export interface TopNOptions<T> {
  /** What rows are ranked by; of several values each decides where those before it are equal. */
  readonly by: (row: T) => Ordered | readonly Ordered[];
  /** Whether the largest or the smallest stands first; an array says it for each value of `by`. Default `"desc"`. */
  readonly order?: Direction | readonly Direction[] | undefined;
  /** Which of two rows with equal values stands first: the one that came first, or last. Default `"first"`. */
  readonly ties?: "first" | "last" | undefined;
  /**
   * How rows are numbered: `"rowNumber"` 1, 2, 3, 4; with equal values in the middle `"rank"` 1, 2, 2, 4 and
   * `"denseRank"` 1, 2, 2, 3, which let more than n rows in. Default `"rowNumber"`.
   */
  readonly numbering?: Numbering | undefined;
  /** Rows carry their number, `{ rank, record }`; without it only rows that enter or leave are emitted. Default true. */
  readonly rankColumn?: boolean | undefined;
}

export function topNSpec(n: number, given: TopNOptions<never>): ReadyOperatorSpec {
  const options = optionsOf(given);
  const { by, ties = "first", numbering = "rowNumber", rankColumn = true } = options;
  const directions = typeof options.order === "object" ? options.order : [options.order ?? "desc"];
  const number = rankColumn ? "" : ", without number";
  return {
    kind: "ready",
    what: "topN",
    label: `top ${n} by ${numbering} ${directions}, ties ${ties}${number}`,
    create: topNOperator({ n, by, directions, ties, numbering, rankColumn }),
    layout: stateLayout({ rows: map() }),
    waitsForEventTime: false,
    resultsHaveKey: false,
    problems: problemsOf("topN", (owner) => [
      () => checkOptions(owner, given, ["by", "order", "ties", "numbering", "rankColumn"]),
      () => {
        if (n === undefined) throw new InvalidOptionError(owner, "n", n, "a whole number of at least 1");
        checkWholeNumber(owner, "n", n, 1);
      },
      () => checkSelector(owner, "by", by),
      () => checkDirections(owner, directions),
      () => checkChoice(owner, "ties", ties, ["first", "last"]),
      () => checkChoice(owner, "numbering", numbering, ["rowNumber", "rank", "denseRank"]),
      () => checkChoice(owner, "rankColumn", rankColumn, [true, false]),
    ]),
  };
}

function checkDirections(owner: string, directions: unknown): void {
  if (!Array.isArray(directions) || directions.length === 0)
    throw new InvalidOptionError(owner, "order", directions, '"asc", "desc" or an array of these');
  for (const direction of directions) checkChoice(owner, "order", direction, ["asc", "desc"]);
}

// deduplicate

interface DeduplicateBase {
  /** Whether first and last are meant by event time or by arrival, which also decides between equal times. Default `"eventTime"`. */
  readonly by?: "eventTime" | "arrival" | undefined;
}

/** `KeyedStream.deduplicate`, each key once and never taken back: at once or, by event time, when the watermark reaches it. */
export interface FirstRecordOptions extends DeduplicateBase {
  readonly keep: "first";
  /** Default `"append"`. */
  readonly emit?: "append" | undefined;
  /**
   * How long a key is remembered after its record was emitted, in processing time; later it begins anew. Default: for ever.
   */
  readonly ttl?: Duration | undefined;
}

/** `KeyedStream.deduplicate`, the last record of each key when the input ends. */
export interface LastRecordOptions extends DeduplicateBase {
  readonly keep: "last";
  readonly emit: "append";
}

/** `KeyedStream.deduplicate`, a change whenever the first or last record of a key is another one. */
export type DeduplicateUpdatesOptions = DeduplicateBase &
  (
    | { readonly keep: "first"; readonly emit: "updates" }
    | {
        readonly keep: "last";
        /** Default `"updates"`. */
        readonly emit?: "updates" | undefined;
      }
  );

/** Options of `KeyedStream.deduplicate`. */
export type DeduplicateOptions = FirstRecordOptions | LastRecordOptions | DeduplicateUpdatesOptions;

/** What the editor shows when changes come to a first record that is never taken back. */
export type DeclareUpdates = 'this stream brings changes: add emit: "updates" to the options';

/** First records are records as they are; a stream of changes has none. */
export type FirstOf<T> = T extends Change<unknown> ? DeclareUpdates : T;

export function deduplicateSpec(given: DeduplicateOptions): ReadyOperatorSpec {
  const options = optionsOf(given);
  const { keep, by = "eventTime" } = options;
  const ttl = "ttl" in options ? options.ttl : undefined;
  const emit = options.emit ?? (keep === "first" ? "append" : "updates");
  const remembers = keep === "first" && emit === "append";
  const problems = problemsOf("deduplicate", (owner) => [
    () => checkOptions<FirstRecordOptions>(owner, given as FirstRecordOptions, ["keep", "by", "emit", "ttl"]),
    () => checkChoice(owner, "keep", keep, ["first", "last"]),
    () => checkChoice(owner, "by", by, ["eventTime", "arrival"]),
    () => checkChoice(owner, "emit", emit, ["append", "updates"]),
    () => {
      if (ttl === undefined) return;
      parseDuration(ttl, `${owner}: option "ttl"`, "positive");
      if (!remembers)
        throw new InvalidOptionError(
          owner,
          "ttl",
          ttl,
          'it only together with keep: "first" and emit: "append"; a row that was forgotten could not be taken back',
        );
    },
  ]);
  // A wrong time to live is named above; no operator is made of it.
  const lifetime = problems.length === 0 ? ttl : undefined;
  return {
    kind: "ready",
    what: "deduplicate",
    label: `${keep} record by ${by === "eventTime" ? "event time" : "arrival"}, emits ${emit === "append" ? "it once" : "changes"}`,
    create: remembers
      ? firstRecordOperator({ by, ttl: lifetime })
      : deduplicateOperator({ keep, by, atEnd: emit === "append" }),
    layout: stateLayout(
      remembers
        ? { seen: seenDescriptor(lifetime), ...(by === "eventTime" && { waiting: value() }) }
        : { rows: map() },
    ),
    waitsForEventTime: remembers && by === "eventTime",
    resultsHaveKey: false,
    problems,
  };
}

// aggregateChanges

export function aggregateChangesSpec(aggregate: AnyAggregate, node: KeyByNode): ReadyOperatorSpec {
  const problems: Problems = problemsOf("aggregateChanges", () => [() => checkAggregate(aggregate)]);
  const part = problems.length === 0 ? findUnretractable(aggregate) : undefined;
  const unretractable: Problems =
    part === undefined
      ? []
      : [
          {
            code: "INVALID_AGGREGATE",
            text:
              `is given an aggregate ${part === "" ? "" : `whose part ${quote(part)} is one `}that cannot take records back; give one such as count(), sum(...), mean(...), ` +
              "min(...) or max(...), or add retract(accumulator, record) to it",
          },
        ];
  const isUsable = problems.length === 0 && part === undefined;
  return {
    kind: "ready",
    what: "aggregateChanges",
    label: "aggregate of changes, emits changes",
    create: aggregateChangesOperator({ aggregate, decodeKey: keyDecoderOf(node) }),
    layout: stateLayout(isUsable ? { rows: value(), ...retractableStates(aggregate) } : {}),
    waitsForEventTime: false,
    resultsHaveKey: false,
    problems: [...problems, ...unretractable],
  };
}

// materialize

/** Options of `KeyedStream.materialize`. */
export interface MaterializeOptions {
  /**
   * Rows that changed are also emitted at the end of each such interval of event time. Default: only when the input ends.
   */
  readonly every?: Duration | undefined;
}

export function materializeSpec(given: MaterializeOptions | undefined): ReadyOperatorSpec {
  const { every } = optionsOf(given ?? {});
  let everyMs: number | undefined;
  const problems = problemsOf("materialize", (owner) => [
    () => checkOptions(owner, given, ["every"]),
    () => {
      if (every !== undefined) everyMs = parseDuration(every, `${owner}: option "every"`, "positive");
    },
  ]);
  return {
    kind: "ready",
    what: "materialize",
    label: `rows of a table${everyMs === undefined ? "" : ` every ${durationText(everyMs)}`}`,
    create: materializeOperator({ everyMs }),
    layout: stateLayout({ row: value() }),
    waitsForEventTime: everyMs !== undefined,
    resultsHaveKey: false,
    problems,
  };
}

/** What is no object is named by the checks; the rest only has to survive it. */
function optionsOf<O extends object>(given: O): O {
  return typeof given === "object" && given !== null ? given : ({} as O);
}
