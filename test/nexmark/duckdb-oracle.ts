// DuckDbOracle — the Nexmark queries as SQL over tables of all events, in a database that knows nothing of streams.
//
// Every query says what its result is when everything has been seen: no watermark, no order of arrival except where a
// tie is broken by it. The texts are batch SQL of our own; the rules where texts and engines differ are those of
// docs/nexmark.md.
//
// Precondition of the windowed queries, as for the folds in oracle.ts: no event is 4 s or more behind an earlier one.
import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import type { NexmarkEvent } from "../../src/nexmark/events.ts";
import type { NexmarkQuery } from "../../src/nexmark/queries.ts";
import { defaultSideInput, type SideInput } from "../../src/nexmark/side-input.ts";

/** Bids whose time lies between the opening of their auction and its end, both included; the best one has `place` 1. */
const auctionBids: string = `
  SELECT a.*, b.auction, b.bidder, b.price, b.date_time AS bid_date_time, b.extra AS bid_extra,
    row_number() OVER (PARTITION BY a.seq ORDER BY b.price DESC, b.date_time, b.seq) AS place, b.seq AS bid_seq
  FROM auction a JOIN bid b ON b.auction = a.id AND b.date_time BETWEEN a.date_time AND a.expires`;

const dayOf: string = "strftime(make_timestamp_ms(date_time), '%Y-%m-%d')";
const minuteOf: string = "strftime(make_timestamp_ms(date_time), '%H:%M')";

/** Counts of bids, bidders and auctions, all and by rank of price. */
const rankCounts: string = ["bids", "bidders", "auctions"]
  .flatMap((what) => {
    const counted = what === "bids" ? "*" : `DISTINCT ${what.slice(0, -1)}`;
    return [
      `count(${counted}) AS total_${what}`,
      `count(${counted}) FILTER (price < 10000) AS rank1_${what}`,
      `count(${counted}) FILTER (price >= 10000 AND price < 1000000) AS rank2_${what}`,
      `count(${counted}) FILTER (price >= 1000000) AS rank3_${what}`,
    ];
  })
  .join(", ");

const converted: string = "CAST(price AS DECIMAL(18, 0)) * 0.908";

const channelId: string = `CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2'
  WHEN 'baidu' THEN '3' ELSE nullif(regexp_extract(url, '(&|^)channel_id=([^&]*)', 2), '') END`;

const sql: Readonly<Record<NexmarkQuery, string>> = {
  q0: "SELECT auction, bidder, price, date_time, extra FROM bid",
  q1: `SELECT auction, bidder, CAST(${converted} AS VARCHAR) AS price, date_time, extra FROM bid`,
  q2: "SELECT auction, price FROM bid WHERE auction % 123 = 0",
  q3: `SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
    WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')`,
  q4: `SELECT category, CAST(sum(final) // count(*) AS BIGINT) AS avg_final
    FROM (SELECT category, price AS final FROM (${auctionBids}) WHERE place = 1) GROUP BY category`,
  q5: `WITH counts AS (
      SELECT auction, start, count(*) AS num
      FROM (SELECT auction, unnest(range(date_time - date_time % 2000 - 8000, date_time + 1, 2000)) AS start FROM bid)
      GROUP BY auction, start)
    SELECT auction, num FROM counts c WHERE num = (SELECT max(num) FROM counts m WHERE m.start = c.start)`,
  q6: `SELECT seller, CAST(sum(price) OVER best // count(*) OVER best AS BIGINT) AS avg_price
    FROM (${auctionBids}) WHERE place = 1
    WINDOW best AS (PARTITION BY seller ORDER BY bid_date_time, bid_seq ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)`,
  q7: `WITH highest AS (SELECT date_time - date_time % 10000 AS start, max(price) AS price FROM bid GROUP BY 1)
    SELECT b.auction, b.price, b.bidder, b.date_time, b.extra FROM bid b JOIN highest h
    ON b.price = h.price AND b.date_time BETWEEN h.start AND h.start + 10000`,
  q8: `SELECT DISTINCT p.id, p.name, p.date_time - p.date_time % 10000 AS starttime FROM person p JOIN auction a
    ON a.seller = p.id AND a.date_time - a.date_time % 10000 = p.date_time - p.date_time % 10000`,
  q9: `SELECT id, item_name, description, initial_bid, reserve, date_time, expires, seller, category, extra, auction,
      bidder, price, bid_date_time, bid_extra FROM (${auctionBids}) WHERE place = 1`,
  q11: `WITH marked AS (
      SELECT bidder, date_time, coalesce(date_time - lag(date_time) OVER along > 10000, true) AS begins
      FROM bid WINDOW along AS (PARTITION BY bidder ORDER BY date_time)),
    numbered AS (
      SELECT bidder, date_time, sum(CAST(begins AS INTEGER)) OVER (PARTITION BY bidder ORDER BY date_time) AS session
      FROM marked)
    SELECT bidder, count(*) AS bid_count, min(date_time) AS starttime, max(date_time) + 10000 AS endtime
    FROM numbered GROUP BY bidder, session`,
  /** In processing time only the totals are certain. */
  q12: "SELECT bidder, count(*) AS total_bids FROM bid GROUP BY bidder",
  q13: `SELECT b.auction, b.bidder, b.price, b.date_time, s.value FROM bid b JOIN side_input s
    ON s.key = b.auction % 10000`,
  q14: `SELECT auction, bidder, CAST(${converted} AS VARCHAR) AS price,
      CASE WHEN date_part('hour', make_timestamp_ms(date_time)) BETWEEN 8 AND 18 THEN 'dayTime'
        WHEN date_part('hour', make_timestamp_ms(date_time)) <= 6 OR date_part('hour', make_timestamp_ms(date_time)) >= 20
          THEN 'nightTime'
        ELSE 'otherTime' END AS bid_time_type,
      date_time, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
    FROM bid WHERE ${converted} > 1000000 AND ${converted} < 50000000`,
  q15: `SELECT ${dayOf} AS day, ${rankCounts} FROM bid GROUP BY 1`,
  q16: `SELECT channel, ${dayOf} AS day, max(${minuteOf}) AS minute, ${rankCounts} FROM bid GROUP BY 1, 2`,
  q17: `SELECT auction, ${dayOf} AS day, count(*) AS total_bids,
      count(*) FILTER (price < 10000) AS rank1_bids,
      count(*) FILTER (price >= 10000 AND price < 1000000) AS rank2_bids,
      count(*) FILTER (price >= 1000000) AS rank3_bids,
      min(price) AS min_price, max(price) AS max_price, CAST(sum(price) // count(*) AS BIGINT) AS avg_price,
      CAST(sum(price) AS BIGINT) AS sum_price
    FROM bid GROUP BY 1, 2`,
  q18: `SELECT auction, bidder, price, channel, url, date_time, extra FROM bid
    QUALIFY row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, seq DESC) = 1`,
  q19: `SELECT auction, bidder, price, channel, url, date_time, extra,
      row_number() OVER (PARTITION BY auction ORDER BY price DESC, seq) AS rank_number
    FROM bid QUALIFY rank_number <= 10`,
  q20: `SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.date_time AS bid_date_time, b.extra AS bid_extra,
      a.item_name, a.description, a.initial_bid, a.reserve, a.date_time AS auction_date_time, a.expires, a.seller,
      a.category, a.extra AS auction_extra
    FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10`,
  q21: `SELECT auction, bidder, price, channel, channel_id FROM (SELECT *, ${channelId} AS channel_id FROM bid)
    WHERE channel_id IS NOT NULL`,
  q22: `SELECT auction, bidder, price, channel, string_split(url, '/')[4] AS dir1, string_split(url, '/')[5] AS dir2,
      string_split(url, '/')[6] AS dir3 FROM bid`,
  q23: `SELECT b.bidder, b.price, b.channel, b.url, b.extra AS bid_extra, p.id AS person_id, p.name, p.email_address,
      p.credit_card, p.city, p.state, p.extra AS person_extra, a.item_name, a.description, a.initial_bid, a.reserve,
      a.date_time AS auction_date_time, a.expires, a.seller, a.category, a.extra AS auction_extra
    FROM bid b JOIN person p ON b.bidder = p.id JOIN auction a ON a.seller = b.bidder`,
};

export class DuckDbOracle {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #sorted = new Map<NexmarkQuery, Promise<readonly string[]>>();

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /**
   * Loads all events. Call {@link close} when done.
   *
   * @param sideInput what q13 looks auctions up in
   */
  static async load(
    events: Iterable<NexmarkEvent>,
    sideInput: SideInput = defaultSideInput(),
  ): Promise<DuckDbOracle> {
    const instance = await DuckDBInstance.create(":memory:", { threads: "2" });
    const connection = await instance.connect();
    const folder = await mkdtemp(join(tmpdir(), "weir-duckdb-"));
    try {
      const tables = await writeTables(folder, events, sideInput);
      for (const [table, path] of tables) {
        const types = columnsOf[table].map(([field, type]) => `${field}: '${type}'`).join(", ");
        const names = columnsOf[table].map(([field]) => `${field} AS ${snakeCase(field)}`).join(", ");
        await connection.run(
          `CREATE TABLE ${table} AS SELECT ${names} FROM read_json('${path}', format = 'newline_delimited', columns = {${types}})`,
        );
      }
      return new DuckDbOracle(instance, connection);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** The rows of a query as NDJSON lines in sorted order, columns in the published order; computed once. */
  sortedLines(query: NexmarkQuery): Promise<readonly string[]> {
    let lines = this.#sorted.get(query);
    if (lines === undefined) {
      lines = this.#sort(query);
      this.#sorted.set(query, lines);
    }
    return lines;
  }

  async #sort(query: NexmarkQuery): Promise<readonly string[]> {
    const all: string[] = [];
    for await (const lines of this.lines(query)) all.push(...lines);
    return all.sort();
  }

  /** The rows of a query as NDJSON lines, in no order, a part at a time. */
  async *lines(query: NexmarkQuery): AsyncGenerator<string[], void, undefined> {
    const result = await this.#connection.stream(sql[query]);
    const names = result.columnNames();
    for await (const rows of result.yieldRowsJs())
      yield rows.map((row) =>
        JSON.stringify(Object.fromEntries(names.map((name, i) => [name, plain(row[i])]))),
      );
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

type Table = "person" | "auction" | "bid" | "side_input";

/** One file per table, written through: a million events are more than a string may hold. */
async function writeTables(
  folder: string,
  events: Iterable<NexmarkEvent>,
  sideInput: SideInput,
): Promise<readonly (readonly [Table, string])[]> {
  const files = tableNames.map((table) => ({
    table,
    path: join(folder, `${table}.ndjson`),
    lines: [] as string[],
  }));
  const [persons, auctions, bids, side] = files.map(({ lines }) => lines) as [
    string[],
    string[],
    string[],
    string[],
  ];
  const flush = async (): Promise<void> => {
    for (const { path, lines } of files) {
      await appendFile(path, lines.join(""));
      lines.length = 0;
    }
  };
  for (const [key, value] of sideInput) side.push(`${JSON.stringify({ key, value })}\n`);
  for (const { person, auction, bid, seq } of events) {
    if (person !== null) persons.push(`${JSON.stringify({ ...person, seq })}\n`);
    else if (auction !== null) auctions.push(`${JSON.stringify({ ...auction, seq })}\n`);
    else bids.push(`${JSON.stringify({ ...bid, seq })}\n`);
    if (bids.length >= 100_000) await flush();
  }
  await flush();
  return files.map(({ table, path }) => [table, path]);
}

const tableNames: readonly Table[] = ["person", "auction", "bid", "side_input"];

const columnsOf: Readonly<Record<Table, readonly (readonly [field: string, type: string])[]>> = {
  person: columns("seq id dateTime", "name emailAddress creditCard city state extra"),
  auction: columns(
    "seq id initialBid reserve dateTime expires seller category",
    "itemName description extra",
  ),
  bid: columns("seq auction bidder price dateTime", "channel url extra"),
  side_input: columns("key", "value"),
};

function columns(numbers: string, texts: string): (readonly [string, string])[] {
  return [
    ...numbers.split(" ").map((field) => [field, "BIGINT"] as const),
    ...texts.split(" ").map((field) => [field, "VARCHAR"] as const),
  ];
}

function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** 64-bit integers of these queries stay below 2^53. */
function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
