// The results of the demo on Redis: two streams, written in the commits of the job itself.
import { createClient } from "redis";
import type { Job } from "weir";
import { redisStreamSink } from "weir/connectors/redis";
import { type AirportDay, airportDelays, type Ranking } from "./job.ts";

/** The same job as everywhere; only its sinks differ. */
export function jobOnRedis(name: string, speed: number): Job {
  return airportDelays({
    name,
    speed,
    airportDays: redisStreamSink<AirportDay>(airportDaysKey(name)),
    rankings: redisStreamSink<Ranking>(rankingsKey(name)),
  });
}

function airportDaysKey(job: string): string {
  return `${job}:airport-days`;
}

function rankingsKey(job: string): string {
  return `${job}:rankings`;
}

type Client = ReturnType<typeof connectTo>;

function connectTo(url: string) {
  return createClient({ url });
}

/** Reads the two streams, as any other program would. */
export class ResultReader {
  readonly #client: Client;
  readonly #job: string;
  #rankingsThrough = "0-0";

  private constructor(client: Client, job: string) {
    this.#client = client;
    this.#job = job;
  }

  static async open(url: string, job: string): Promise<ResultReader> {
    const client = connectTo(url);
    client.on("error", () => undefined); // the pending command rejects with the same error
    await client.connect();
    return new ResultReader(client, job);
  }

  /** Rankings that came since the last look; nothing twice. */
  async newRankings(): Promise<Ranking[]> {
    const entries = await this.#client.xRange(rankingsKey(this.#job), `(${this.#rankingsThrough}`, "+");
    this.#rankingsThrough = entries?.at(-1)?.id ?? this.#rankingsThrough;
    return recordsOf<Ranking>(entries);
  }

  async allAirportDays(): Promise<AirportDay[]> {
    return recordsOf<AirportDay>(await this.#client.xRange(airportDaysKey(this.#job), "-", "+"));
  }

  async deleteStreams(): Promise<void> {
    await this.#client.unlink([airportDaysKey(this.#job), rankingsKey(this.#job)]);
  }

  close(): void {
    this.#client.destroy();
  }
}

type Entries = Awaited<ReturnType<Client["xRange"]>>;

function recordsOf<T>(entries: Entries): T[] {
  return (entries ?? []).map(({ message }) => JSON.parse(message["record"] ?? "null") as T);
}
