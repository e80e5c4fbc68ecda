// Every answer to a commit (docs/protocols/checkpoint.md) that a test can provoke, on a Redis of the test's own.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { msgpackCodec as codec } from "../../src/core/codec.ts";
import { LINEAGE_EPOCH_MS, LINEAGE_RANDOM } from "../../src/redis/scripts/attach.ts";
import { commitScript } from "../../src/redis/scripts/commit.ts";
import { COMMIT_LIMITS, CommitEncoder } from "../../src/state/commit-encoder.ts";
import { epoch, load, output, request, writes } from "../conformance/state-backend.ts";
import { type JobSession, RedisJob } from "../support/redis-job.ts";
import { RedisServer } from "../support/redis-server.ts";

let server: RedisServer;
let job: RedisJob;
let one: JobSession;

beforeEach(async () => {
  server = await RedisServer.start({ appendOnly: true, fsync: "always" });
  job = await RedisJob.create(server.url, "answers", ["p.0", "c.0"]);
  one = await job.open();
});
afterEach(async () => {
  await job.close();
  await server.stop();
});

describe("commit answers", () => {
  test("HISTORY: a server that restarted refuses the session, and the link itself may have survived", async () => {
    const handle = await one.backend.attach(request("p.0"));
    expect(await handle.commit(epoch(1))).toMatchObject({ kind: "OK" });
    // The same process and links, another history: what a demotion and promotion leave behind.
    await server.cli("REPLICAOF", "127.0.0.1", 1);
    await server.cli("REPLICAOF", "NO", "ONE");
    expect(await handle.commit(epoch(2, { meta: [["src", "lost"]] }))).toEqual({ kind: "HISTORY" });
    expect(one.session.ended).toMatchObject({ code: "SESSION_ENDED", cause: { code: "HISTORY_CHANGED" } });
    const two = await job.open();
    const again = await two.backend.attach(request("p.0"));
    expect(again.attached).toMatchObject({ seq: 1 });
    expect(again.attached.meta.has("src")).toBe(false);
  });

  test("HISTORY: an attach over an old session is refused and fences nobody", async () => {
    const two = await job.open();
    await server.cli("REPLICAOF", "127.0.0.1", 1);
    await server.cli("REPLICAOF", "NO", "ONE");
    const owner = await (await job.open()).backend.attach(request("p.0"));
    await expect(two.backend.attach(request("p.0"))).rejects.toMatchObject({ code: "SESSION_ENDED" });
    expect(await owner.commit(epoch(1))).toMatchObject({ kind: "OK" });
  });

  test("C7 after kill -9 and restart the old session is over and a new one finds what was committed", async () => {
    const handle = await one.backend.attach(request("p.0"));
    await handle.commit(epoch(1, { meta: [["src", "1"]] }));
    const before = one.session.history;
    await server.restart();
    expect(await handle.commit(epoch(2))).toMatchObject({ kind: "LOST" });
    const two = await job.open();
    expect(two.session.history).not.toBe(before);
    const again = await two.backend.attach(request("p.0"));
    expect(again.attached).toMatchObject({ seq: 1 });
    expect(again.attached.meta.get("src")).toBe("1");
  });

  test("REFUSED: sources are refused when memory is short, drains are not, and nothing was applied", async () => {
    const source = await one.backend.attach(request("p.0"));
    const sink = await one.backend.attach(request("c.0"));
    const { lineage } = source.attached;
    await source.commit(epoch(1, { outputs: [output("x:0>0", 1, lineage)] }));
    const blocked = epoch(2, { outputs: [output("x:0>0", 2, lineage)], meta: [["src", "2"]] });
    await server.cli("CONFIG", "SET", "maxmemory", "1mb");
    expect(await source.commit(blocked)).toMatchObject({
      kind: "REFUSED",
      reason: expect.stringContaining("OOM"),
    });
    expect(await one.reader.lengths(["x:0>0"])).toEqual([1]);
    const trims = [{ channel: "x:0>0", throughSeq: 1, lineage }];
    expect(await sink.commit(epoch(1, { drain: true, trims }))).toEqual({ kind: "OK", lengths: [] });
    // A take-over must work although memory is short.
    await one.backend.attach(request("c.0"));
    await server.cli("CONFIG", "SET", "maxmemory", "0");
    expect(await source.commit(blocked)).toEqual({ kind: "OK", lengths: [1] });
  });

  test("REFUSED: an epoch that is sent again is sent as it was, whatever became of its objects", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const total = { n: 1 };
    const state = [writes(1, { scalars: [{ state: "v", codec, fields: ["sa"], values: [total] }] })];
    const refused = epoch(1, { state });
    await server.cli("CONFIG", "SET", "maxmemory", "1mb");
    expect(await handle.commit(refused)).toMatchObject({ kind: "REFUSED" });
    total.n = 2;
    await server.cli("CONFIG", "SET", "maxmemory", "0");
    expect(await handle.commit(refused)).toMatchObject({ kind: "OK" });
    const stored = load("scalar", "v", 1, ["sa"]);
    await handle.load([stored]);
    expect(stored.results).toEqual([{ n: 1 }]);
  });

  test("REFUSED: an epoch behind a refused one is refused too, not rolled back", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const [first, second] = [epoch(1), epoch(2, { drain: true })];
    await server.cli("CONFIG", "SET", "maxmemory", "1mb");
    const answers = await Promise.all([handle.commit(first), handle.commit(second)]);
    expect(answers.map((answer) => answer.kind)).toEqual(["REFUSED", "REFUSED"]);
    await server.cli("CONFIG", "SET", "maxmemory", "0");
    const again = await Promise.all([handle.commit(first), handle.commit(second)]);
    expect(again.map((answer) => answer.kind)).toEqual(["OK", "OK"]);
  });

  test("REFUSED: too few replicas", async () => {
    const handle = await one.backend.attach(request("p.0"));
    await server.cli("CONFIG", "SET", "min-replicas-to-write", "1");
    expect(await handle.commit(epoch(1))).toMatchObject({
      kind: "REFUSED",
      reason: expect.stringContaining("NOREPLICAS"),
    });
    await server.cli("CONFIG", "SET", "min-replicas-to-write", "0");
    expect(await handle.commit(epoch(1))).toMatchObject({ kind: "OK" });
  });

  test("LOST: a server that became a replica ends the session", async () => {
    const handle = await one.backend.attach(request("p.0"));
    await server.cli("REPLICAOF", "127.0.0.1", 1);
    expect(await handle.commit(epoch(1))).toMatchObject({ kind: "LOST", cause: { code: "SESSION_ENDED" } });
    expect(one.session.ended?.cause).toMatchObject({ message: expect.stringContaining("READONLY") });
  });

  test("ROLLBACK: somebody set the epoch back", async () => {
    const handle = await one.backend.attach(request("p.0"));
    for (const seq of [1, 2, 3]) await handle.commit(epoch(seq));
    await server.cli("HSET", job.data.meta("p.0"), "seq", "1");
    expect(await handle.commit(epoch(4))).toEqual({ kind: "ROLLBACK", stored: 1 });
  });

  test("MISSING: after FLUSHALL a commit creates nothing, and the attach says so", async () => {
    const handle = await one.backend.attach(request("p.0"));
    await server.cli("FLUSHALL");
    expect(await handle.commit(epoch(1))).toMatchObject({
      kind: "LOST",
      cause: { code: "PARTITION_MISSING", message: expect.stringContaining('"answers"') },
    });
    await expect(one.backend.attach(request("p.0"))).rejects.toMatchObject({ code: "PARTITION_MISSING" });
    expect(await job.allKeys()).toEqual([]);
  });

  test("TORN: any deleted entry of an output channel, first, middle or last, is noticed by the attach", async () => {
    for (const victim of [1, 2, 3]) {
      const channel = `t${victim}:0>0`;
      const handle = await one.backend.attach(request("p.0"));
      const { seq, lineage } = handle.attached;
      const outputs = [1, 2, 3].map((at) => output(channel, at, lineage));
      await handle.commit(epoch(seq + 1, { outputs }));
      await server.cli("XDEL", job.data.channel(channel), `${victim}-${lineage}`);
      await expect(one.backend.attach(request("p.0", { outputs: [channel] }))).rejects.toMatchObject({
        code: "CHANNEL_TORN",
        message: expect.stringContaining(`entry ${victim}-${lineage} was deleted`),
      });
    }
  });

  test("TORN: a deleted channel is noticed, one that was only trimmed to nothing is not", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const { lineage } = handle.attached;
    await handle.commit(epoch(1, { outputs: [output("x:0>0", 1, lineage)] }));
    const consumer = await one.backend.attach(request("c.0"));
    await consumer.commit(epoch(1, { trims: [{ channel: "x:0>0", throughSeq: 1, lineage }] }));
    const again = await one.backend.attach(request("p.0", { outputs: ["x:0>0"] }));
    expect(again.attached.seq).toBe(1);
    await server.cli("DEL", job.data.channel("x:0>0"));
    await expect(one.backend.attach(request("p.0", { outputs: ["x:0>0"] }))).rejects.toMatchObject({
      code: "CHANNEL_TORN",
    });
  });

  test("H11 a commit that stops half-way is noticed by the attach, even without outputs", async () => {
    const handle = await one.backend.attach(request("p.0"));
    await server.cli("SET", job.data.timers("count", 2), "not a sorted set");
    const half = epoch(1, {
      state: [
        writes(1, { scalars: [{ state: "v", codec, fields: ["sa"], values: [1] }] }),
        writes(2, { timerAdds: [{ member: "m", time: 1 }] }),
      ],
    });
    expect(await handle.commit(half)).toMatchObject({ kind: "LOST", cause: { code: "COMMIT_FAILED" } });
    expect(await handle.commit(epoch(2))).toMatchObject({ kind: "LOST" });
    await expect(one.backend.attach(request("p.0"))).rejects.toMatchObject({
      code: "PARTITION_TORN",
      details: { begun: 1, ended: 0 },
    });
    // Other partitions of the session go on.
    expect(one.session.ended).toBeUndefined();
    await one.backend.attach(request("c.0"));
  });

  test("an absurd epoch is refused before anything is sent", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const maps = Array.from({ length: COMMIT_LIMITS.keys + 1 }, (_, i) => ({
      state: "m",
      codec,
      field: `n${i}`,
      clear: false,
      entries: new Map([["n1", 1]]),
    }));
    const huge = epoch(1, { state: [writes(1, { maps })] });
    expect(() => handle.commit(huge)).toThrow(
      expect.objectContaining({ code: "OVERSIZED_COMMIT", retry: "never" }),
    );
    expect(await handle.commit(epoch(1))).toMatchObject({ kind: "OK" });
  });

  test("a value that its codec refuses leaves the handle as it was", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const refusing = {
      ...codec,
      encode: () => {
        throw new Error("no");
      },
    };
    const bad = epoch(1, {
      state: [writes(1, { scalars: [{ state: "v", codec: refusing, fields: ["sa"], values: [1] }] })],
    });
    expect(() => handle.commit(bad)).toThrow(expect.objectContaining({ code: "STATE_CODEC" }));
    expect(await handle.commit(epoch(1))).toMatchObject({ kind: "OK" });
  });
});

describe("entries for streams outside the job", () => {
  test("are written with the commit, once, and kept to about their bound", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const commit = epoch(1, {
      appends: [
        { stream: "outside", fields: ["name", "a", "bytes", Buffer.from([0, 255])], maxLength: undefined },
        { stream: "outside", fields: ["name", "b"], maxLength: undefined },
        { stream: "other", fields: ["n", "1"], maxLength: 1000 },
      ],
    });
    expect(await handle.commit(commit)).toEqual({ kind: "OK", lengths: [] });
    expect(await handle.commit(commit)).toEqual({ kind: "DUP" });
    expect(await server.cli("XLEN", "outside")).toBe(2);
    const reply = (await server.cli("XRANGE", "outside", "-", "+")) as [string, string[]][];
    expect(reply.map(([, fields]) => fields[1])).toEqual(["a", "b"]);
    const many = Array.from({ length: 3000 }, () => ({
      stream: "other",
      fields: ["n", "1"],
      maxLength: 1000,
    }));
    await handle.commit(epoch(2, { appends: many }));
    expect(Number(await server.cli("XLEN", "other"))).toBeLessThan(1200);
  });
});

describe("scripts that the server forgot", () => {
  test("commits in flight during SCRIPT FLUSH are applied once and in order", async () => {
    const handle = await one.backend.attach(request("p.0"));
    const answers: Promise<string>[] = [];
    for (let seq = 1; seq <= 300; seq++) {
      if (seq % 50 === 25) void server.cli("SCRIPT", "FLUSH");
      const lists = [{ state: "log", codec, field: "sa", clear: false, appends: [seq] }];
      const answer = handle.commit(epoch(seq, { state: [writes(1, { lists })] }));
      answers.push(Promise.resolve(answer).then(({ kind }) => kind));
      if (seq % 10 === 0) await answer;
    }
    expect(new Set(await Promise.all(answers))).toEqual(new Set(["OK"]));
    expect(one.session.scriptReloads).toBeGreaterThan(0);
    const stored = load("list", "log", 1, ["sa"]);
    await handle.load([stored]);
    expect(stored.results).toEqual([Array.from({ length: 300 }, (_, i) => i + 1)]);
  });
});

describe("a commit that overtakes the one before it", () => {
  test("is sent again when the script came back between the two", async () => {
    const handle = await one.backend.attach(request("p.0"));
    // One link, so this is the order at the server: the first commit finds no script, the second does.
    const flushed = one.session.send(["SCRIPT", "FLUSH"]);
    const first = handle.commit(epoch(1));
    const loaded = one.session.send(["SCRIPT", "LOAD", commitScript.source]);
    const second = handle.commit(epoch(2));
    await Promise.all([flushed, loaded]);
    expect([(await first).kind, (await second).kind]).toEqual(["OK", "OK"]);
  });
});

describe("lineage numbers (docs/adr/0002-lineage-numbers.md)", () => {
  test("grow with every attach of any partition", async () => {
    let last = 0;
    for (let i = 0; i < 200; i++) {
      const { lineage } = (await one.backend.attach(request(i % 2 === 0 ? "p.0" : "c.0"))).attached;
      expect(lineage).toBeGreaterThan(last);
      last = lineage;
    }
    expect(last).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  test("grow although the server's clock went back", async () => {
    const ahead = (Date.now() + 3_600_000 - LINEAGE_EPOCH_MS) * LINEAGE_RANDOM;
    await server.cli("HSET", job.keys.record, "lineage", String(ahead));
    expect((await one.backend.attach(request("p.0"))).attached.lineage).toBe(ahead + 1);
  });

  test("are not given again although the stored number went back", async () => {
    const first = (await one.backend.attach(request("p.0"))).attached.lineage;
    await server.cli("HSET", job.keys.record, "lineage", "0");
    expect((await one.backend.attach(request("p.0"))).attached.lineage).toBeGreaterThan(first);
  });
});

describe("rollback of the server", () => {
  /**
   * P commits entry 1; C reads it and has its commit on the way; the server forgets entry 1, and C's commit arrives at
   * the restored past, where C's fence and sequence still match. P then writes another entry 1.
   *
   * @param history as the commit carries it: C's own, or, as the control, whatever the server has now
   */
  async function deliverCommitToRestoredPast(history: (current: string) => string): Promise<string> {
    const producer = await one.backend.attach(request("p.0"));
    const two = await job.open();
    await two.backend.attach(request("c.0"));
    const fence = String(await server.cli("HGET", job.data.meta("c.0"), "fence"));
    await producer.commit(epoch(1, { outputs: [output("x:0>0", 1, producer.attached.lineage, "[0]")] }));
    const [[entry] = []] = await two.reader.read([{ channel: "x:0>0", seq: 0, lineage: 0 }], 10);
    await server.kill();
    server.cutAof(40);
    await server.restart({ repair: true });
    expect(await server.cli("EXISTS", job.data.channel("x:0>0"))).toBe(0);
    expect(await server.cli("HMGET", job.data.meta("c.0"), "fence", "seq")).toEqual([fence, "0"]);

    const three = await job.open();
    const late = new CommitEncoder(job.keys, job.data).encode(
      "c.0",
      job.data.meta("c.0"),
      fence,
      history(three.session.history),
      epoch(1, { meta: [["in:x:0>0", `1-${entry!.lineage}`]] }),
    );
    const [answer] = (await three.session.run(late.script, late.args)) as [string];

    const replayed = await three.backend.attach(request("p.0", { outputs: ["x:0>0"] }));
    const outputs = [output("x:0>0", 1, replayed.attached.lineage, "[0,1]")];
    expect(await replayed.commit(epoch(1, { outputs }))).toEqual({ kind: "OK", lengths: [1] });
    const again = await three.backend.attach(request("c.0"));
    const [seq, lineage] = (again.attached.meta.get("in:x:0>0") ?? "0-0").split("-").map(Number);
    const cursor = { channel: "x:0>0", seq: seq!, lineage: lineage! };
    const [unread] = await three.reader.read([cursor], 10);
    const taken = unread!.map((found) => `${found.seq} ${Buffer.from(found.payload!).toString()}`);
    return `${answer}, then C at ${seq} reads ${taken.join()}`;
  }

  test("H2 C7 a batch read from a lost future is not committed onto the restored past", async () => {
    const mine = one.session.history;
    expect(await deliverCommitToRestoredPast(() => mine)).toBe("HISTORY, then C at 0 reads 1 [0,1]");
  });

  test("H2 control: without the history the commit passes, and only the lineage shows the rewritten entry", async () => {
    // C has consumed "1" and meets another "1": record 1 would be lost if lineages did not grow.
    expect(await deliverCommitToRestoredPast((current) => current)).toBe("OK, then C at 1 reads 1 [0,1]");
  });

  test("H28 half a commit that is executed at the second restart is noticed by the attach", async () => {
    const torn = await RedisServer.start({ appendOnly: true, fsync: "always", loadTruncated: true });
    const other = await RedisJob.create(torn.url, "torn", ["p.0"]);
    try {
      const first = await (await other.open()).backend.attach(request("p.0"));
      const state = [
        writes(1, { scalars: [{ state: "v", codec, fields: ["sa"], values: ["x".repeat(200)] }] }),
      ];
      await first.commit(epoch(1));
      await first.commit(epoch(2, { state, meta: [["src", "2"]] }));
      await torn.kill();
      torn.cutAof(60);
      await torn.restart();
      const second = await (await other.open()).backend.attach(request("p.0"));
      expect(second.attached.seq).toBe(1);
      for (const seq of [2, 3, 4]) expect(await second.commit(epoch(seq))).toMatchObject({ kind: "OK" });
      await torn.restart();
      const backend = (await other.open()).backend;
      await expect(backend.attach(request("p.0"))).rejects.toMatchObject({
        code: "PARTITION_TORN",
        details: { begun: 5, ended: 4 },
      });
    } finally {
      await other.close();
      await torn.stop();
    }
  });
});
