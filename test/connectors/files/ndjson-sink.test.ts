import { readdir, readFile, stat, truncate } from "node:fs/promises";
import { dirname } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json, Sink, SinkWriter } from "../../../src/connectors/contract.ts";
import { FileSinkError, FileSinkTornError } from "../../../src/connectors/files/errors.ts";
import { ndjsonSink } from "../../../src/connectors/files/ndjson-sink.ts";
import { InvalidOptionError, UnknownOptionError } from "../../../src/core/options.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await createTemporaryDirectory();
});
afterEach(() => directory.dispose());

function open<T>(sink: Sink<T>, attempt: number, committed?: Json): Promise<SinkWriter<T>> {
  const context = { job: "job", sink: "out", partition: 0, parallelism: 1, attempt, committed };
  return Promise.resolve(sink.open(context));
}

async function linesOf(path: string): Promise<unknown[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

/** What the job's state remembers, and who may change it: the part of the engine that the sink relies on. */
class CommitLog {
  owner: SimulatedAttempt | undefined;
  token: Json | undefined;
  readonly lines: number[] = [];
}

class SimulatedAttempt {
  readonly log: CommitLog;
  readonly writer: SinkWriter<number>;
  #unsealed: number[] = [];
  readonly #sealed: { token: Json | undefined; lines: number[] }[] = [];
  #unacknowledged = 0;
  failed = false;

  private constructor(log: CommitLog, writer: SinkWriter<number>) {
    this.log = log;
    this.writer = writer;
  }

  static async attach(log: CommitLog, sink: Sink<number>, attempt: number): Promise<SimulatedAttempt> {
    const simulated = new SimulatedAttempt(log, await open(sink, attempt, log.token));
    log.owner = simulated;
    return simulated;
  }

  write(value: number): void {
    this.writer.write([value], undefined);
    this.#unsealed.push(value);
  }

  async prepare(): Promise<void> {
    const lines = this.#unsealed;
    this.#unsealed = [];
    const { token } = await this.writer.prepare();
    this.#sealed.push({ token: JSON.parse(JSON.stringify(token ?? null)) ?? undefined, lines });
  }

  /** The commit as the state backend decides it; its answer is delivered by {@link acknowledge}, if ever. */
  commit(): void {
    const epoch = this.#sealed.shift();
    if (epoch === undefined || this.log.owner !== this) return;
    if (epoch.token !== undefined) this.log.token = epoch.token;
    this.log.lines.push(...epoch.lines);
    this.#unacknowledged++;
  }

  async acknowledge(): Promise<void> {
    if (this.#unacknowledged === 0 || this.failed) return;
    this.#unacknowledged--;
    try {
      await this.writer.committed();
    } catch (error) {
      // Only somebody who lost the partition may find that its file is gone.
      expect(error).toBeInstanceOf(FileSinkError);
      expect(this.log.owner).not.toBe(this);
      this.failed = true;
    }
  }

  async epoch(...values: number[]): Promise<void> {
    for (const value of values) this.write(value);
    await this.prepare();
    this.commit();
    await this.acknowledge();
  }
}

describe("ndjsonSink", () => {
  test("writes one line per record, with bigints as text", async () => {
    const path = directory.file("deep/er/out.ndjson");
    const writer = await open(ndjsonSink(path), 1);
    writer.write([{ a: 1 }, { big: 12n }, "text", null, undefined], undefined);
    await writer.prepare();
    await writer.committed();
    await writer.close(true);
    expect(await linesOf(path)).toEqual([{ a: 1 }, { big: "12" }, "text", null, null]);
    expect(await readdir(dirname(path))).toEqual(["out.ndjson"]);
  });

  test("records written after prepare belong to the next epoch", async () => {
    const path = directory.file("out.ndjson");
    const writer = await open(ndjsonSink<number>(path), 1);
    writer.write([1], undefined);
    const first = writer.prepare();
    writer.write([2], undefined);
    const second = writer.prepare();
    expect(await first).toMatchObject({ token: { bytes: 2 } });
    expect(await second).toMatchObject({ token: { bytes: 4 } });
    expect(await writer.prepare()).toEqual({});
    await writer.close(false);
  });

  test("a later epoch is not acted on before the file is there", async () => {
    const path = directory.file("out.ndjson");
    const writer = await open(ndjsonSink<number>(path), 1);
    writer.write([1], undefined);
    await writer.prepare();
    writer.write([2], undefined);
    await writer.prepare();
    const first = writer.committed();
    await writer.committed();
    expect(await linesOf(path)).toEqual([1, 2]);
    await first;
    await writer.close(true);
  });

  test("a job without output leaves an empty file", async () => {
    const path = directory.file("out.ndjson");
    const writer = await open(ndjsonSink(path), 1);
    await writer.prepare();
    await writer.committed();
    await writer.close(true);
    expect(await readFile(path, "utf8")).toBe("");
  });

  test("several partitions write a file each", async () => {
    const sink = ndjsonSink<number>(directory.file("out.ndjson"));
    for (const partition of [0, 1]) {
      const context = {
        job: "job",
        sink: "out",
        partition,
        parallelism: 2,
        attempt: 1,
        committed: undefined,
      };
      const writer = await sink.open(context);
      writer.write([partition], undefined);
      await writer.prepare();
      await writer.committed();
      await writer.close(true);
    }
    expect((await readdir(directory.path)).sort()).toEqual(["out-0-of-2.ndjson", "out-1-of-2.ndjson"]);
  });

  test("large epochs are written early and stay whole", async () => {
    const path = directory.file("out.ndjson");
    const writer = await open(ndjsonSink<string>(path, { fsync: true }), 1);
    const records = Array.from({ length: 30 }, (_, n) => `${n}${"ü".repeat(100_000)}`);
    for (const record of records) writer.write([record], undefined);
    await writer.prepare();
    await writer.committed();
    await writer.close(true);
    expect(await linesOf(path)).toEqual(records);
  });

  test("crash after prepare, before the commit: the lines are gone after recovery and written once again", async () => {
    const path = directory.file("out.ndjson");
    const sink = ndjsonSink<number>(path);
    const log = new CommitLog();
    const first = await SimulatedAttempt.attach(log, sink, 1);
    await first.epoch(1, 2);
    first.write(3);
    await first.prepare();
    await first.writer.close(false);
    const second = await SimulatedAttempt.attach(log, sink, 2);
    await second.epoch(3, 4);
    await second.writer.close(true);
    expect(await linesOf(path)).toEqual([1, 2, 3, 4]);
  });

  test("crash after the commit, before the answer: nothing is lost and nothing repeats", async () => {
    const path = directory.file("out.ndjson");
    const sink = ndjsonSink<number>(path);
    const log = new CommitLog();
    const first = await SimulatedAttempt.attach(log, sink, 1);
    first.write(1);
    await first.prepare();
    first.commit();
    await first.writer.close(false);
    const second = await SimulatedAttempt.attach(log, sink, 2);
    await second.epoch(2);
    await second.writer.close(true);
    expect(await linesOf(path)).toEqual([1, 2]);
    expect(await readdir(directory.path)).toEqual(["out.ndjson"]);
  });

  test("O2 a stopped owner that wakes up after a take-over writes into a file that nobody sees", async () => {
    const path = directory.file("out.ndjson");
    const sink = ndjsonSink<number>(path);
    const log = new CommitLog();
    const zombie = await SimulatedAttempt.attach(log, sink, 1);
    await zombie.epoch(1, 2);
    const owner = await SimulatedAttempt.attach(log, sink, 2);
    await owner.epoch(3);
    await zombie.epoch(666, 667);
    await owner.epoch(4);
    await zombie.epoch(668);
    await zombie.writer.close(false);
    await owner.writer.close(true);
    expect(await linesOf(path)).toEqual([1, 2, 3, 4]);
    expect(await readdir(directory.path)).toEqual(["out.ndjson"]);
  });

  test("O2 an owner stopped between its commit and making its file visible cannot bring it back later", async () => {
    const path = directory.file("out.ndjson");
    const sink = ndjsonSink<number>(path);
    const log = new CommitLog();
    const zombie = await SimulatedAttempt.attach(log, sink, 1);
    zombie.write(1);
    await zombie.prepare();
    zombie.commit();
    const owner = await SimulatedAttempt.attach(log, sink, 2);
    await owner.epoch(2);
    await owner.writer.close(true);
    await zombie.acknowledge();
    expect(zombie.failed).toBe(true);
    await zombie.writer.close(false);
    expect(await linesOf(path)).toEqual([1, 2]);
  });

  test("O1 O2 any interleaving of owners, zombies, crashes and late answers keeps exactly the committed lines", async () => {
    const step = fc.record({
      action: fc.constantFrom(
        "attach",
        "write",
        "write",
        "prepare",
        "prepare",
        "commit",
        "commit",
        "acknowledge",
      ),
      who: fc.nat(100),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
        const path = directory.file(`run-${run++}/out.ndjson`);
        const sink = ndjsonSink<number>(path);
        const log = new CommitLog();
        const attempts = [await SimulatedAttempt.attach(log, sink, 1)];
        let value = 0;
        for (const { action, who } of steps) {
          // The newest attempts act most often; older ones are zombies.
          const acting = attempts[Math.max(0, attempts.length - 1 - (who % 3))] as SimulatedAttempt;
          if (action === "attach")
            attempts.push(await SimulatedAttempt.attach(log, sink, attempts.length + 1));
          else if (action === "write") acting.write(value++);
          else if (action === "prepare") await acting.prepare();
          else if (action === "commit") acting.commit();
          else await acting.acknowledge();
        }
        const last = await SimulatedAttempt.attach(log, sink, attempts.length + 1);
        await last.epoch(-1);
        for (const attempt of attempts) await attempt.acknowledge();
        for (const attempt of [...attempts, last]) await attempt.writer.close(false);
        expect(await linesOf(path)).toEqual(log.lines);
      }),
      { numRuns: 150 },
    );
  });

  test("a job that starts anew replaces the file with its first commit", async () => {
    const path = await directory.write("out.ndjson", "from an earlier job\n");
    const writer = await open(ndjsonSink<number>(path), 1);
    writer.write([1], undefined);
    await writer.prepare();
    expect(await readFile(path, "utf8")).toBe("from an earlier job\n");
    await writer.committed();
    await writer.close(true);
    expect(await linesOf(path)).toEqual([1]);
  });

  test("refuses to go on when committed bytes are gone", async () => {
    const path = directory.file("out.ndjson");
    const sink = ndjsonSink<number>(path);
    const log = new CommitLog();
    const first = await SimulatedAttempt.attach(log, sink, 1);
    await first.epoch(1, 2, 3);
    await first.writer.close(false);
    await truncate(path, 3);
    await expect(open(sink, 2, log.token)).rejects.toThrow(FileSinkTornError);
    await expect(open(sink, 2, log.token)).rejects.toThrow(/6 bytes were committed but it has 3/);
    expect(await readdir(directory.path)).toEqual(["out.ndjson"]);
    await directory.dispose();
    await expect(open(sink, 2, log.token)).rejects.toThrow(/does not exist/);
  });

  test("a writer that prepared nothing leaves nothing behind", async () => {
    const writer = await open(ndjsonSink<number>(directory.file("out.ndjson")), 1);
    writer.write([1], undefined);
    await writer.close(false);
    expect(await readdir(directory.path)).toEqual([]);
  });

  test("a path that cannot be written is a clear error that may be tried again", async () => {
    const file = await directory.write("file", "x");
    const attempt = open(ndjsonSink(`${file}/out.ndjson`), 1);
    await expect(attempt).rejects.toMatchObject({ code: "FILE_SINK", retry: "partition" });
    expect((await stat(file)).size).toBe(1);
  });

  test("refuses unknown and senseless options", () => {
    expect(() => ndjsonSink("x", { sync: true } as object)).toThrow(UnknownOptionError);
    expect(() => ndjsonSink("")).toThrow(InvalidOptionError);
  });
});
