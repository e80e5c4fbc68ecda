// A table out of its changelog: what the rows of `--changelog` must add up to.

/** Columns of a changelog row. */
type ChangeRow = Readonly<Record<string, unknown>> & { readonly op: string };

/**
 * Applies changes to an empty multiset of rows.
 *
 * @param changes rows or lines with `op` in front
 * @returns the rows that are left, as sorted lines
 * @throws when a change takes back a row that is not there, or one half of an update stands alone
 */
export function tableOf(changes: readonly object[]): string[] {
  const counts = new Map<string, number>();
  let updated = 0;
  for (const [index, change] of changes.entries()) {
    const { op, ...row } = change as ChangeRow;
    if (Object.keys(change)[0] !== "op") throw new Error(`change ${index} does not begin with op`);
    const line = JSON.stringify(row);
    const count = counts.get(line) ?? 0;
    switch (op) {
      case "+U":
      case "+I":
        counts.set(line, count + 1);
        break;
      case "-U":
      case "-D":
        if (count === 0)
          throw new Error(`change ${index}: ${op} takes back a row that is not there: ${line}`);
        if (count === 1) counts.delete(line);
        else counts.set(line, count - 1);
        break;
      default:
        throw new Error(`change ${index} has the op ${op}`);
    }
    if (op === "-U") updated++;
    if (op === "+U") updated--;
  }
  if (updated !== 0) throw new Error(`${updated} more rows were taken back by -U than came by +U`);
  return [...counts].flatMap(([line, count]) => Array<string>(count).fill(line)).sort();
}
