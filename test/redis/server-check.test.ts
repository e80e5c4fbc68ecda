import { describe, expect, test } from "vitest";
import { classifyReply, redactUrl } from "../../src/redis/errors.ts";
import { decideServer, parseInfo } from "../../src/redis/server-check.ts";

const good = {
  redis_version: "7.0.15",
  redis_mode: "standalone",
  role: "master",
  loading: "0",
  maxmemory_policy: "noeviction",
};
const verdict = (facts: Record<string, string>): unknown =>
  decideServer("redis://user:secret@host", new Map(Object.entries({ ...good, ...facts })));

describe("decideServer", () => {
  test.each([
    { redis_version: "7.0.0" },
    { redis_version: "7.2.4" },
    { redis_version: "8.0.1" },
    { redis_version: "10.0.0" },
    { redis_version: "7.2.4", valkey_version: "7.2.5" },
    { redis_version: "7.2.4", valkey_version: "8.1.0" },
  ])("takes %o", (facts) => {
    expect(verdict(facts)).toBeUndefined();
  });

  test.each([
    [
      { redis_version: "6.2.14" },
      "REDIS_TOO_OLD",
      /Redis at .* is version 6\.2\.14; Weir needs Redis 7\.0 or newer/,
    ],
    [{ redis_version: "7.2.4", valkey_version: "7.1.9" }, "REDIS_TOO_OLD", /Valkey .* 7\.1\.9.*Valkey 7\.2/],
    [{ redis_version: "weird" }, "REDIS_TOO_OLD", /version weird/],
    [{ redis_mode: "cluster" }, "REDIS_CLUSTER", /cluster mode/],
    [{ loading: "1" }, "REDIS_LOADING", /loading/],
    [{ role: "slave" }, "REDIS_NOT_PRIMARY", /role slave; connect to the primary/],
    [{ maxmemory_policy: "allkeys-lfu" }, "REDIS_EVICTION_POLICY", /allkeys-lfu.*noeviction/],
  ])("refuses %o with %s", (facts, code, message) => {
    const error = verdict(facts as Record<string, string>);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(String(error)).not.toContain("secret");
  });
});

test("INFO is read line by line; section titles and blanks are no facts", () => {
  const info = parseInfo("# Server\r\nredis_version:7.0.15\r\n\r\nexecutable:/a:b\r\n");
  expect([...info]).toEqual([
    ["redis_version", "7.0.15"],
    ["executable", "/a:b"],
  ]);
});

test.each([
  ["redis://host:6379/0", "redis://host:6379/0"],
  ["redis://:secret@host", "redis://:***@host"],
  ["redis://user:secret@host:1", "redis://user:***@host:1"],
  ["redis://user:se@cret@host:1", "redis://user:***@host:1"],
  ["rediss://user@host", "rediss://user@host"],
  ["user:secret@host", ":***@host"],
])("the password of %j is shown as %j", (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
});

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", "refused"],
  ["MISCONF Redis is configured to save RDB snapshots", "refused"],
  ["NOREPLICAS Not enough good replicas to write.", "refused"],
  ["BUSY Redis is busy running a script", "refused"],
  ["READONLY You can't write against a read only replica.", "session"],
  ["LOADING Redis is loading the dataset in memory", "session"],
  ["MASTERDOWN Link with MASTER is down", "session"],
  ["MOVED 1 127.0.0.1:1", "session"],
  ["NOSCRIPT No matching script.", "noscript"],
  ["NOPERM this user has no permissions", "permission"],
  ["NOAUTH Authentication required.", "permission"],
  ["WRONGTYPE Operation against a key", "other"],
  ["ERR something", "other"],
  ["", "other"],
])("the reply %j is classified as %s", (message, failure) => {
  expect(classifyReply(message)).toBe(failure);
});
