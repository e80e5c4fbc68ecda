// Whether two runs gave the same rows: as multisets, because partitions have no order among each other.

export interface Difference {
  /** Rows of the expected run that the other one lacks, as JSON; a row that is missing twice stands here twice. */
  readonly missing: readonly string[];
  /** Rows that the other run has too many. */
  readonly extra: readonly string[];
}

export function compareRows(expected: readonly unknown[], actual: readonly unknown[]): Difference {
  const counts = new Map<string, number>();
  for (const row of expected) add(counts, canonical(row), 1);
  for (const row of actual) add(counts, canonical(row), -1);
  const repeated = (sign: 1 | -1): string[] =>
    [...counts].flatMap(([row, count]) => new Array<string>(Math.max(0, sign * count)).fill(row));
  return { missing: repeated(1), extra: repeated(-1) };
}

function add(counts: Map<string, number>, row: string, by: number): void {
  counts.set(row, (counts.get(row) ?? 0) + by);
}

/** JSON whose text depends on the values only, not on the order in which properties were set. */
function canonical(row: unknown): string {
  return JSON.stringify(row, (_name, value: unknown) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
