// Ranking, deduplication, aggregates of changes and over-windows in a running job, against folds over the same records.
import { describe, expect, test } from "vitest";
import {
  type Change,
  collect,
  collectList,
  combine,
  count,
  max,
  type OverResult,
  type Ranked,
  sum,
  topN,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";
import { chunks, type Engine, groupBy, randomNumbers, runToEnd, sorted } from "./engine.ts";
import { SMALL } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

interface Reading {
  readonly id: number;
  readonly key: string;
  readonly score: number;
  readonly at: number;
}

/** Readings whose time is at most 60 ms behind the newest one before them. */
function readings(total: number): Reading[] {
  const random = randomNumbers(total);
  return Array.from({ length: total }, (_, id) => ({
    id,
    key: `k${Math.floor(random() * 4)}`,
    score: Math.floor(random() * 20),
    at: 10_000 + id * 10 - Math.floor(random() * 60),
  }));
}

const TIME = { timestamp: (reading: Reading) => reading.at, outOfOrderness: 60 };
const INPUT = readings(240);
const BY_KEY = groupBy(INPUT, (reading) => reading.key);
const script = () => scripted([chunks(INPUT, 7)]);
/** Every partition forgets its heap again and again, and its state does not fit into the cache. */
const OPTIONS = { settings: { ...SMALL, timerSlice: 3 } };

/** What is there after all changes; they must come in an order in which nothing is taken away that is not there. */
function applied(changes: readonly Change<unknown>[]): string[] {
  const rows: string[] = [];
  for (const { op, row } of changes) {
    const text = JSON.stringify(row);
    if (op === "+I" || op === "+U") rows.push(text);
    else {
      expect(rows).toContain(text);
      rows.splice(rows.indexOf(text), 1);
    }
  }
  return rows.sort();
}

const inTime = (own: readonly Reading[]): Reading[] => [...own].sort((a, b) => a.at - b.at || a.id - b.id);
const byScore = (own: readonly Reading[]): Reading[] =>
  [...own].sort((a, b) => b.score - a.score || a.id - b.id);

export function describeRanking(engine: Engine): void {
  describe.concurrent("ranking and over-windows", () => {
    test("topN keeps the first rows of each key, and materialize gives them when the input ends", async () => {
      const changes = collect<Change<Ranked<Reading>>>();
      const rows = collect<Ranked<Reading>>();
      await runToEnd(
        engine,
        (job) => {
          const best = job
            .source("readings", script())
            .keyBy((reading) => reading.key)
            .topN("best", 3, { by: (reading) => [reading.score, -reading.id] });
          best.to("changes", changes);
          best
            .keyBy(({ row }) => `${row.record.key} ${row.rank}`)
            .materialize("table")
            .to("rows", rows);
        },
        OPTIONS,
      );
      const expected = [...BY_KEY.values()].flatMap((own) =>
        byScore(own)
          .slice(0, 3)
          .map((record, i) => ({ rank: i + 1, record })),
      );
      expect(applied(changes.results)).toEqual(sorted(expected));
      expect(sorted(rows.results)).toEqual(sorted(expected));
    });

    test("deduplicate gives the first and the last record of each key, by event time and by arrival", async () => {
      const first = collect<Reading>();
      const arrived = collect<Reading>();
      const late = collect<Reading>();
      const last = collect<Change<Reading>>();
      const atEnd = collect<Reading>();
      await runToEnd(
        engine,
        (job) => {
          const keyed = job.source("readings", script(), TIME).keyBy((reading) => reading.key);
          const earliest = keyed.deduplicate("first", { keep: "first" });
          earliest.to("first-out", first);
          earliest.late().to("late-out", late);
          keyed
            .deduplicate("arrived", { keep: "first", by: "arrival", ttl: "1h" })
            .to("arrived-out", arrived);
          keyed.deduplicate("last", { keep: "last" }).to("last-out", last);
          keyed
            .deduplicate("at-end", { keep: "last", by: "arrival", emit: "append" })
            .to("at-end-out", atEnd);
        },
        OPTIONS,
      );
      const of = (choose: (own: Reading[]) => Reading | undefined): string[] =>
        sorted([...BY_KEY.values()].map(choose));
      expect(sorted(first.results)).toEqual(of((own) => inTime(own)[0]));
      expect(late.results).toEqual([]);
      expect(sorted(arrived.results)).toEqual(of((own) => own[0]));
      expect(applied(last.results)).toEqual(of((own) => inTime(own).at(-1)));
      expect(sorted(atEnd.results)).toEqual(of((own) => own.at(-1)));
    });

    test("changes go through: the best reading of each key, then how many keys have which score", async () => {
      const scores = collect<Change<{ key: number; value: { keys: number; most: string } }>>();
      const top = collect<Change<Reading>>();
      await runToEnd(
        engine,
        (job) => {
          const best = job
            .source("readings", script(), TIME)
            .keyBy((reading) => reading.key)
            .deduplicate("last", { keep: "last" });
          best
            .keyBy(({ row }) => row.score)
            .aggregateChanges("scores", combine({ keys: count(), most: max((row) => row.key) }))
            .to("scores-out", scores);
          best
            .keyBy(() => "all")
            .topN("top", 2, { by: (row) => [row.score, row.key], rankColumn: false })
            .to("top-out", top);
        },
        OPTIONS,
      );
      const lasts = [...BY_KEY.values()].map((own) => inTime(own).at(-1) as Reading);
      const expected = [...groupBy(lasts, (reading) => reading.score)].map(([key, own]) => ({
        key,
        value: {
          keys: own.length,
          most: own
            .map((reading) => reading.key)
            .sort()
            .at(-1),
        },
      }));
      expect(applied(scores.results)).toEqual(sorted(expected));
      const order = lasts.sort((a, b) => b.score - a.score || (a.key < b.key ? 1 : -1));
      expect(applied(top.results)).toEqual(sorted(order.slice(0, 2)));
    });

    test("over gives each record the aggregate of its frame, by rows and by range", async () => {
      const rows = collect<OverResult<Reading, number[]>>();
      const range = collect<OverResult<Reading, number>>();
      await runToEnd(
        engine,
        (job) => {
          const keyed = job.source("readings", script(), TIME).keyBy((reading) => reading.key);
          keyed.over("rows", { rows: 3 }, collectIds()).to("rows-out", rows);
          keyed
            .over(
              "range",
              { range: 200 },
              sum((reading) => reading.score),
            )
            .to("range-out", range);
        },
        OPTIONS,
      );
      const frames = [...BY_KEY.values()].flatMap((own) => {
        const order = inTime(own);
        return order.map((record, i) => ({
          record,
          rows: order.slice(Math.max(0, i - 3), i + 1).map(({ id }) => id),
          total: order
            .filter(({ at }) => at <= record.at && at >= record.at - 200)
            .reduce((total, { score }) => total + score, 0),
        }));
      });
      expect(sorted(rows.results)).toEqual(
        sorted(frames.map(({ record, rows }) => ({ record, value: rows }))),
      );
      expect(sorted(range.results)).toEqual(
        sorted(frames.map(({ record, total }) => ({ record, value: total }))),
      );
    });

    test("over by arrival counts the rows of a key as they come", async () => {
      const out = collect<OverResult<number, number>>();
      await runToEnd(engine, (job) =>
        job
          .source(
            "numbers",
            scripted([
              [
                [1, 2],
                [3, 4, 5],
              ],
            ]),
          )
          .keyBy(() => "all")
          .over("n", { rows: "unbounded", order: "arrival" }, count())
          .to("out", out),
      );
      expect(out.results).toEqual([1, 2, 3, 4, 5].map((record) => ({ record, value: record })));
    });

    test("the first records of each window", async () => {
      const out = collect<WindowResult<string, Reading[]>>();
      await runToEnd(engine, (job) =>
        job
          .source("readings", script(), TIME)
          .keyBy((reading) => reading.key)
          .window(tumbling(500))
          .aggregate(
            "best",
            topN(2, (reading) => reading.score * 1_000 - reading.id),
          )
          .to("out", out),
      );
      const windows = groupBy(INPUT, ({ key, at }) => `${key} ${Math.floor(at / 500)}`);
      expect(sorted(out.results.map(({ value }) => value))).toEqual(
        sorted([...windows.values()].map((own) => byScore(own).slice(0, 2))),
      );
    });
  });
}

/** Ids in the order of the frame. */
function collectIds(): {
  create: () => number[];
  add: (ids: number[], reading: Reading) => number[];
  merge: (a: number[], b: number[]) => number[];
  result: (ids: number[]) => number[];
} {
  return {
    create: () => [],
    add(ids, reading) {
      ids.push(reading.id);
      return ids;
    },
    merge: collectList<number>().merge,
    result: (ids) => [...ids],
  };
}
