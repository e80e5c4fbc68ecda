// Servers that cannot be used are refused by connect(), before anything runs, with the address and the remedy.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect, type EngineError } from "../../src/index.ts";
import { RedisServer } from "../support/redis-server.ts";

async function refusal(redis: string): Promise<EngineError> {
  try {
    const weir = await connect({ redis });
    await weir.close();
  } catch (thrown) {
    return thrown as EngineError;
  }
  throw new Error(`connect accepted ${redis}`);
}

describe("connect refuses", () => {
  let locked: RedisServer;
  let evicting: RedisServer;
  let gone: string;

  beforeAll(async () => {
    [locked, evicting] = await Promise.all([
      RedisServer.start(),
      RedisServer.start({ extraArgs: ["--maxmemory-policy", "allkeys-lru"] }),
    ]);
    await locked.cli("CONFIG", "SET", "requirepass", "right");
    const stopped = await RedisServer.start();
    gone = stopped.url;
    await stopped.stop();
  });

  afterAll(async () => {
    await Promise.all([locked.stop(), evicting.stop()]);
  });

  test("a Redis that may evict keys", async () => {
    const error = await refusal(evicting.url);
    expect(error).toMatchObject({ name: "RedisEvictionPolicyError", code: "REDIS_EVICTION_POLICY" });
    expect(error.message).toContain(evicting.url);
    expect(error.message).toMatch(/allkeys-lru.*noeviction/);
    await evicting.cli("CONFIG", "SET", "maxmemory-policy", "noeviction");
    await (await connect({ redis: evicting.url })).close();
  });

  test("an address where nothing listens", async () => {
    const error = await refusal(gone);
    expect(error).toMatchObject({ name: "RedisUnreachableError", code: "REDIS_UNREACHABLE" });
    expect(error.message).toContain(gone);
    expect(error.message).toMatch(/start it, or check/);
  });

  test("a wrong password, or none, without showing it", async () => {
    const none = await refusal(locked.url);
    const wrong = await refusal(`redis://:wrong-secret@127.0.0.1:${locked.port}`);
    for (const error of [none, wrong]) {
      expect(error).toMatchObject({ name: "RedisAuthError", code: "REDIS_AUTH" });
      expect(error.message).toContain(`127.0.0.1:${locked.port}`);
      expect(error.message).not.toContain("wrong-secret");
    }
    await (await connect({ redis: `redis://:right@127.0.0.1:${locked.port}` })).close();
  });

  for (const [url, reason] of [
    ["127.0.0.1:6379", /the scheme redis:\/\/ is missing|cannot be parsed/],
    ["localhost:6379", /the scheme redis:\/\/ is missing/],
    ["http://127.0.0.1:6379", /the scheme http is none that Redis speaks/],
    ["redis://127.0.0.1:port", /cannot be parsed/],
    ["redis://127.0.0.1:6379/jobs", /the database "jobs" is not a number/],
    ["", /cannot be parsed/],
  ] as const)
    test(`the URL "${url}"`, async () => {
      const error = await refusal(url);
      expect(error).toMatchObject({ name: "RedisUrlError", code: "REDIS_URL" });
      expect(error.message).toMatch(reason);
      expect(error.message).toMatch(/write redis:\/\//);
    });
});
