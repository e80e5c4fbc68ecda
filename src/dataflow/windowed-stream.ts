// WindowedStream — records with a key, cut into windows. What follows says when windows emit, and what of their records.
import type { Aggregate } from "../core/aggregate.ts";
import type { Evictor } from "../operators/evictor.ts";
import type { Trigger } from "../operators/trigger.ts";
import type { TriggerCondition } from "../operators/trigger-conditions.ts";
import { asTrigger } from "../operators/triggers.ts";
import {
  type Folding,
  type WindowFunction,
  type WindowResult,
  windowLayout,
  windowOperator,
} from "../operators/window.ts";
import { type Duration, parseDuration } from "../time/duration.ts";
import type { GraphRecorder } from "./graph-recorder.ts";
import type { KeyedOperatorSpec } from "./keyed-operator-spec.ts";
import type { ToStream } from "./keyed-stream.ts";
import { type LateStream, withLate } from "./late-stream.ts";
import type { KeyByNode } from "./nodes/key-by-node.ts";
import { createKeyedOperatorNode } from "./nodes/keyed-operator-node.ts";
import { quote } from "./nodes/logical-node.ts";
import { reducingAggregate } from "./reducing-aggregate.ts";
import { judgeAggregate } from "./rules/argument-rules.ts";
import { judgeFunction } from "./rules/user-function.ts";
import type { OperatorOptions } from "./stream-options.ts";
import { type WindowSettings, waitsForEventTime, windowLabel, windowProblems } from "./window-settings.ts";

/** Records of type T under keys of type K, in windows. */
export class WindowedStream<out K, out T> {
  readonly #recorder: GraphRecorder;
  readonly #node: KeyByNode;
  readonly #settings: WindowSettings;
  readonly #toStream: ToStream;

  constructor(recorder: GraphRecorder, node: KeyByNode, settings: WindowSettings, toStream: ToStream) {
    this.#recorder = recorder;
    this.#node = node;
    this.#settings = settings;
    this.#toStream = toStream;
  }

  /**
   * Says when windows emit. Default: at their end, and for every late record that is still allowed.
   *
   * @param trigger one of `triggers`, or your own
   */
  trigger(trigger: Trigger<T> | TriggerCondition): WindowedStream<K, T> {
    return this.#with({ trigger: asTrigger(trigger) });
  }

  /**
   * Takes records out of a window when it fires; only for {@link apply}.
   *
   * @param evictor one of `evictors`, or your own
   */
  evict(evictor: Evictor<T>): WindowedStream<K, T> {
    return this.#with({ evictor });
  }

  /**
   * Keeps windows in event time for so long after their end: a record that comes then is taken, and by default a new result
   * emitted. Default 0.
   *
   * @throws {InvalidDurationError}
   */
  allowedLateness(lateness: Duration): WindowedStream<K, T> {
    return this.#with({ allowedLatenessMs: parseDuration(lateness, "allowed lateness") });
  }

  /** Every result of a window holds all of its records so far, unless the trigger purges. This is the default. */
  accumulating(): WindowedStream<K, T> {
    return this.#with({ discarding: false });
  }

  /** Every result of a window holds the records since the one before it. */
  discarding(): WindowedStream<K, T> {
    return this.#with({ discarding: true });
  }

  /**
   * Folds the records of each key and window; emits `{ key, value, window }` whenever the window fires: by default once, at
   * its end. The result's timestamp is the last millisecond of the window.
   *
   * @param name identity of the state
   */
  aggregate<A, R>(
    name: string,
    aggregate: Aggregate<T, A, R>,
    options?: OperatorOptions,
  ): LateStream<WindowResult<K, R>, T> {
    const problem = judgeAggregate(aggregate, `window ${quote(name)}`);
    if (problem !== undefined) this.#recorder.report(problem);
    return this.#add(name, { aggregate }, options);
  }

  /**
   * Combines the records of each key and window into one; emits `{ key, value, window }` whenever the window fires.
   *
   * @param name identity of the state
   * @param reduce gets the combination so far and the next record (or another combination); must not depend on the order
   */
  reduce(
    name: string,
    reduce: (accumulated: T, record: T) => NoInfer<T>,
    options?: OperatorOptions,
  ): LateStream<WindowResult<K, T>, T> {
    // The aggregate would hide a wrong function from the rules, so it is looked at here.
    this.#judge(name, reduce, "(accumulated, record) => accumulated + record");
    return this.#add(name, { aggregate: reducingAggregate(reduce) }, options);
  }

  /**
   * Gives all records of a window to a function whenever the window fires; emits what it returns. The records are state, so
   * prefer {@link aggregate} where a fold will do.
   *
   * @param name identity of the state
   * @param apply gets the records in the order of arrival; must not change them
   */
  apply<R>(name: string, apply: WindowFunction<K, T, R>, options?: OperatorOptions): LateStream<R, T> {
    this.#judge(name, apply, "(key, window, records) => [{ key, largest: records[0] }]", true);
    const codec = this.#node.options?.keyCodec;
    const decoding: WindowFunction<unknown, T, R> = (key, window, records, context) =>
      apply(codec?.decode(key as string) as K, window, records, context);
    const evictor = this.#settings.evictor;
    return this.#add(
      name,
      { apply: codec === undefined ? apply : decoding, ...(evictor && { evictor }) },
      options,
    );
  }

  #with(settings: Partial<WindowSettings>): WindowedStream<K, T> {
    const all = { ...this.#settings, ...settings };
    return new WindowedStream(this.#recorder, this.#node, all, this.#toStream);
  }

  #judge(name: string, fn: unknown, example: string, generators = false): void {
    const problem = judgeFunction(`window ${quote(name)}`, "its function", fn, example, generators);
    if (problem !== undefined) this.#recorder.report(problem);
  }

  #add<U>(name: string, folding: Folding, options: OperatorOptions | undefined): LateStream<U, T> {
    const settings = this.#settings;
    const problems = windowProblems(settings, "apply" in folding).map(
      (text) => ({ code: "INVALID_WINDOW", text }) as const,
    );
    const definition = { ...folding, ...settings };
    const spec = {
      kind: "window",
      what: "window",
      label: windowLabel(settings),
      create: (context) => windowOperator(definition)(context),
      layout: problems.length === 0 ? windowLayout(definition) : [],
      waitsForEventTime: waitsForEventTime(settings),
      resultsHaveKey: "aggregate" in folding,
      problems,
    } as const satisfies KeyedOperatorSpec;
    const { owner } = this.#recorder;
    return withLate<U, T>(
      this.#toStream<U>(this.#recorder.add(createKeyedOperatorNode(owner, name, this.#node, spec, options))),
    );
  }
}
