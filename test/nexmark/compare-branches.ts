// Results of a job of all queries against the oracle.
import { expect } from "vitest";
import { type Branch, branches } from "./all-queries.ts";
import type { DuckDbOracle } from "./duckdb-oracle.ts";
import { comparable } from "./expected.ts";
import { tableOf } from "./table.ts";

/**
 * The rows of each query are those of the oracle, and so is what each changelog adds up to.
 *
 * @param linesOf the rows of a branch as lines of JSON, in the order in which they came
 */
export async function expectOracle(
  oracle: DuckDbOracle,
  linesOf: (branch: Branch) => readonly string[] | Promise<readonly string[]>,
): Promise<void> {
  const failures: { readonly branch: string; readonly error: unknown }[] = [];
  for (const branch of branches)
    try {
      expectRows(branch, await linesOf(branch), await oracle.sortedLines(branch.query));
    } catch (error) {
      failures.push({ branch: branch.name, error });
    }
  if (failures.length === 0) return;
  const names = failures.map(({ branch }) => branch).join(", ");
  throw new Error(`${names} differ from the oracle; the first as told below`, { cause: failures[0]?.error });
}

function expectRows(
  { query, name, changelog }: Branch,
  lines: readonly string[],
  expected: readonly string[],
): void {
  expect(expected.length, `rows of ${query} to compare`).toBeGreaterThan(0);
  const found = changelog ? tableOf(lines.map(parse)) : comparable(query, lines);
  expect(found, name).toEqual(expected);
  if (changelog)
    expect(lines.length, `${name}: more than the last changes alone`).toBeGreaterThan(found.length);
}

function parse(line: string): object {
  return JSON.parse(line) as object;
}
