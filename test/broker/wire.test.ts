import { deepStrictEqual } from "node:assert";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame, FRAME_VERSION, MAX_FRAME_BYTES } from "../../src/broker/wire.ts";
import { FrameCorruptError, FrameVersionError } from "../../src/broker/wire-errors.ts";
import type { Batch, Frame, TraceMark } from "../../src/core/batch.ts";
import { createBatch, MAX_WATERMARK, MIN_WATERMARK } from "../../src/core/batch.ts";
import { NotSerialisableError } from "../../src/core/plain-data.ts";
import { createNexmarkGenerator } from "../../src/nexmark/generator.ts";

const law = { numRuns: 300 };

function frameOf(batch: Batch | undefined): Frame {
  return { prevLineage: 0, watermark: MIN_WATERMARK, idle: false, end: false, barrier: undefined, batch };
}

function sent(values: unknown[]): unknown[] {
  return decodeFrame(encodeFrame(frameOf(createBatch(values)))).batch!.values;
}

/** Equal in everything a program can see of plain data, the order of properties included. */
function expectSame(actual: unknown, expected: unknown): void {
  deepStrictEqual(actual, expected);
  deepStrictEqual(propertyOrder(actual), propertyOrder(expected));
}

function expectSameFrame(actual: Frame, expected: Frame): void {
  deepStrictEqual(actual, expected);
  expectSame(actual.batch?.values, expected.batch?.values);
}

function propertyOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(propertyOrder);
  if (value instanceof Map) return [...value].map(propertyOrder);
  if (value instanceof Set) return [...value].map(propertyOrder);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  return Object.entries(value).map(([name, member]) => [name, propertyOrder(member)]);
}

const anyUnit = fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit));
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: anyUnit }),
  fc.string({ unit: fc.constantFrom("a", "é", "\u00ff", "€") }),
  fc.constantFrom("", "open", "closed"),
);
const number = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53), 2 ** 31, -(2 ** 31) - 1),
);
const name = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.constantFrom(
    "0",
    "17",
    "constructor",
    "toString",
    "toJSON",
    "__proto__",
    "length",
    "a b",
    '"',
    "\ud800",
    "",
  ),
);
const anyPlainValue = fc.anything({
  key: name,
  values: [
    fc.boolean(),
    number,
    text,
    fc.constantFrom(null, undefined),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
  ],
  withBigInt: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  maxDepth: 4,
});

/** Objects as programs make them: with a prototype. */
function plain<T>(
  model: { [K in keyof T]: fc.Arbitrary<T[K]> },
  requiredKeys?: (keyof T)[],
): fc.Arbitrary<T> {
  return fc.record<T, keyof T>(model, {
    noNullPrototype: true,
    requiredKeys: requiredKeys ?? (Object.keys(model) as (keyof T)[]),
  }) as fc.Arbitrary<T>;
}

/** A column of one kind, sometimes with nothing in it. */
const columnKind = fc.constantFrom<fc.Arbitrary<unknown>>(
  fc.integer(),
  fc.nat(300),
  number,
  fc.integer({ min: 1.4e12, max: 1.8e12 }),
  fc.boolean(),
  text,
  fc.constantFrom("Google", "Apple"),
  fc.constantFrom(null),
  fc.constantFrom(undefined),
  fc.option(fc.integer()),
  fc.option(text, { nil: undefined }),
  fc.oneof(fc.integer(), text, fc.constant(null), fc.constant(undefined)),
  fc.tuple(fc.integer(), fc.double(), text),
  fc.array(fc.integer(), { maxLength: 12 }),
  fc.array(text, { maxLength: 3 }),
  plain({ x: fc.integer(), y: fc.option(plain({ z: text })) }),
  plain({ kind: fc.constant("a"), only: fc.integer() }, ["kind"]),
  fc.date({ noInvalidDate: true }),
  fc.bigInt(),
  fc.uint8Array({ maxLength: 5 }),
  fc.dictionary(name, fc.integer(), { noNullPrototype: true }),
  anyPlainValue,
);

/** Batches of objects with the same properties in the same order. */
const homogenousRecords = fc
  .uniqueArray(fc.tuple(name, columnKind), { selector: ([property]) => property, maxLength: 6 })
  .chain((columns) =>
    fc.array(fc.tuple(...columns.map(([, values]) => values)), { maxLength: 80, size: "max" }).map((rows) =>
      rows.map((row) => {
        const record: Record<string, unknown> = {};
        columns.forEach(([property], c) => {
          // Assigning to __proto__ would set the prototype.
          Object.defineProperty(record, property, {
            value: row[c],
            enumerable: true,
            configurable: true,
            writable: true,
          });
        });
        return record;
      }),
    ),
  );

const oneKind = columnKind.chain((values) => fc.array(values, { maxLength: 100, size: "max" }));

const traceMark = plain({
  traceId: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 }),
  spanId: fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 16, maxLength: 16 }),
  flags: fc.nat(255),
  emittedMs: fc.integer({ min: 0, max: 2e12 }),
});

function frameWith(records: fc.Arbitrary<unknown[]>): fc.Arbitrary<Frame> {
  const batch = records.chain((values) =>
    plain({
      values: fc.constant(values),
      timestamps: fc.option(
        fc.array(fc.maxSafeInteger(), { minLength: values.length, maxLength: values.length }),
        { nil: undefined },
      ),
      keys: fc.constant(undefined),
      ingestMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2e12 })),
      traces: fc
        .tuple(fc.subarray([...values.keys()]), fc.array(traceMark, { maxLength: 5 }))
        .map(([indexes, marks]): TraceMark[] | undefined => {
          const traces = marks.slice(0, indexes.length).map((mark, i) => ({ ...mark, index: indexes[i]! }));
          return traces.length === 0 ? undefined : traces;
        }),
    }),
  );
  return plain({
    prevLineage: fc.maxSafeNat(),
    watermark: fc.oneof(fc.constantFrom(MIN_WATERMARK, MAX_WATERMARK), fc.maxSafeInteger()),
    idle: fc.boolean(),
    end: fc.boolean(),
    barrier: fc.option(fc.maxSafeNat(), { nil: undefined }),
    batch: fc.option(batch, { nil: undefined, freq: 10 }),
  });
}

const bid = {
  auction: 1007,
  bidder: 2031,
  price: 38_120,
  channel: "Google",
  url: "https://www.nexmark.com/a/b/c/item.htm?query=1",
  dateTime: 1_436_918_400_000,
  extra: "kqpwzfnx",
};

describe("wire", () => {
  const laws: [string, fc.Arbitrary<unknown[]>][] = [
    ["any plain values", fc.array(anyPlainValue, { maxLength: 20 })],
    ["objects of one shape", homogenousRecords],
    ["values of one kind", oneKind],
  ];
  test.each(laws)("F1 a frame decodes to what was encoded, for %s", (_name, records) => {
    fc.assert(
      fc.property(frameWith(records), (frame) => expectSameFrame(decodeFrame(encodeFrame(frame)), frame)),
      law,
    );
  });

  test("F1 a frame decodes to what was encoded, for generated bids and events, before and after shapes have code", () => {
    const generator = createNexmarkGenerator();
    for (let n = 0; n < 20_000; n += 500) {
      const numbers = Array.from({ length: 500 }, (_, i) => n + i);
      const bids = numbers.map((i) => generator.bid(i)).filter((found) => found !== undefined);
      for (const values of [bids, numbers.map((i) => generator.event(i))]) {
        const frame = frameOf(
          createBatch(
            values,
            values.map((value) => value.dateTime),
            1_700_000_000_000,
          ),
        );
        expectSameFrame(decodeFrame(encodeFrame(frame)), frame);
      }
    }
  });

  test("F2 a frame with any byte changed is refused", () => {
    fc.assert(
      fc.property(
        frameWith(homogenousRecords),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (frame, place, change) => {
          const bytes = encodeFrame(frame);
          bytes[place % bytes.length]! ^= change;
          expect(() => decodeFrame(bytes)).toThrow(FrameCorruptError);
        },
      ),
      law,
    );
  });

  test("F2 a frame with any byte changed is refused, for every byte and bit of one frame", () => {
    const bytes = encodeFrame(frameOf(createBatch([bid, bid, bid], [1, 2, 3])));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeFrame(damaged)).toThrow(FrameCorruptError);
    }
  });

  test("F2 a frame that is cut or continued anywhere is refused", () => {
    fc.assert(
      fc.property(
        frameWith(homogenousRecords),
        fc.nat(),
        fc.uint8Array({ minLength: 1 }),
        (frame, place, more) => {
          const bytes = encodeFrame(frame);
          expect(() => decodeFrame(bytes.subarray(0, place % bytes.length))).toThrow(FrameCorruptError);
          expect(() => decodeFrame(Buffer.concat([bytes, more]))).toThrow(FrameCorruptError);
        },
      ),
      law,
    );
  });

  test("a frame whose checksum fits but whose body makes no sense is refused, whatever the body", () => {
    fc.assert(
      fc.property(frameWith(oneKind), fc.nat(), fc.nat(255), (frame, place, byte) => {
        const bytes = encodeFrame(frame);
        const at = 6 + (place % (bytes.length - 10));
        bytes[at] = byte;
        bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
        // Some of these are other frames; none may throw anything but the one error.
        try {
          decodeFrame(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameCorruptError);
        }
      }),
      law,
    );
  });

  test("the error of a damaged frame names the channel and asks to read again", () => {
    const bytes = encodeFrame(frameOf(undefined)).subarray(1);
    const decode = (): Frame => decodeFrame(bytes, "count-in:0>3");
    expect(decode).toThrow(
      /^channel count-in:0>3: a frame of \d+ bytes is damaged: it is shorter than any frame/,
    );
    expect(decode).toThrow(expect.objectContaining({ code: "FRAME_CORRUPT", retry: "partition" }));
  });

  test.each([
    [FRAME_VERSION + 1, /version 2, newer than version 1 of this worker; update this worker/],
    [FRAME_VERSION - 1, /version 0, older than version 1 of this worker/],
  ])("an intact frame of version %i is refused and says what to do", (version, message) => {
    const bytes = encodeFrame(frameOf(createBatch([bid])));
    bytes[1] = version;
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    expect(() => decodeFrame(bytes, "a:0>0")).toThrow(FrameVersionError);
    expect(() => decodeFrame(bytes, "a:0>0")).toThrow(message);
  });

  test("unsampled records take no bytes for tracing, a sampled one takes 34", () => {
    const batch = createBatch(Array<unknown>(100).fill(bid));
    const untraced = encodeFrame(frameOf(batch));
    expect(encodeFrame(frameOf({ ...batch, traces: [] }))).toEqual(untraced);
    const mark = {
      index: 77,
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      flags: 1,
    };
    const traced = encodeFrame(frameOf({ ...batch, traces: [{ ...mark, emittedMs: 1_700_000_000_000 }] }));
    // 16 trace id, 8 span id, 1 flags, 8 time, 1 index; and one byte for the number of marks.
    expect(traced.length - untraced.length).toBe(34 + 1);
  });

  test("timestamps and ingest time that are not there take no bytes", () => {
    const batch = createBatch([1, 2, 3]);
    const bare = encodeFrame(frameOf(batch)).length;
    expect(encodeFrame(frameOf({ ...batch, ingestMs: 1 })).length - bare).toBe(8);
    expect(encodeFrame(frameOf({ ...batch, timestamps: [1, 2, 3] })).length).toBeGreaterThan(bare);
  });

  test("a frame without records takes 20 bytes", () => {
    expect(encodeFrame(frameOf(undefined))).toHaveLength(20);
  });

  test("missing, undefined and null properties stay apart", () => {
    expectSame(sent([{ a: 1 }, { a: undefined }, {}, { a: null }]), [
      { a: 1 },
      { a: undefined },
      {},
      { a: null },
    ]);
  });

  test("an invalid date arrives as an invalid date", () => {
    // Apart from the laws: for assert, no two invalid dates are equal.
    const [column, mixed, inside] = sent([
      [new Date(Number.NaN)],
      new Date(Number.NaN),
      new Map([[1, new Date(Number.NaN)]]),
    ]);
    const dates = [(column as Date[])[0], mixed, (inside as Map<number, Date>).get(1)];
    expect(dates.map((date) => (date as Date).getTime())).toEqual([Number.NaN, Number.NaN, Number.NaN]);
  });

  test("one lone surrogate, -0 or __proto__ inside a Map changes nothing else", () => {
    const odd = JSON.parse('{"__proto__": 1, "b": [2]}') as unknown;
    const values = [
      new Map<unknown, unknown>([["x", "\udfff"]]),
      new Set(["a"]),
      { m: new Map([[1, -0]]) },
      odd,
    ];
    expectSame(sent(values), values);
  });

  test("a string of the result keeps no more than a thousand characters of its column alive", () => {
    const values = Array.from({ length: 20_000 }, (_, i) => `${i}`.padStart(50, "x"));
    // Once before: the scratch memory of the codec grows with the first large batch and stays.
    const kept = [sent(values)[0] as string];
    const before = heapBytes();
    for (let round = 0; round < 100; round++) kept.push(sent(values)[round] as string);
    // Had each kept its column alive, this would be 100 MB.
    expect(heapBytes() - before).toBeLessThan(50_000_000);
    expect(kept).toHaveLength(101);
  });

  test("a batch of bids is smaller than its fields, and epoch milliseconds cost one or two bytes each", () => {
    const bids = Array.from({ length: 500 }, (_, i) => ({
      ...bid,
      auction: 1000 + (i % 90),
      dateTime: bid.dateTime + i,
    }));
    expect(encodeFrame(frameOf(createBatch(bids))).length).toBeLessThan(500 * 12);
    const times = bids.map((each) => each.dateTime);
    expect(encodeFrame(frameOf(createBatch(times))).length).toBeLessThan(500 * 2 + 50);
  });

  test("the result refers to nothing of the bytes it was read from", () => {
    const value = { data: new Uint8Array([1, 2, 3]), floats: new Float32Array([1, 2]), url: bid.url };
    const bytes = encodeFrame(frameOf(createBatch([value])));
    const frame = decodeFrame(bytes);
    bytes.fill(0);
    expectSame(frame.batch!.values, [value]);
  });

  class Money {
    readonly cents = 1;
  }
  const cycle: Record<string, unknown> = { deep: {} };
  (cycle["deep"] as Record<string, unknown>)["up"] = cycle;
  const refused: [string, unknown, RegExp][] = [
    ["a function", { a: { f: () => 1 } }, /is a function/],
    ["a symbol", [Symbol("s")], /is a symbol/],
    ["a class instance", { total: new Money() }, /an instance of class Money/],
    ["a cycle", cycle, /a reference to one of its own parents/],
  ];
  test.each(refused)("%s is refused, not changed silently", (_name, value, message) => {
    const encode = (): Buffer =>
      encodeFrame(frameOf(createBatch([value, value])), 'operator "parse", edge "x"');
    expect(encode).toThrow(NotSerialisableError);
    expect(encode).toThrow(message);
    expect(encode).toThrow(/^operator "parse", edge "x": /);
  });

  test("a refused record leaves the encoder usable", () => {
    expect(() => sent([bid, () => 1])).toThrow(NotSerialisableError);
    expectSame(sent([bid, bid]), [bid, bid]);
  });

  test("the cap is what an entry of Redis may take without the next allocation class", () => {
    expect(MAX_FRAME_BYTES).toBe(65_280);
  });
});

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
