// The ten worst airports of a day as text, two by two.
import { styleText } from "node:util";
import type { AirportDay, Ranking } from "./job.ts";

/** Below this a line has one airport only. */
const TWO_COLUMNS = 78;

/**
 * @param width columns of the terminal
 * @param colors mark high delays with colour
 */
export function formatDay(
  { day, flights, airports, totalDelay, worst }: Ranking,
  width: number,
  colors: boolean,
): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string =>
    colors ? styleText(style, text, { validateStream: false }) : text;
  const columns = width >= TWO_COLUMNS ? 2 : 1;
  const cellWidth = Math.floor((width - 3 * (columns - 1)) / columns);
  const rows = Math.ceil(worst.length / columns);
  const mean = Math.round(totalDelay / flights);
  const facts = `${flights} flights from ${airports} airports, ${Math.abs(mean)} min ${mean < 0 ? "early" : "late"} on average`;
  const titles = Array.from({ length: columns }, () => titleCell(cellWidth)).join("   ");
  const lines = [`${paint("bold", nameOf(day))}   ${facts}`, paint("dim", titles)];
  for (let row = 0; row < rows; row++) {
    const cells: string[] = [];
    for (let rank = row; rank < worst.length; rank += rows) {
      const entry = worst[rank] as AirportDay;
      const cell = airportCell(rank + 1, entry, cellWidth);
      cells.push(
        entry.meanDelay >= 60 ? paint("red", cell) : entry.meanDelay >= 30 ? paint("yellow", cell) : cell,
      );
    }
    lines.push(cells.join("   "));
  }
  return `${lines.join("\n")}\n\n`;
}

/** `12 SFO San Francisco Inte…      12    62   210` */
function airportCell(
  rank: number,
  { iata, airport, flights, meanDelay, maxDelay }: AirportDay,
  width: number,
): string {
  const figures = `${pad(flights, 8)}${pad(Math.round(meanDelay), 6)}${pad(maxDelay, 6)}`;
  const nameWidth = width - figures.length - 7;
  const name =
    airport.length <= nameWidth ? airport.padEnd(nameWidth) : `${airport.slice(0, nameWidth - 1)}…`;
  return `${pad(rank, 2)} ${iata} ${name}${figures}`;
}

function titleCell(width: number): string {
  const figures = " flights  mean   max";
  return `   ${"airport".padEnd(width - figures.length - 3)}${figures}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}

/** `2001-02-14` -> `Wed 14 Feb 2001` */
function nameOf(day: string): string {
  const [weekday = "", date = "", month = "", year = ""] = new Date(`${day}T00:00Z`)
    .toUTCString()
    .split(/,? /);
  return `${weekday} ${date} ${month} ${year}`;
}
