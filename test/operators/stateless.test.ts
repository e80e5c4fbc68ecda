import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Batch, createBatch, type TraceMark } from "../../src/core/batch.ts";
import { ManualClock } from "../../src/core/clock.ts";
import {
  createOperatorMetrics,
  DEAD_LETTER_TAG,
  type ErrorPolicy,
  type Operator,
  type OperatorContext,
} from "../../src/operators/operator.ts";
import type { RecordContext } from "../../src/operators/record-context.ts";
import { InvalidSideTagError, sideTag } from "../../src/operators/side-tag.ts";
import {
  AsyncFunctionError,
  filterOperator,
  flatMapOperator,
  mapOperator,
} from "../../src/operators/stateless.ts";

class Recorder {
  readonly batches: Batch[] = [];
  readonly watermarks: number[] = [];
  onBatch(batch: Batch): void {
    this.batches.push(batch);
  }
  onWatermark(watermark: number): void {
    this.watermarks.push(watermark);
  }
  get values(): unknown[] {
    return this.batches.flatMap((batch) => batch.values);
  }
}

interface Rig {
  readonly operator: Operator;
  readonly context: OperatorContext;
  readonly output: Recorder;
  readonly sides: Map<string, Recorder>;
}

function rig(
  create: (context: OperatorContext) => Operator,
  onError: ErrorPolicy = "fail",
  readTags: readonly string[] = ["odd", DEAD_LETTER_TAG],
): Rig {
  const output = new Recorder();
  const sides = new Map(readTags.map((tag) => [tag, new Recorder()]));
  const context: OperatorContext = {
    operator: "under-test",
    partition: 0,
    parallelism: 1,
    clock: new ManualClock(),
    metrics: createOperatorMetrics(),
    onError,
    output,
    side: (tag) => sides.get(tag),
  };
  return { operator: create(context), context, output, sides };
}

function mark(index: number): TraceMark {
  return { index, traceId: `trace-${index}`, spanId: "span", flags: 1, emittedMs: 7 };
}

function numbers(values: number[]): Batch {
  return {
    ...createBatch(
      values,
      values.map((value) => value * 10),
      99,
    ),
    keys: values.map((value) => `key-${value}`),
  };
}

const unlucky = (value: number): number => {
  if (value % 3 === 0) throw new RangeError(`no ${value}`);
  return value + 100;
};

describe("map", () => {
  test("maps every record and shares timestamps and traces by reference", () => {
    const { operator, output, context } = rig(mapOperator((value: number) => value * 2));
    const input: Batch = { ...numbers([1, 2, 3]), traces: [mark(1)] };
    operator.onBatch(input);
    expect(output.batches).toEqual([{ ...input, values: [2, 4, 6], keys: undefined }]);
    expect(output.batches[0]?.timestamps).toBe(input.timestamps);
    expect(output.batches[0]?.traces).toBe(input.traces);
    expect(context.metrics).toEqual({ ...createOperatorMetrics(), recordsIn: 3, recordsOut: 3 });
  });

  test("forwards watermarks", () => {
    const { operator, output } = rig(mapOperator((value: number) => value));
    operator.onWatermark(5);
    expect(output.watermarks).toEqual([5]);
  });

  test("fail: names operator, record and cause, and emits nothing of the batch", () => {
    const { operator, output } = rig(mapOperator(unlucky));
    expect(() => operator.onBatch(numbers([1, 2, 3, 4]))).toThrow(/"under-test".*3.*no 3/s);
    expect(output.batches).toEqual([]);
  });

  test("skip: goes on behind each failing record and counts it", () => {
    const { operator, output, context } = rig(mapOperator(unlucky), "skip");
    operator.onBatch({ ...numbers([3, 1, 6, 9, 4, 12]), traces: [mark(1), mark(2), mark(4)] });
    expect(output.batches).toEqual([
      {
        values: [101, 104],
        timestamps: [10, 40],
        keys: undefined,
        ingestMs: 99,
        traces: [
          { ...mark(1), index: 0 },
          { ...mark(4), index: 1 },
        ],
      },
    ]);
    expect(context.metrics).toMatchObject({ recordsIn: 6, recordsOut: 2, skipped: 4 });
  });

  test("deadLetter: hands the failing records to the dead-letter stream with their event time", () => {
    const { operator, output, sides, context } = rig(mapOperator(unlucky), "deadLetter");
    operator.onBatch(numbers([1, 3]));
    expect(output.values).toEqual([101]);
    expect(sides.get(DEAD_LETTER_TAG)?.values).toMatchObject([
      { operator: "under-test", record: 3, error: { name: "RangeError", message: "no 3" } },
    ]);
    expect(context.metrics.deadLetters).toBe(1);
  });

  test("emits nothing when no record is left", () => {
    const { operator, output } = rig(mapOperator(unlucky), "skip");
    operator.onBatch(numbers([3, 6]));
    operator.onBatch(createBatch([]));
    expect(output.batches).toEqual([]);
  });

  test("refuses a function that returns promises", () => {
    const { operator } = rig(
      mapOperator(async (value: number) => value),
      "skip",
    );
    expect(() => operator.onBatch(numbers([1]))).toThrow(AsyncFunctionError);
  });
});

describe("filter", () => {
  test("passes the same batch on when every record passes", () => {
    const { operator, output } = rig(filterOperator(() => true));
    const input = numbers([1, 2]);
    operator.onBatch(input);
    expect(output.batches[0]).toBe(input);
  });

  test("drops records with their timestamps, keys and trace marks", () => {
    const { operator, output, context } = rig(filterOperator((value: number) => value % 2 === 0));
    operator.onBatch({ ...numbers([1, 2, 3, 4]), traces: [mark(0), mark(3)] });
    expect(output.batches).toEqual([
      {
        values: [2, 4],
        timestamps: [20, 40],
        keys: ["key-2", "key-4"],
        ingestMs: 99,
        traces: [{ ...mark(3), index: 1 }],
      },
    ]);
    expect(context.metrics).toMatchObject({ recordsIn: 4, recordsOut: 2 });
  });

  test("emits nothing when nothing passes", () => {
    const { operator, output } = rig(filterOperator(() => false));
    operator.onBatch(numbers([1, 2]));
    expect(output.batches).toEqual([]);
  });

  test("skip: a throwing predicate drops its record only", () => {
    const { operator, output, context } = rig(
      filterOperator((value: number) => unlucky(value) > 0),
      "skip",
    );
    operator.onBatch(numbers([1, 3, 2]));
    expect(output.batches[0]).toMatchObject({ values: [1, 2], timestamps: [10, 20] });
    expect(context.metrics.skipped).toBe(1);
  });

  test("refuses an async predicate, which would let everything pass", () => {
    const predicate = (async () => false) as unknown as () => boolean;
    const { operator } = rig(filterOperator(predicate), "skip");
    expect(() => operator.onBatch(numbers([1]))).toThrow(AsyncFunctionError);
  });
});

describe("flatMap", () => {
  test("expands arrays and generators; timestamps and trace marks follow their record", () => {
    const times = flatMapOperator(function* (value: number) {
      for (let i = 0; i < value; i++) yield `${value}/${i}`;
    });
    const arrays = flatMapOperator((value: number) =>
      Array.from({ length: value }, (_, i) => `${value}/${i}`),
    );
    for (const create of [times, arrays]) {
      const { operator, output, context } = rig(create);
      operator.onBatch({ ...numbers([2, 0, 1]), traces: [mark(0), mark(1), mark(2)] });
      expect(output.batches).toEqual([
        {
          values: ["2/0", "2/1", "1/0"],
          timestamps: [20, 20, 10],
          keys: undefined,
          ingestMs: 99,
          traces: [mark(0), { ...mark(0), index: 1 }, { ...mark(2), index: 2 }],
        },
      ]);
      expect(context.metrics).toMatchObject({ recordsIn: 3, recordsOut: 3 });
    }
  });

  test("skip: an iterable that breaks off leaves nothing of its record", () => {
    const { operator, output } = rig(
      flatMapOperator(function* (value: number) {
        yield value;
        if (value === 2) throw new Error("broken off");
        yield value;
      }),
      "skip",
    );
    operator.onBatch(createBatch([1, 2, 3]));
    expect(output.values).toEqual([1, 1, 3, 3]);
  });

  test("a result that cannot be iterated is a failure of its record", () => {
    const { operator } = rig(flatMapOperator((() => undefined) as unknown as () => string[]));
    expect(() => operator.onBatch(numbers([1]))).toThrow(/flatMap returned undefined/);
  });

  test("an async function is refused under every policy", () => {
    const { operator } = rig(flatMapOperator((async () => []) as unknown as () => string[]), "skip");
    expect(() => operator.onBatch(numbers([1]))).toThrow(AsyncFunctionError);
  });
});

describe("record context", () => {
  const odd = sideTag<number>("odd");

  test("tells the event time of the record, also to functions with rest arguments", () => {
    const seen: unknown[] = [];
    const plain = (_: number, context: RecordContext) => seen.push(context.timestamp);
    const rest = (...args: [number, RecordContext]) => seen.push(args[1].timestamp);
    for (const fn of [plain, rest]) rig(mapOperator(fn)).operator.onBatch(numbers([1, 2]));
    rig(mapOperator(plain)).operator.onBatch(createBatch([1]));
    expect(seen).toEqual([10, 20, 10, 20, undefined]);
  });

  test("side outputs keep timestamps and traces, after the main output", () => {
    const { operator, output, sides } = rig(
      filterOperator((value: number, context) => {
        if (value % 2 === 1) context.side(odd, value);
        return value % 2 === 0;
      }),
    );
    operator.onBatch({ ...numbers([1, 2, 3]), traces: [mark(2)] });
    operator.onBatch(numbers([4]));
    expect(output.values).toEqual([2, 4]);
    expect(sides.get("odd")?.batches).toEqual([
      {
        values: [1, 3],
        timestamps: [10, 30],
        keys: undefined,
        ingestMs: 99,
        traces: [{ ...mark(2), index: 1 }],
      },
    ]);
  });

  test("a record that throws after it sent to a side output has sent nothing", () => {
    const { operator, sides } = rig(
      mapOperator((value: number, context) => {
        context.side(odd, value);
        context.side(odd, value);
        return unlucky(value);
      }),
      "skip",
    );
    operator.onBatch(numbers([1, 3, 2]));
    expect(sides.get("odd")?.values).toEqual([1, 1, 2, 2]);
  });

  test("a side output that nobody reads costs nothing and breaks nothing", () => {
    const { operator, output } = rig(
      mapOperator((value: number, context) => {
        context.side(odd, value);
        return value;
      }),
      "fail",
      [],
    );
    operator.onBatch(numbers([1]));
    expect(output.values).toEqual([1]);
  });

  test("side tags have valid names", () => {
    expect(sideTag<number>("late-bids").tag).toBe("late-bids");
    expect(() => sideTag("$dead-letter")).toThrow(InvalidSideTagError);
    expect(() => sideTag("")).toThrow(InvalidSideTagError);
  });
});

describe("stateless operators agree with array methods", () => {
  const inputs = fc.array(fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 12 }), { maxLength: 6 });

  test("for any records in any batches, failing ones left out", () => {
    fc.assert(
      fc.property(inputs, fc.boolean(), (batches, timed) => {
        const fails = (value: number) => value % 3 === 0;
        const guard = (value: number) => {
          if (fails(value)) throw new Error("unlucky");
          return value;
        };
        const copies = (value: number) => Array.from({ length: Math.abs(value) % 3 }, () => value);
        const cases = [
          { create: mapOperator((v: number) => guard(v) + 1), expected: (v: number) => [v + 1] },
          {
            create: filterOperator((v: number) => guard(v) % 2 === 0),
            expected: (v: number) => (v % 2 === 0 ? [v] : []),
          },
          { create: flatMapOperator((v: number) => copies(guard(v))), expected: copies },
        ];
        for (const { create, expected } of cases) {
          const { operator, output } = rig(create, "skip");
          for (const values of batches)
            operator.onBatch(createBatch(values, timed ? values.map((v) => v * 10) : undefined));
          const survivors = batches.flat().filter((value) => !fails(value));
          expect(output.values).toEqual(survivors.flatMap(expected));
          if (timed)
            expect(output.batches.flatMap((batch) => batch.timestamps)).toEqual(
              survivors.flatMap((value) => expected(value).map(() => value * 10)),
            );
          for (const batch of output.batches) expect(batch.values.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 200 },
    );
  });
});
