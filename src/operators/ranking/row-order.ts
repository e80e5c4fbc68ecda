// RowOrder — by what rows are ranked: one value or several, each ascending or descending.
import { EngineError } from "../../core/errors.ts";
import type { Ordered } from "../aggregates.ts";

/** What a row is ranked by: a value, or several of which each decides where those before it are equal. */
export type RankedBy = Ordered | readonly Ordered[];

export type Direction = "asc" | "desc";

/** What records are to be ordered by is nothing that has an order. */
export class NotOrderedError extends EngineError<"NOT_ORDERED"> {
  constructor(operator: string, value: unknown) {
    const shown = typeof value === "object" && value !== null ? "an object" : String(value);
    super(
      "NOT_ORDERED",
      `operator "${operator}": the function "by" returned ${shown}; return a number that is not NaN, a string or a bigint, ` +
        "or an array of these",
      { details: { operator, value: shown } },
    );
  }
}

export class RowOrder {
  readonly #operator: string;
  readonly #by: (row: never) => RankedBy;
  /** 1 where ascending, -1 where descending; the last one holds for all further values. */
  readonly #signs: readonly number[];

  constructor(operator: string, by: (row: never) => RankedBy, directions: readonly Direction[]) {
    this.#operator = operator;
    this.#by = by;
    this.#signs = directions.map((direction) => (direction === "asc" ? 1 : -1));
  }

  /** @throws {NotOrderedError} */
  of(row: unknown): RankedBy {
    const by: unknown = this.#by(row as never);
    if (Array.isArray(by)) for (const each of by) this.#check(each);
    else this.#check(by);
    return by as RankedBy;
  }

  #check(value: unknown): void {
    const ordered =
      typeof value === "number"
        ? !Number.isNaN(value)
        : typeof value === "string" || typeof value === "bigint";
    if (!ordered) throw new NotOrderedError(this.#operator, value);
  }

  /** Negative when a row that is ranked by `a` stands before one that is ranked by `b`, 0 when they are peers. */
  compare(a: RankedBy, b: RankedBy): number {
    if (typeof a !== "object" || typeof b !== "object")
      return (a < b ? -1 : a > b ? 1 : 0) * (this.#signs[0] as number);
    for (let i = 0; i < a.length; i++) {
      const left = a[i] as Ordered;
      const right = b[i] as Ordered;
      if (left === right) continue;
      const sign = this.#signs[Math.min(i, this.#signs.length - 1)] as number;
      if (left < right) return -sign;
      if (left > right) return sign;
    }
    return 0;
  }
}
