// A job whose state changes while it lives: stopped in one version, resumed in another, on Redis.
import { describe, expect, test } from "vitest";
import { redisStream, redisStreamSink } from "../../src/connectors/redis/index.ts";
import {
  connect,
  defineJob,
  emits,
  type Job,
  type JobRun,
  list,
  map,
  migrations,
  type StateDescriptors,
  value,
  type Weir,
} from "../../src/index.ts";
import { RedisSession } from "../../src/redis/session.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { waitFor } from "../support/wait-for.ts";

interface Visit {
  readonly user: string;
}

interface Stay {
  readonly visits: number;
}

const v1 = { visits: value({ default: 0 }), log: list<number>(), places: map<string, number>() };
const v2 = {
  visits: value<Stay>({ migrate: migrations<number>().to((visits): Stay => ({ visits })) }),
  log: list<string>({ migrate: migrations<number>().to(String) }),
  places: map<string, string>({ migrate: migrations<number>().to((n) => `place ${n}`) }),
};

/** One job's streams and keys on the tests' Redis. */
class World {
  readonly name = uniqueTag("evolution");
  readonly weir: Weir;
  readonly #session: RedisSession;

  private constructor(weir: Weir, session: RedisSession) {
    this.weir = weir;
    this.#session = session;
  }

  static async with(act: (world: World) => Promise<void>): Promise<void> {
    const world = new World(
      await connect({ redis: testRedisUrl() }),
      await RedisSession.open({ url: testRedisUrl() }),
    );
    try {
      await act(world);
    } finally {
      await world.weir.close();
      await world.weir.remove(world.name);
      await world.#session.send(["UNLINK", `${world.name}-in`, `${world.name}-out`]);
      world.#session.close();
    }
  }

  /** Counts visits per user, with the layout of `state`, and emits what the state holds. */
  job<S extends StateDescriptors>(
    state: S,
    visit: (state: never) => unknown,
    others: (job: never) => void = () => {},
  ): Job {
    return defineJob(this.name, (job) => {
      job
        .source("visits", redisStream<Visit>(`${this.name}-in`, { url: testRedisUrl() }))
        .keyBy((record) => record.user)
        .process("track", {
          state,
          emits: emits<unknown>(),
          onRecord: (record, context) =>
            context.emit({ user: record.user, holds: visit(context.state as never) }),
        })
        .to("out", redisStreamSink(`${this.name}-out`));
      others(job as never);
    });
  }

  first(): Job {
    return this.job(v1, ({ visits, log, places }: States<typeof v1>) => {
      visits.set(visits.get() + 1);
      log.append(visits.get());
      places.set("home", visits.get());
      return [visits.get(), [...log.get()], [...places.entries()]];
    });
  }

  second(): Job {
    return this.job(v2, ({ visits, log, places }: States<typeof v2>) => [
      visits.get() ?? null,
      [...log.get()],
      [...places.entries()],
    ]);
  }

  async send(...users: readonly string[]): Promise<void> {
    for (const user of users)
      await this.#session.send(["XADD", `${this.name}-in`, "*", "record", JSON.stringify({ user })]);
  }

  async results(): Promise<unknown[]> {
    const entries = await this.#session.send(["XRANGE", `${this.name}-out`, "-", "+"]);
    return (entries as unknown as [string, string[]][]).map(([, fields]) => JSON.parse(fields[1]!));
  }

  async settled(run: JobRun, results: number): Promise<void> {
    const there = waitFor(async () => (await this.results()).length >= results, {
      describe: `${results} results`,
    });
    await Promise.race([there, run.finished.then(() => there)]);
  }

  /** Runs until there are so many results, then drains and leaves. */
  async runUntil(job: Job, results: number): Promise<void> {
    const run = await this.weir.run(job, { parallelism: 2 });
    await this.settled(run, results);
    await run.stop();
  }

  /** Version in front of every stored value, by user, for each of the three shapes. */
  async versions(): Promise<Record<string, readonly number[]>> {
    const found: Record<string, number[]> = {};
    const session = this.#session;
    const keys = async (kind: string): Promise<string[]> =>
      (await session.send(["KEYS", `{weir:${this.name}}:*:${kind}:track:*`])) as unknown as string[];
    const note = (user: string | undefined, bytes: Buffer): void => {
      if (user !== undefined) found[user] = [...(found[user] ?? []), bytes[0]!];
    };
    const userOf = (text: string): string | undefined => /u\d$/.exec(text)?.[0];
    for (const key of await keys("s")) {
      const fields = (await session.sendForBytes(["HGETALL", key])) as Buffer[];
      for (let i = 0; i < fields.length; i += 2)
        if (fields[i + 1]!.length > 0) note(userOf(fields[i]!.toString()), fields[i + 1]!);
    }
    for (const key of await keys("l"))
      for (const element of (await session.sendForBytes(["LRANGE", key, "0", "-1"])) as Buffer[])
        note(userOf(key), element);
    for (const key of await keys("m")) {
      const fields = (await session.sendForBytes(["HGETALL", key])) as Buffer[];
      for (let i = 0; i < fields.length; i += 2) note(userOf(key), fields[i + 1]!);
    }
    return found;
  }

  /** Everything about the job's partitions that an attach or a commit would change. */
  async partitions(): Promise<unknown> {
    const keys = (await this.#session.send(["KEYS", `{weir:${this.name}}:*:a:*`])) as unknown as string[];
    return Promise.all(keys.sort().map((key) => this.#session.send(["HGETALL", key])));
  }
}

type States<S> = import("../../src/state/keyed-state.ts").StateHandles<S>;

describe.concurrent("state that changes its layout", () => {
  test("S4 a job goes on in a new version: what is read is migrated and stored anew, what is not stays as it was", async () => {
    await World.with(async (world) => {
      await world.send("u1", "u2", "u1", "u3");
      await world.runUntil(world.first(), 4);
      expect(await world.versions()).toEqual({ u1: [1, 1, 1, 1], u2: [1, 1, 1], u3: [1, 1, 1] });

      await world.send("u1", "u4");
      await world.runUntil(world.second(), 6);
      expect((await world.results()).slice(4)).toEqual(
        expect.arrayContaining([
          { user: "u1", holds: [{ visits: 2 }, ["1", "2"], [["home", "place 2"]]] },
          { user: "u4", holds: [null, [], []] },
        ]),
      );
      // Reading alone rewrote u1; nobody touched u2 and u3.
      expect(await world.versions()).toEqual({ u1: [2, 2, 2, 2], u2: [1, 1, 1], u3: [1, 1, 1] });

      await world.send("u2");
      await world.runUntil(world.second(), 7);
      expect((await world.results()).at(-1)).toEqual({
        user: "u2",
        holds: [{ visits: 1 }, ["1"], [["home", "place 1"]]],
      });
      expect(await world.versions()).toMatchObject({ u2: [2, 2, 2], u3: [1, 1, 1] });
    });
  });

  test("V1 the older job is refused before it touches anything, and so is a version without a migration", async () => {
    await World.with(async (world) => {
      await world.send("u1");
      await world.runUntil(world.first(), 1);
      const unable = world.job({ ...v1, visits: value({ default: 0, version: 2 }) }, () => 0);
      await expect(world.weir.run(unable)).rejects.toMatchObject({
        code: "MIGRATION_MISSING",
        message: expect.stringContaining(
          'operator "track", state "visits": values of version 1 may be stored',
        ),
      });
      await world.runUntil(world.second(), 1);
      await world.send("u1", "u2");
      const before = await world.partitions();
      await expect(world.weir.run(world.first())).rejects.toMatchObject({
        code: "STATE_NEWER",
        message: expect.stringContaining("stored in version 2, this process reads up to version 1"),
      });
      expect(await world.partitions()).toEqual(before);
      expect((await world.weir.status(world.name))?.job.status).toBe("running");
      await world.runUntil(world.second(), 3);
    });
  });

  test("V1 a worker of the old version leaves when the new one joins, and no record is lost or counted twice", async () => {
    await World.with(async (world) => {
      const old = await world.weir.run(world.first(), { parallelism: 2 });
      await world.send("u1", "u2", "u3");
      await world.settled(old, 3);
      const counting = world.job(v2, ({ visits }: States<typeof v2>) => {
        visits.set({ visits: (visits.get()?.visits ?? 0) + 1 });
        return visits.get();
      });
      const other = await connect({ redis: testRedisUrl() });
      try {
        const run = await other.run(counting);
        await world.send("u1", "u2", "u3", "u1");
        await expect(old.finished).rejects.toMatchObject({ code: "LAYOUTS_CHANGED" });
        await world.settled(run, 7);
        await world.send("u1");
        await world.settled(run, 8);
        expect((await world.results()).at(-1)).toEqual({ user: "u1", holds: { visits: 4 } });
      } finally {
        await other.close();
      }
    });
  });

  test("a state may be added to a job that lives", async () => {
    await World.with(async (world) => {
      await world.send("u1");
      await world.runUntil(world.first(), 1);
      await world.send("u1");
      const more = { ...v1, seen: value({ default: 7 }) };
      await world.runUntil(
        world.job(more, ({ visits, seen }: States<typeof more>) => [visits.get(), seen.get()]),
        2,
      );
      expect((await world.results()).at(-1)).toEqual({ user: "u1", holds: [1, 7] });
      await expect(world.weir.run(world.first())).rejects.toMatchObject({
        code: "JOB_GRAPH_CHANGED",
        message: expect.stringContaining('state "seen" is stored but not declared'),
      });
    });
  });
});
