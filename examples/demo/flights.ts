// The data of the demo: US flights of early 2001 and the table of airports, from the package `vega-datasets`.
import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";

export interface Flight {
  /** Departure in epoch ms. The file gives local times without a zone; they are read as UTC. */
  readonly departedAt: number;
  /** Minutes late at the destination; negative: early. */
  readonly delay: number;
  readonly origin: string;
  readonly destination: string;
}

export interface Airport {
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

/** All flights in departure order. The file does not promise that order, and a replay by the clock needs it. */
export function loadFlights(): Flight[] {
  const rows = JSON.parse(readData("flights-20k.json")) as {
    date: string;
    delay: number;
    origin: string;
    destination: string;
  }[];
  return rows
    .map(({ date, delay, origin, destination }) => ({
      departedAt: parseDate(date),
      delay,
      origin,
      destination,
    }))
    .sort((a, b) => a.departedAt - b.departedAt);
}

/** Airports by their IATA code. */
export function loadAirports(): ReadonlyMap<string, Airport> {
  const rows: Record<string, string>[] = parse(readData("airports.csv"), { columns: true });
  return new Map(
    rows.map(({ iata = "", name = "", city = "", state = "" }) => [iata, { name: name.trim(), city, state }]),
  );
}

function readData(file: string): string {
  return readFileSync(new URL(`../data/${file}`, import.meta.resolve("vega-datasets")), "utf8");
}

/** `2001/01/31 23:59` */
function parseDate(text: string): number {
  const match = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d)$/.exec(text);
  if (match === null) throw new Error(`flights-20k.json: the date "${text}" is not YYYY/MM/DD hh:mm`);
  const [year, month, day, hour, minute] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute);
}
