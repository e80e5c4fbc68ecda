// Numbers for people: grouped digits, durations with one unit that fits, columns that line up.

/** 1234567.8 -> `1,234,568` */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Whole milliseconds below a second, then the two units that say most. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)}s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}m${pad(Math.floor(ms / 1_000) % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${pad(minutes % 60)}m`;
  const days = Math.floor(hours / 24);
  return days < 100 ? `${days}d${pad(hours % 24)}h` : `${formatCount(days)}d`;
}

/** @param fraction 0 to 1, or undefined when nothing was measured */
export function formatPercent(fraction: number | undefined): string {
  return fraction === undefined ? "-" : `${Math.round(fraction * 100)}%`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000_000) return `${formatCount(bytes / 1_000)} kB`;
  return bytes < 10_000_000_000
    ? `${formatCount(bytes / 1_000_000)} MB`
    : `${formatCount(bytes / 1_000_000_000)} GB`;
}

export interface Column<Row> {
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Default right, as numbers stand. */
  readonly align?: "left" | "right";
  /** Columns with the largest number go first when the terminal is narrow; without one it always stays. */
  readonly dropOrder?: number;
}

/**
 * Lines of a table with two blanks between columns.
 *
 * @param width columns of the terminal; less important columns are left out until the table fits, then lines are cut
 */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number = Number.POSITIVE_INFINITY,
): string[] {
  let kept = columns.map((column) => {
    const cells = rows.map((row) => column.text(row));
    const cellWidth = Math.max(column.title.length, ...cells.map((cell) => cell.length));
    return { column, cells, cellWidth };
  });
  const total = (): number => kept.reduce((sum, each) => sum + each.cellWidth + 2, -2);
  while (total() > width) {
    const least = kept.reduce((worst, each) => (rank(each.column) > rank(worst.column) ? each : worst));
    if (rank(least.column) === 0) break;
    kept = kept.filter((each) => each !== least);
  }
  const line = (texts: readonly string[]): string =>
    cut(
      texts
        .map((text, i) => align(text, kept[i]!.column.align, kept[i]!.cellWidth))
        .join("  ")
        .trimEnd(),
      width,
    );
  const body = rows.map((_, row) => line(kept.map((each) => each.cells[row]!)));
  return [line(kept.map((each) => each.column.title)), ...body];
}

/** Cuts with an ellipsis what a line of the terminal cannot hold. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function rank<Row>(column: Column<Row>): number {
  return column.dropOrder ?? 0;
}

function align(text: string, side: "left" | "right" | undefined, width: number): string {
  return side === "left" ? text.padEnd(width) : text.padStart(width);
}

function pad(count: number): string {
  return String(count).padStart(2, "0");
}
