// The demo's results against a fold over the same flights, its source, and the verdict that must be able to fail.
import { describe, expect, test } from "vitest";
import { runUnpaced } from "../../examples/demo/embedded.ts";
import { type Flight, loadAirports, loadFlights } from "../../examples/demo/flights.ts";
import type { AirportDay } from "../../examples/demo/job.ts";
import { replay } from "../../examples/demo/replay.ts";
import { compareRows } from "../../examples/demo/verdict.ts";

function foldByHand(flights: readonly Flight[]): AirportDay[] {
  const airports = loadAirports();
  const groups = new Map<string, Flight[]>();
  for (const flight of flights) {
    const group = `${new Date(flight.departedAt).toISOString().slice(0, 10)} ${flight.origin}`;
    groups.set(group, [...(groups.get(group) ?? []), flight]);
  }
  return [...groups].map(([group, own]) => {
    const [day = "", iata = ""] = group.split(" ");
    const delays = own.map((flight) => flight.delay);
    const totalDelay = delays.reduce((sum, delay) => sum + delay, 0);
    return {
      ...{ day, iata, airport: airports.get(iata)?.name ?? iata, flights: own.length, totalDelay },
      ...{ meanDelay: totalDelay / own.length, maxDelay: Math.max(...delays) },
    };
  });
}

describe("the demo's job", () => {
  test("gives for every airport and day what a fold by hand gives, and ranks the worst ten of each day", async () => {
    const flights = loadFlights();
    expect(flights.length).toBe(20_000);
    const expected = foldByHand(flights);
    const { airportDays, rankings } = await runUnpaced();
    expect(compareRows(expected, airportDays)).toEqual({ missing: [], extra: [] });
    expect(airportDays.every((row) => row.airport !== row.iata)).toBe(true);

    const days = new Set(expected.map((row) => row.day));
    expect(rankings.map((ranking) => ranking.day)).toEqual([...days].sort());
    for (const { day, airports, flights: number, worst } of rankings) {
      const own = expected.filter((row) => row.day === day);
      expect(airports).toBe(own.length);
      expect(number).toBe(own.reduce((sum, row) => sum + row.flights, 0));
      const means = own.map((row) => row.meanDelay).sort((a, b) => b - a);
      expect(worst.map((row) => row.meanDelay)).toEqual(means.slice(0, 10));
    }
  });
});

describe("replay", () => {
  const records = [0, 10, 20, 30, 40, 50, 60].map((at) => ({ at }));
  const context = { job: "j", source: "s", partition: 0, parallelism: 2 };
  const source = replay(records, { time: (record) => record.at, speed: Number.POSITIVE_INFINITY });

  test("splits deal the records out, and reading goes on behind the position of a batch", async () => {
    const read: number[] = [];
    for (const split of await source.splits(2)) {
      const first = await (await source.open(split, undefined, context)).read(2);
      const rest = await (await source.open(split, first.position, context)).read(100);
      expect({ first: first.end, rest: rest.end }).toEqual({ first: false, rest: true });
      read.push(...[...first.records, ...rest.records].map((record) => record.at));
    }
    expect(read.sort((a, b) => a - b)).toEqual(records.map((record) => record.at));
  });

  test("gives nothing before its time, and ends a wait when it is closed", async () => {
    const slow = replay(records, { time: (record) => record.at, speed: 1e-6 });
    const [split] = await slow.splits(1);
    const reader = await slow.open(split as NonNullable<typeof split>, undefined, context);
    expect((await reader.read(100)).records).toEqual([{ at: 0 }]);
    const waiting = reader.read(100);
    await reader.close();
    expect((await waiting).records).toEqual([]);
  });
});

describe("the verdict", () => {
  const row = (day: string, flights: number): object => ({ day, flights });

  test("sees no difference in another order of rows and properties", () => {
    const actual = [{ flights: 2, day: "b" }, row("a", 1)];
    expect(compareRows([row("a", 1), row("b", 2)], actual)).toEqual({ missing: [], extra: [] });
  });

  test.each([
    ["a row is missing", [row("a", 1)], ['{"day":"b","flights":2}'], []],
    ["a row comes twice", [row("a", 1), row("b", 2), row("b", 2)], [], ['{"day":"b","flights":2}']],
    ["a value differs", [row("a", 1), row("b", 3)], ['{"day":"b","flights":2}'], ['{"day":"b","flights":3}']],
  ])("notices that %s", (_what, actual, missing, extra) => {
    expect(compareRows([row("a", 1), row("b", 2)], actual)).toEqual({ missing, extra });
  });
});
