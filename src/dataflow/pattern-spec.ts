// patternSpec — from a pattern and its function to the operator that looks for it.
import type { Codec } from "../core/codec.ts";
import type { KeyedOperatorContext } from "../operators/operator.ts";
import { InvalidPatternError } from "../operators/pattern/errors.ts";
import { entryCodec } from "../operators/pattern/match-buffer.ts";
import type { MatchContext } from "../operators/pattern/match-context.ts";
import { patternOperator } from "../operators/pattern/pattern-operator.ts";
import { unroll } from "../operators/pattern/place.ts";
import { runCodec } from "../operators/pattern/run.ts";
import { describePattern, type PatternShape } from "../operators/pattern/stage.ts";
import { waitingCodec } from "../operators/pattern/waiting.ts";
import { list, map, stateLayout } from "../state/descriptors.ts";
import type { KeyCodec } from "./key-codec.ts";
import type { ReadyOperatorSpec } from "./keyed-operator-spec.ts";
import { quote } from "./nodes/logical-node.ts";
import { Pattern } from "./pattern.ts";
import type { OperatorOptions } from "./stream-options.ts";

/** Options of `KeyedStream.pattern`. */
export interface PatternOptions<T> extends OperatorOptions {
  /**
   * `"event"`: records are taken in the order of their timestamps, once the watermark has reached them. `"processing"`:
   * as they come, and limits of time go by the clock. Default `"event"`.
   */
  readonly time?: "event" | "processing" | undefined;
  /** How records that wait or are part of a partial match are stored. Default: MessagePack for any plain data. */
  readonly codec?: Codec<T> | undefined;
}

/** The operator, and the options that every operator has. */
export function patternSpec<T>(
  pattern: unknown,
  select: unknown,
  options: PatternOptions<T> | undefined,
  keyCodec: KeyCodec<unknown> | undefined,
): { spec: ReadyOperatorSpec; rest: OperatorOptions | undefined } {
  const given: PatternOptions<T> = typeof options === "object" && options !== null ? options : {};
  const { time = "event", codec, ...rest } = given;
  const shape = pattern instanceof Pattern ? pattern.shape : undefined;
  const recordCodec = codec as Codec<unknown> | undefined;
  return {
    // What is no object is kept: validation names it.
    rest: given === options ? rest : options,
    spec: {
      kind: "ready",
      what: "pattern",
      label: `pattern ${shape === undefined ? "" : describePattern(shape)}${time === "event" ? "" : ", processing time"}`,
      create: (context: KeyedOperatorContext) =>
        patternOperator({
          shape: shape as PatternShape,
          time,
          codec: recordCodec,
          select: select as (match: object, context: MatchContext<unknown>) => unknown,
          decodeKey: keyCodec && ((key) => keyCodec.decode(key as string)),
        })(context),
      layout: stateLayout({
        entries: map({ codec: entryCodec }),
        events: map(recordCodec && { codec: recordCodec }),
        runs: map({ codec: runCodec }),
        uses: map(),
        ...(time === "event" && { pending: list({ codec: waitingCodec(recordCodec) }) }),
      }),
      waitsForEventTime: time === "event",
      resultsHaveKey: false,
      problems: [...patternProblems(shape, pattern), ...argumentProblems(select, time)],
    },
  };
}

function patternProblems(shape: PatternShape | undefined, given: unknown): ReadyOperatorSpec["problems"] {
  if (shape === undefined)
    return [
      {
        code: "INVALID_DEFINITION",
        text: `is given ${quote(given)} for a pattern; give one made by pattern<T>().begin(...)`,
      },
    ];
  try {
    const endless = unroll(shape.stages).all.some(
      ({ kind, gapMs }) => kind === "absence" && gapMs === undefined && shape.withinMs === undefined,
    );
    if (!endless) return [];
    const text = "ends with notFollowedBy, but nobody says for how long; add .within(...) to the pattern";
    return [{ code: "INVALID_DEFINITION", text }];
  } catch (error) {
    if (!(error instanceof InvalidPatternError)) throw error;
    return [{ code: "INVALID_DEFINITION", text: `cannot be run: ${error.message}` }];
  }
}

function argumentProblems(select: unknown, time: unknown): ReadyOperatorSpec["problems"] {
  const problems: { code: "INVALID_FUNCTION" | "INVALID_OPTION"; text: string }[] = [];
  if (typeof select !== "function" || select.constructor.name.startsWith("Async"))
    problems.push({
      code: "INVALID_FUNCTION",
      text: `has ${quote(select)} for its function; give a plain one, for example (match) => match.first[0]`,
    });
  if (time !== "event" && time !== "processing")
    problems.push({
      code: "INVALID_OPTION",
      text: `has ${quote(time)} for the option "time"; give "event" or "processing"`,
    });
  return problems;
}
