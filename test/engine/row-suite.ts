// Joins of rows as they come, every kind, in running jobs: the order of arrival is known, so each result is.
import { describe, expect, test } from "vitest";
import { aggregating, type Change, collect, emits, mean } from "../../src/index.ts";
import { chunks, type Engine, newJob, randomNumbers, sorted, withWeir } from "./engine.ts";
import { Lockstep, type Turn } from "./lockstep.ts";
import { SMALL } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

interface Row {
  readonly id: number;
  readonly key: string;
  /** Of few: a later row of a side replaces the one with the same. */
  readonly slot: number;
}

/** Each side has keys that the other one does not have. */
const turns: readonly Turn<Row>[] = drawTurns();

function drawTurns(): Turn<Row>[] {
  const random = randomNumbers(77);
  const below = (n: number): number => Math.floor(random() * n);
  let id = 0;
  return Array.from({ length: 24 }, (): Turn<Row> => {
    const input = below(2) === 0 ? 0 : 1;
    const row = (): Row => ({ id: id++, key: `k${below(5) + 2 * input}`, slot: below(3) });
    return { input, records: Array.from({ length: 1 + below(4) }, row) };
  });
}

type Side = 0 | 1;

/** The rows of a side that stand in the end. */
function lastRows(side: Side): Row[] {
  const rows = turns.filter(({ input }) => input === side).flatMap(({ records }) => records);
  return [...new Map(rows.map((row) => [`${row.key}/${row.slot}`, row])).values()];
}

/** @param kind of a join of tables */
function joined(kind: string): string[] {
  const [lefts, rights] = [lastRows(0), lastRows(1)];
  const meets =
    (one: Row) =>
    (other: Row): boolean =>
      one.key === other.key;
  const pairs = lefts.flatMap((left) => rights.filter(meets(left)).map((right) => `${left.id} ${right.id}`));
  const lonely = (ones: readonly Row[], others: readonly Row[]): Row[] =>
    ones.filter((one) => !others.some(meets(one)));
  if (kind === "semi") return lefts.filter((left) => rights.some(meets(left))).map(({ id }) => `${id} -`);
  if (kind === "anti") return lonely(lefts, rights).map(({ id }) => `${id} -`);
  return [
    ...pairs,
    ...(kind === "left" || kind === "full" ? lonely(lefts, rights).map(({ id }) => `${id} -`) : []),
    ...(kind === "right" || kind === "full" ? lonely(rights, lefts).map(({ id }) => `- ${id}`) : []),
  ];
}

/** What the changes leave; a change that takes away what is not there is a text of its own. */
function standing(changes: readonly Change<string>[]): string[] {
  const rows: string[] = [];
  for (const { op, row } of changes) {
    if (op === "+I" || op === "+U") rows.push(row);
    else if (rows.includes(row)) rows.splice(rows.indexOf(row), 1);
    else rows.push(`${op} ${row}`);
  }
  return rows;
}

export function describeRows(engine: Engine): void {
  describe.concurrent("rows", () => {
    for (const kind of ["inner", "left"] as const)
      test(`joinLatest, ${kind}: each record meets the row that came last for its key`, async () => {
        const steps = new Lockstep("latest", turns);
        const out = collect<string>();
        const job = newJob((builder) => {
          const [records, table] = steps.sources.map((source, i) =>
            builder.source(`side-${i}`, source, { parallelism: 1 }).keyBy(({ key }) => key),
          );
          if (records === undefined || table === undefined) return;
          records
            .joinLatest(
              "latest",
              table,
              { kind },
              (record, row: Row | undefined) => `${record.id} ${row?.id}`,
            )
            .to("out", out);
        });
        await withWeir(engine, job.name, async (weir) => {
          steps.run = await weir.run(job, { parallelism: 2, settings: SMALL });
          await steps.run.finished;
        });
        const latest = new Map<string, Row>();
        const expected = turns.flatMap(({ input, records }) =>
          records.flatMap((record) => {
            const row = latest.get(record.key);
            if (input === 1) latest.set(record.key, record);
            return input === 1 || (kind === "inner" && row === undefined) ? [] : [`${record.id} ${row?.id}`];
          }),
        );
        expect(expected.length).toBeGreaterThan(10);
        expect(sorted(out.results)).toEqual(sorted(expected));
      });

    for (const kind of ["inner", "left", "right", "full", "semi", "anti"] as const)
      test(`join, ${kind}: the changes leave the join of the rows that stand in the end`, async () => {
        const steps = new Lockstep("all", turns);
        const out = collect<Change<string>>();
        const job = newJob((builder) => {
          const [left, right] = steps.sources.map((source, i) =>
            builder.source(`side-${i}`, source, { parallelism: 1 }).keyBy(({ key }) => key),
          );
          if (left === undefined || right === undefined) return;
          left
            .join(
              "all",
              right,
              { kind, leftKey: ({ slot }) => slot, rightKey: ({ slot }) => slot },
              (one: Row | undefined, other: Row | undefined) => `${one?.id ?? "-"} ${other?.id ?? "-"}`,
            )
            .to("out", out, { parallelism: 1 });
        });
        await withWeir(engine, job.name, async (weir) => {
          steps.run = await weir.run(job, { parallelism: 1, settings: SMALL });
          await steps.run.finished;
        });
        expect(joined(kind).length).toBeGreaterThan(0);
        expect(sorted(standing(out.results))).toEqual(sorted(joined(kind)));
      });

    test("aggregating state: the mean of a key's rows so far", async () => {
      const rows = turns.flatMap(({ records }) => records);
      const out = collect<string>();
      const job = newJob((builder) =>
        builder
          .source("rows", scripted([chunks(rows, 5)]), { parallelism: 1 })
          .keyBy(({ key }) => key)
          .process("means", {
            state: { mean: aggregating(mean((slot: number) => slot)) },
            emits: emits<string>(),
            onRecord({ id, slot }, context) {
              context.state.mean.add(slot);
              context.emit(`${id} ${context.state.mean.get()?.toFixed(6)}`);
            },
          })
          .to("out", out),
      );
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 2, settings: SMALL });
        await run.finished;
      });
      const expected = rows.map(({ id, key }) => {
        const slots = rows.filter((row) => row.key === key && row.id <= id).map(({ slot }) => slot);
        return `${id} ${(slots.reduce((a, b) => a + b) / slots.length).toFixed(6)}`;
      });
      expect(sorted(out.results)).toEqual(sorted(expected));
    });
  });
}
