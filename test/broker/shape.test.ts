import { deepStrictEqual } from "node:assert";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ShapeRegistry } from "../../src/broker/shape.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const odd = { 7: 1, a: 2, "b c": 3, '"': 4, "\ud800": 5, "${x}": 6, "`": 7, "*/": 8, "\n\u2028": 9 };

/** Builds copies of `row` from its own columns. */
function rebuilt(shapes: ShapeRegistry, row: object, rows: number): unknown[] {
  const shape = shapes.ofRow(row)!;
  const all = Array<object>(rows).fill(row);
  expect(shape.firstMismatch(all, 0, rows)).toBe(rows);
  shape.noteRows(rows);
  const columns = shape.names.map((_, c) => {
    const column = new Array<unknown>(rows);
    expect(shape.property(c).any(all, rows, column)).toBe(rows);
    return column;
  });
  return shape.build(columns, rows);
}

describe("ShapeRegistry", () => {
  test.each([
    ["by loops", 10],
    ["by code", 2_000],
  ])("any property names are read and built %s, in their order", (_name, rows) => {
    const shapes = new ShapeRegistry();
    for (const row of [odd, {}, { x: undefined }]) {
      const built = rebuilt(shapes, row, rows);
      expect(built).toHaveLength(rows);
      deepStrictEqual(built.at(-1), row);
      expect(Object.keys(built.at(-1)!)).toEqual(Object.keys(row));
      expect(built[0]).not.toBe(built[1]);
    }
  });

  test("a process that forbids code from strings gets the same by loops", () => {
    const forbidden = vi.fn(function forbid() {
      throw new EvalError("Code generation from strings disallowed for this context");
    });
    vi.stubGlobal("Function", forbidden);
    const shapes = new ShapeRegistry();
    deepStrictEqual(rebuilt(shapes, odd, 2_000).at(-1), odd);
    deepStrictEqual(rebuilt(shapes, odd, 2_000).at(-1), odd);
    expect(forbidden).toHaveBeenCalledTimes(1);
  });

  test.each([
    ["by loops", 10],
    ["by code", 2_000],
  ])("the first row of another shape is found %s", (_name, rows) => {
    const shapes = new ShapeRegistry();
    rebuilt(shapes, { a: 1, b: 2 }, rows);
    const shape = shapes.ofRow({ a: 1, b: 2 })!;
    class Pair {
      a = 1;
      b = 2;
    }
    const others = [
      { b: 2, a: 1 },
      { a: 1 },
      { a: 1, b: 2, c: 3 },
      null,
      1,
      "ab",
      [1, 2],
      new Pair(),
      undefined,
    ];
    for (const other of others) expect(shape.firstMismatch([{ a: 0, b: 0 }, other], 0, 2)).toBe(1);
  });

  test.each([
    ["by loops", 10],
    ["by code", 2_000],
  ])("a column is copied %s up to the first value of another type", (_name, rows) => {
    const shapes = new ShapeRegistry();
    rebuilt(shapes, { a: 1 }, rows);
    const { numbers, texts, of } = shapes.ofRow({ a: 1 })!.property(0);
    expect(numbers([{ a: 1 }, { a: 2 }, { a: "3" }], 3, new Float64Array(3))).toBe(2);
    expect(texts([{ a: "1" }, { a: "2" }, { a: 3 }], 3, new Array<string>(3))).toBe(2);
    expect(of({ a: 5 })).toBe(5);
  });

  test("class instances, arrays and objects with an own __proto__ have no shape", () => {
    const shapes = new ShapeRegistry();
    for (const row of [new Date(), [], new Map(), JSON.parse('{"__proto__": 1}'), null, 3])
      expect(shapes.ofRow(row)).toBe(undefined);
  });

  test("ten thousand shapes are met without being kept", () => {
    const shapes = new ShapeRegistry();
    const first = shapes.ofRow({ first: 1 });
    for (let i = 0; i < 10_000; i++) shapes.ofRow({ [`name${i}`]: 1 });
    expect(shapes.ofRow({ first: 1 })).not.toBe(first);
  });
});
