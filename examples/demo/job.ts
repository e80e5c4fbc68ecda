// The job of the demo: how late the flights of each airport were, day by day, and the ten worst airports of each day.
//
//   weir run examples/demo/job.ts                                       in this process
//   weir run examples/demo/job.ts --redis redis://localhost --workers 3 on Redis, the same job
import {
  type Aggregate,
  combine,
  count,
  defineJob,
  type Job,
  max,
  mean,
  type Sink,
  sum,
  tumbling,
} from "weir";
import { console } from "weir/connectors/console";
import { loadAirports, loadFlights } from "./flights.ts";
import { replay } from "./replay.ts";

/** 90 days in 19.4 seconds. */
export const DEFAULT_SPEED = 400_000;

/** One airport on one day. Delays are minutes. */
export interface AirportDay {
  readonly day: string;
  readonly iata: string;
  readonly airport: string;
  readonly flights: number;
  readonly totalDelay: number;
  readonly meanDelay: number;
  readonly maxDelay: number;
}

export interface Ranking {
  readonly day: string;
  readonly airports: number;
  readonly flights: number;
  readonly totalDelay: number;
  /** The ten airports with the highest mean delay, worst first. */
  readonly worst: readonly AirportDay[];
}

export interface DelaysOptions {
  readonly name: string;
  /** How many times faster than in 2001. */
  readonly speed: number;
  /** Every airport on every day; left out: only the rankings are written. */
  readonly airportDays?: Sink<AirportDay>;
  readonly rankings: Sink<Ranking>;
}

export function airportDelays({ name, speed, airportDays, rankings }: DelaysOptions): Job {
  const airports = loadAirports();
  const flights = replay(loadFlights(), { time: (flight) => flight.departedAt, speed });
  return defineJob(name, (job) => {
    const days = job
      .source("flights", flights, { timestamp: (flight) => flight.departedAt, parallelism: 3 })
      .keyBy((flight) => flight.origin)
      .window(tumbling("1d"))
      .aggregate(
        "delays",
        combine({
          flights: count(),
          totalDelay: sum((flight: Flight) => flight.delay),
          meanDelay: mean((flight: Flight) => flight.delay),
          maxDelay: max((flight: Flight) => flight.delay),
        }),
        { parallelism: 4 },
      )
      .map("name-airports", ({ key, value, window }): AirportDay => {
        const day = new Date(window.start).toISOString().slice(0, 10);
        return { day, iata: key, airport: airports.get(key)?.name ?? key, ...value };
      });
    if (airportDays !== undefined) days.to("airport-days", airportDays);
    // A record of a window is as old as the window's last millisecond: all airports of a day meet in the same day again.
    days
      .keyBy((row) => row.day)
      .window(tumbling("1d"))
      .aggregate("ranking", worstTen, { parallelism: 1 })
      .map("rank", ({ key, value }): Ranking => ({ day: key, ...value }))
      .to("rankings", rankings);
  });
}

type Flight = ReturnType<typeof loadFlights>[number];
type Ranked = Omit<Ranking, "day">;

/** An aggregate of one's own: keeps ten rows, however many airports there are. */
const worstTen: Aggregate<AirportDay, Ranked, Ranked> = {
  create: () => ({ airports: 0, flights: 0, totalDelay: 0, worst: [] }),
  add: (ranked, row) => ({
    airports: ranked.airports + 1,
    flights: ranked.flights + row.flights,
    totalDelay: ranked.totalDelay + row.totalDelay,
    worst: firstTen([...ranked.worst, row]),
  }),
  merge: (a, b) => ({
    airports: a.airports + b.airports,
    flights: a.flights + b.flights,
    totalDelay: a.totalDelay + b.totalDelay,
    worst: firstTen([...a.worst, ...b.worst]),
  }),
  result: (ranked) => ranked,
  immutable: true,
};

/** A complete order: airports that are equally late stand in the same order on every run. */
function firstTen(rows: readonly AirportDay[]): readonly AirportDay[] {
  return rows
    .toSorted((a, b) => b.meanDelay - a.meanDelay || b.maxDelay - a.maxDelay || (a.iata < b.iata ? -1 : 1))
    .slice(0, 10);
}

const summary = ({ day, flights, worst: [first] }: Ranking): string =>
  `${day}  ${flights} flights, worst: ${first?.airport} (${Math.round(first?.meanDelay ?? 0)} min)`;

const job: Job = airportDelays({
  name: "airport-delays",
  speed: DEFAULT_SPEED,
  rankings: console({ format: summary }),
});

export default job;
