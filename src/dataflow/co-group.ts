// coGroup — the records of two streams that are in the same window under the same key, side by side.
//
// Both streams are told apart by a wrapper, united, keyed and put into windows like any other stream: so all windows,
// triggers and evictors, lateness and accumulation are those of src/operators/window.ts.
import { checkOptions } from "../core/options.ts";
import type { Evictor } from "../operators/evictor.ts";
import type { JoinKind } from "../operators/joins/interval-join.ts";
import type { Trigger } from "../operators/trigger.ts";
import type { TriggerCondition } from "../operators/trigger-conditions.ts";
import type { WindowFunctionContext } from "../operators/window.ts";
import type { Duration } from "../time/duration.ts";
import type { Window } from "../time/window.ts";
import type { WindowAssigner } from "../time/windows.ts";
import { checkKind, type LeftOf, type RightOf } from "./joins.ts";
import type { LateStream } from "./late-stream.ts";
import { createKeyByNode, type KeyByNode } from "./nodes/key-by-node.ts";
import { quote, type StreamNode } from "./nodes/logical-node.ts";
import { createStatelessNode } from "./nodes/stateless-node.ts";
import { createUnionNode } from "./nodes/union-node.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { checked, checkFunction, type KeyedInputs } from "./two-inputs.ts";
import { WindowedStream } from "./windowed-stream.ts";

/** A record of one of two streams, as triggers, evictors and dynamic gaps of their common windows see it. */
export type Either<L, R> =
  | { readonly side: "left"; readonly record: L }
  | { readonly side: "right"; readonly record: R };

/** Options of `CoGroupedWindows.join`. */
export interface WindowJoinOptions<Kind extends JoinKind> {
  /** Whose records are emitted without a partner in the window, too. Default `"inner"`. */
  readonly kind?: Kind | undefined;
}

/** Gets the records of both sides, in the order of arrival; must not change them. */
export type CoGroupFunction<K, L, R, O> = (
  key: K,
  window: Window,
  lefts: readonly L[],
  rights: readonly R[],
  context: WindowFunctionContext,
) => Iterable<O>;

/** Records of types L and R under keys of type K. Cut them into windows next. */
export class CoGroupedStreams<out K, out L, out R> {
  readonly #inputs: KeyedInputs;

  constructor(inputs: KeyedInputs) {
    this.#inputs = inputs;
  }

  /** Cuts the records of each key into windows that both streams share. */
  window(assigner: WindowAssigner<Either<L, R>>): CoGroupedWindows<K, L, R> {
    const { recorder, toStream } = this.#inputs;
    const node = uniteByKey(this.#inputs);
    const windows = new WindowedStream<K, Either<L, R>>(recorder, node, { assigner }, toStream);
    return new CoGroupedWindows(this.#inputs, windows);
  }
}

/** Records of types L and R under keys of type K, in windows. */
export class CoGroupedWindows<out K, out L, out R> {
  readonly #inputs: KeyedInputs;
  readonly #windows: WindowedStream<K, Either<L, R>>;

  constructor(inputs: KeyedInputs, windows: WindowedStream<K, Either<L, R>>) {
    this.#inputs = inputs;
    this.#windows = windows;
  }

  /** As `WindowedStream.trigger`. */
  trigger(trigger: Trigger<Either<L, R>> | TriggerCondition): CoGroupedWindows<K, L, R> {
    return new CoGroupedWindows(this.#inputs, this.#windows.trigger(trigger));
  }

  /** As `WindowedStream.evict`. */
  evict(evictor: Evictor<Either<L, R>>): CoGroupedWindows<K, L, R> {
    return new CoGroupedWindows(this.#inputs, this.#windows.evict(evictor));
  }

  /**
   * As `WindowedStream.allowedLateness`.
   *
   * @throws {InvalidDurationError}
   */
  allowedLateness(lateness: Duration): CoGroupedWindows<K, L, R> {
    return new CoGroupedWindows(this.#inputs, this.#windows.allowedLateness(lateness));
  }

  /** As `WindowedStream.accumulating`. */
  accumulating(): CoGroupedWindows<K, L, R> {
    return new CoGroupedWindows(this.#inputs, this.#windows.accumulating());
  }

  /** As `WindowedStream.discarding`. */
  discarding(): CoGroupedWindows<K, L, R> {
    return new CoGroupedWindows(this.#inputs, this.#windows.discarding());
  }

  /**
   * Gives the records of both sides to a function whenever the window fires; emits what it returns. A window of a key
   * with records of one side only comes with an empty list for the other.
   *
   * @param name identity of the state
   */
  apply<O>(
    name: string,
    apply: CoGroupFunction<K, L, R, O>,
    options?: OperatorOptions,
  ): LateStream<O, L | R> {
    const example = "(key, window, lefts, rights) => [{ key, lefts: lefts.length, rights: rights.length }]";
    checkFunction(this.#inputs.recorder, `coGroup ${quote(name)}`, "its function", apply, example, true);
    return this.#apply(name, apply, options);
  }

  /**
   * Emits every pair of a left and a right record in a window; and where `kind` asks for it the records of one side, when
   * the window has none of the other.
   *
   * @param name identity of the state
   */
  join<O, Kind extends JoinKind = "inner">(
    name: string,
    kind: WindowJoinOptions<Kind>,
    join: (left: LeftOf<L, Kind>, right: RightOf<R, Kind>, key: K, window: Window) => O,
    options?: OperatorOptions,
  ): LateStream<O, L | R> {
    const { recorder } = this.#inputs;
    const owner = `join ${quote(name)}`;
    checkFunction(recorder, owner, "its function", join, "(left, right) => ({ ...left, ...right })");
    const chosen = checked(recorder, owner, "inner" as JoinKind, () => {
      checkOptions(owner, kind, ["kind"]);
      return checkKind(owner, kind?.kind ?? "inner", ["inner", "left", "right", "full"]);
    });
    const alone = {
      left: chosen === "left" || chosen === "full",
      right: chosen === "right" || chosen === "full",
    };
    const pair = join as (left: L | undefined, right: R | undefined, key: K, window: Window) => O;
    return this.#apply(
      name,
      (key, window, lefts, rights) => {
        if (rights.length === 0)
          return alone.left ? lefts.map((left) => pair(left, undefined, key, window)) : [];
        if (lefts.length === 0)
          return alone.right ? rights.map((right) => pair(undefined, right, key, window)) : [];
        return lefts.flatMap((left) => rights.map((right) => pair(left, right, key, window)));
      },
      options,
    );
  }

  #apply<O>(
    name: string,
    apply: CoGroupFunction<K, L, R, O>,
    options: OperatorOptions | undefined,
  ): LateStream<O, L | R> {
    const results = this.#windows.apply<O>(
      name,
      (key, window, records, context) => {
        const lefts: L[] = [];
        const rights: R[] = [];
        for (const each of records) {
          if (each.side === "left") lefts.push(each.record);
          else rights.push(each.record);
        }
        return apply(key, window, lefts, rights, context);
      },
      options,
    );
    const late = results.late;
    return Object.assign(results, { late: () => late().map(({ record }) => record) }) as LateStream<O, L | R>;
  }
}

/** Both inputs as one stream of {@link Either}, under the keys that they had. */
function uniteByKey({ recorder, node: first, second }: KeyedInputs): KeyByNode {
  const { owner } = recorder;
  const wrapped = (side: "left" | "right", input: StreamNode): StreamNode =>
    recorder.add(
      createStatelessNode(
        owner,
        "map",
        recorder.deriveName("coGroup"),
        input,
        (record: never) => ({ side, record }),
        undefined,
      ),
    );
  const both = [wrapped("left", first.input), wrapped("right", second.input)];
  const union = recorder.add(createUnionNode(owner, both));
  const key = ({ side, record }: Either<never, never>): unknown =>
    side === "left" ? first.key(record) : second.key(record);
  return recorder.add(
    createKeyByNode(owner, union, key as (record: never) => unknown, first.options as never, [first, second]),
  );
}
