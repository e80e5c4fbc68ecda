// Value classes — takes a mixed column apart into columns that are not mixed.
import type { Shape, ShapeRegistry } from "./shape.ts";
import { isPlainObject } from "./shape.ts";

/** A tagged union has a few shapes; objects used as dictionaries have a new one each, and columns do not help them. */
const MAX_SHAPE_CLASSES = 12;
const FREE_SHAPE_CLASSES = 4;
const ROWS_PER_SHAPE = 4;

export interface ValueClasses {
  /** Class per row. */
  readonly tags: Uint8Array;
  /** Per class its rows, in order. At least two classes. */
  readonly rows: readonly unknown[][];
}

/** @returns undefined when taking the values apart would not help: all are of one class, or most are of their own */
export function classify(values: readonly unknown[], shapes: ShapeRegistry): ValueClasses | undefined {
  const tags = new Uint8Array(values.length);
  const rows: unknown[][] = [];
  const tagOfKind = new Map<string, number>();
  const known: { readonly shape: Shape; readonly tag: number }[] = [];
  for (let r = 0; r < values.length; ) {
    const value = values[r];
    const tag = isPlainObject(value) ? tagOfShape(values, r) : tagOf(kindOf(value));
    tags[r++] = tag;
    rows[tag]!.push(value);
  }
  if (rows.length < 2) return undefined;
  if (known.length > FREE_SHAPE_CLASSES && values.length < known.length * ROWS_PER_SHAPE) return undefined;
  return { tags, rows };

  function tagOfShape(all: readonly unknown[], r: number): number {
    for (const { shape, tag } of known) if (shape.firstMismatch(all, r, r + 1) > r) return tag;
    const shape = known.length < MAX_SHAPE_CLASSES ? shapes.ofRow(all[r]) : undefined;
    if (shape === undefined) return tagOf("other");
    known.push({ shape, tag: rows.length });
    return rows.push([]) - 1;
  }

  function tagOf(kind: string): number {
    let tag = tagOfKind.get(kind);
    if (tag === undefined) {
      tag = rows.push([]) - 1;
      tagOfKind.set(kind, tag);
    }
    return tag;
  }
}

function kindOf(value: unknown): string {
  if (typeof value !== "object") return typeof value;
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return value instanceof Date ? "date" : "other";
}
