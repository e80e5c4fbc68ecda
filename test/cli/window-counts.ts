/** What jobs/window-counts.mjs must print, in any order: a fold without windows, watermarks or partitions. */
export function expectedLines(recordCount: number): string[] {
  const counts = new Map<string, { key: number; start: number; count: number }>();
  for (let n = 0; n < recordCount; n++) {
    const key = n % 5;
    const start = Math.floor(n / 500) * 1_000;
    const entry = counts.get(`${key} ${start}`) ?? { key, start, count: 0 };
    entry.count++;
    counts.set(`${key} ${start}`, entry);
  }
  return [...counts.values()].map((entry) => JSON.stringify(entry)).sort();
}
