import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createBatch, MAX_WATERMARK, type TraceMark } from "../../src/core/batch.ts";
import { NotSerialisableError } from "../../src/core/plain-data.ts";
import { InvalidEmitTimestampError } from "../../src/operators/current-context.ts";
import { UserFunctionError } from "../../src/operators/failure.ts";
import {
  emits,
  keyedProcessOperator,
  type ProcessContext,
  type ProcessDefinition,
} from "../../src/operators/keyed-process.ts";
import { DEAD_LETTER_TAG } from "../../src/operators/operator.ts";
import { sideTag } from "../../src/operators/side-tag.ts";
import { AsyncFunctionError } from "../../src/operators/stateless-operator.ts";
import { list, map, type StateDescriptors, value } from "../../src/state/descriptors.ts";
import { StateOutsideRecordError } from "../../src/state/key-scope.ts";
import { InvalidTimerTimeError } from "../../src/time/timer-queue.ts";
import { KeyedHarness } from "../support/keyed-harness.ts";

const RUNS = 300;

function onRecord<S extends StateDescriptors>(
  state: S,
  run: (record: unknown, context: ProcessContext<unknown, unknown, S>) => void,
): ProcessDefinition<unknown, unknown, unknown, S> {
  return { state, onRecord: run };
}

/** Does to state, timers and outputs what the record says, and throws where it says so. */
interface Command {
  readonly total: number | undefined;
  readonly box: number | undefined;
  readonly seen: number | undefined;
  readonly append: number | undefined;
  readonly timer: number | undefined;
  readonly untimer: number | undefined;
  readonly emit: number | undefined;
  readonly throws: boolean;
}

const maybe = fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined });
const command: fc.Arbitrary<Command> = fc.record({
  total: maybe,
  box: maybe,
  seen: maybe,
  append: maybe,
  timer: maybe,
  untimer: maybe,
  emit: maybe,
  throws: fc.boolean(),
});

const audit = sideTag<number>("audit");
const commanded: ProcessDefinition<
  number,
  Command,
  unknown,
  {
    total: ReturnType<typeof value<number>>;
    box: ReturnType<typeof value<{ items: number[] }>>;
    seen: ReturnType<typeof map<number, { n: number }>>;
    all: ReturnType<typeof list<{ n: number }>>;
  }
> = {
  state: {
    total: value<number>(),
    box: value<{ items: number[] }>(),
    seen: map<number, { n: number }>(),
    all: list<{ n: number }>(),
  },
  onRecord(record, context) {
    const { total, box, seen, all } = context.state;
    if (record.total !== undefined) total.set((total.get() ?? 0) + record.total);
    if (record.box !== undefined) {
      const current = box.get() ?? { items: [] };
      current.items.push(record.box);
      box.set(current);
    }
    if (record.seen !== undefined) {
      const entry = seen.get(record.seen) ?? { n: 0 };
      entry.n++;
      seen.set(record.seen, entry);
    }
    if (record.append !== undefined) {
      for (const item of all.get()) if (record.throws) (item as { n: number }).n++;
      all.append({ n: record.append });
    }
    if (record.timer !== undefined) context.timers.event(record.timer);
    if (record.untimer !== undefined) context.timers.deleteEvent(record.untimer);
    if (record.emit !== undefined) {
      context.emit(record.emit);
      context.side(audit, record.emit);
    }
    if (record.throws) throw new Error("told to");
  },
  onTimer(timer, context) {
    context.emit(["timer", context.key, timer.time, context.state.total.get()]);
    if (timer.time === 3) throw new Error("timers at 3 fail");
    context.state.total.set(100);
  },
};

describe("keyedProcessOperator", () => {
  test("S1 records that throw leave nothing behind: state, timers, outputs and commits are those of the others alone", () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          records: fc.array(fc.tuple(fc.constantFrom(1, 2), command), { maxLength: 5 }),
        }),
      },
      { weight: 1, arbitrary: fc.constant("commit" as const) },
      { weight: 1, arbitrary: fc.constant("crash" as const) },
      { weight: 1, arbitrary: fc.record({ watermark: fc.integer({ min: 0, max: 5 }) }) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20, size: "max" }),
        fc.boolean(),
        fc.constantFrom(0, 1_000),
        (steps, shares, cacheEntries) => {
          const run = (withFailing: boolean): unknown => {
            const harness = new KeyedHarness(keyedProcessOperator(commanded), {
              onError: "skip",
              sides: ["audit"],
              shares,
              cacheEntries,
            });
            for (const one of steps) {
              if (one === "commit") harness.commit();
              else if (one === "crash") harness.crash();
              else if ("watermark" in one) harness.advance(one.watermark, 2);
              else
                harness.records(
                  ...one.records
                    .filter(([, { throws }]) => withFailing || !throws)
                    .map(([key, all]) => [key, all, 7] as const),
                );
            }
            harness.commit();
            return { stored: harness.backend.contents(), outputs: harness.outputs };
          };
          expect(run(true)).toEqual(run(false));
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("emits with the timestamp of the record or of the timer, or one of its own", () => {
    const harness = new KeyedHarness(
      keyedProcessOperator({
        emits: emits<string>(),
        onRecord(record: string, context) {
          context.emit(record);
          context.emit(record, 99);
          context.timers.event(20);
          context.timers.event(MAX_WATERMARK);
          context.timers.processing(1_000_005);
        },
        onTimer({ kind, time }, context) {
          context.emit(`${kind} ${time} ${context.key} ${context.timestamp}`);
        },
      }),
    );
    harness.records(["k", "a", 10]);
    harness.advance(20);
    harness.advanceClock(5);
    harness.advance(MAX_WATERMARK);
    expect(harness.outputs.get("")).toEqual([
      { value: "a", timestamp: 10 },
      { value: "a", timestamp: 99 },
      { value: "event 20 k 20", timestamp: 20 },
      { value: "processing 1000005 k undefined", timestamp: undefined },
      { value: "event Infinity k undefined", timestamp: undefined },
    ]);
    expect(harness.watermarks).toEqual([20, MAX_WATERMARK]);
  });

  test("what a timer sets while it fires, fires in its turn, in the order of time", () => {
    const harness = new KeyedHarness(
      keyedProcessOperator({
        onRecord(_record: unknown, { timers }) {
          timers.event(10);
          timers.event(30);
        },
        onTimer({ time }, context) {
          context.emit([context.key, time]);
          if (time === 10) context.timers.event(20);
        },
      }),
      { cacheEntries: 0, startsFull: true },
    );
    harness.records([1, "x", 1], [2, "x", 1]);
    harness.advance(30, 1);
    expect(harness.emitted()).toEqual(
      [10, 20, 30].flatMap((time) => [
        [1, time],
        [2, time],
      ]),
    );
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
  });

  test("a timer that throws is handled by the policy and does not fire again", () => {
    const definition: ProcessDefinition<unknown, unknown, unknown> = {
      onRecord: (_record, { timers }) => timers.event(5),
      onTimer() {
        throw new Error("broken");
      },
    };
    const harness = new KeyedHarness(keyedProcessOperator(definition), {
      onError: "deadLetter",
      sides: [DEAD_LETTER_TAG],
    });
    harness.records(["k", 1, 1]);
    harness.advance(10);
    harness.advance(20);
    expect(harness.emitted(DEAD_LETTER_TAG)).toEqual([
      {
        error: { name: "Error", message: "broken", code: undefined },
        operator: "op",
        record: { key: "k", timer: { kind: "event", time: 5 } },
        position: "event time 5",
      },
    ]);
    expect(harness.metrics.deadLetters).toBe(1);
  });

  test("under `fail` the error names operator and record and keeps the cause", () => {
    const cause = new Error("no");
    const harness = new KeyedHarness(
      keyedProcessOperator({
        onRecord() {
          throw cause;
        },
      }),
    );
    const thrown = thrownBy(() => harness.records(["k", { id: 7, big: 12n }, 1])) as UserFunctionError;
    expect(thrown).toBeInstanceOf(UserFunctionError);
    expect(thrown.message).toContain('operator "op" failed at record {"id":7,"big":"12n"}: no;');
    expect(thrown.cause).toBe(cause);
  });

  test("state, timers and emit refuse to be used outside of a record", () => {
    let kept: ProcessContext<unknown, unknown, { total: ReturnType<typeof value<number>> }> | undefined;
    const harness = new KeyedHarness(
      keyedProcessOperator(
        onRecord({ total: value<number>() }, (_record, context) => {
          kept = context;
          context.state.total.set(1);
        }),
      ),
    );
    harness.records(["k", 1, 1]);
    expect(() => kept?.state.total.get()).toThrow(
      'operator "op": state "total" was used outside of a record or timer',
    );
    expect(() => kept?.state.total.set(1)).toThrow(StateOutsideRecordError);
    expect(() => kept?.timers.event(1)).toThrow(StateOutsideRecordError);
    expect(() => kept?.emit(1)).toThrow(StateOutsideRecordError);
  });

  test("an async function is refused under every policy", () => {
    const harness = new KeyedHarness(
      keyedProcessOperator({ onRecord: (async () => {}) as unknown as () => void }),
      { onError: "skip" },
    );
    expect(() => harness.records(["k", 1, 1])).toThrow(AsyncFunctionError);
  });

  test("what cannot be stored is refused when it is written, naming operator and state", () => {
    class Money {}
    for (const shares of [true, false]) {
      const harness = new KeyedHarness(
        keyedProcessOperator(
          onRecord({ wallet: value<unknown>() }, (record, { state }) => state.wallet.set({ record })),
        ),
        { shares },
      );
      const thrown = thrownBy(() => harness.records(["k", new Money(), 1]));
      expect(thrown).toBeInstanceOf(NotSerialisableError);
      expect((thrown as Error).message).toContain(
        'operator "op", state "wallet": record is an instance of class Money',
      );
    }
  });

  test.each([
    ["emit", InvalidEmitTimestampError],
    ["timer", InvalidTimerTimeError],
  ])("a wrong time given to %s is refused", (what, error) => {
    const harness = new KeyedHarness(
      keyedProcessOperator({
        onRecord(_record: unknown, context) {
          if (what === "emit") context.emit(1 as never, Number.NaN);
          else context.timers.event(Number.NaN);
        },
      }),
    );
    expect(() => harness.records(["k", 1, 1])).toThrow(error);
  });

  test("traces follow their record into what it emits", () => {
    const mark = (index: number): TraceMark => ({ index, traceId: "t", spanId: "s", flags: 1, emittedMs: 5 });
    const harness = new KeyedHarness(
      keyedProcessOperator({
        onRecord(record: number, context) {
          for (let i = 0; i < record; i++) context.emit(record as never);
          if (record === 3) throw new Error("taken back");
        },
      }),
      { onError: "skip" },
    );
    const batch = createBatch([1, 2, 3, 2], [1, 2, 3, 4], 123);
    batch.keys = [1, 1, 1, 1];
    batch.traces = [mark(1), mark(2), mark(3)];
    harness.batch(batch);
    expect(harness.batches).toHaveLength(1);
    expect(harness.batches[0]).toMatchObject({
      values: [1, 2, 2, 2, 2],
      timestamps: [1, 2, 2, 4, 4],
      ingestMs: 123,
    });
    expect(harness.batches[0]?.traces?.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
    harness.records([1, 1, 1]);
    expect(harness.batches[1]?.traces).toBe(undefined);
  });

  test("metrics count records in and out and those skipped", () => {
    const harness = new KeyedHarness(
      keyedProcessOperator({
        onRecord(record: number, context) {
          if (record < 0) throw new Error("negative");
          context.emit(record as never);
        },
      }),
      { onError: "skip" },
    );
    harness.records([1, 1], [1, -1], [2, 5], [2, -7]);
    expect(harness.metrics).toEqual({ recordsIn: 4, recordsOut: 2, skipped: 2, deadLetters: 0, late: 0 });
    expect(harness.outputs.get("")).toEqual([
      { value: 1, timestamp: undefined },
      { value: 5, timestamp: undefined },
    ]);
  });
});

function thrownBy(action: () => void): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
