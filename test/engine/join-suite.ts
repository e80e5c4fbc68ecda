// Joins and operators with two inputs in a running job, against nested loops over the same records.
import { describe, expect, test } from "vitest";
import {
  type Change,
  collect,
  collection,
  emits,
  type LateStream,
  list,
  map,
  type RunEvent,
  type Sink,
  session,
  sideTag,
  sliding,
  tumbling,
  value,
} from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { chunks, DEADLINE_MS, type Engine, randomNumbers, runToEnd, sorted } from "./engine.ts";
import { SMALL } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

interface Reading {
  readonly id: number;
  readonly key: string;
  readonly at: number;
}

/** Readings whose time is at most `jitterMs` behind the newest one before them. */
function readings(total: number, seed: number, jitterMs = 60): Reading[] {
  const random = randomNumbers(seed);
  return Array.from({ length: total }, (_, id) => ({
    id,
    key: `k${Math.floor(random() * 4)}`,
    at: 10_000 + id * 10 - Math.floor(random() * jitterMs),
  }));
}

const TIME = { timestamp: (reading: Reading) => reading.at, outOfOrderness: 60 };

/** A sink that fails `times` times after its first records: its partition is attached anew each time. */
function refusing<T>(times: number, sink: Sink<T>): Sink<T> {
  let left = times;
  let written = 0;
  return {
    ...sink,
    async open(context) {
      const writer = await sink.open(context);
      return {
        write(records, timestamps) {
          written += records.length;
          if (written > 20 && left-- > 0) throw new Error("refused");
          writer.write(records, timestamps);
        },
        prepare: () => writer.prepare(),
        committed: () => writer.committed(),
        close: (graceful) => writer.close(graceful),
      };
    },
  };
}

export function describeJoins(engine: Engine): void {
  describe.concurrent("joins", () => {
    for (const kind of ["inner", "full"] as const)
      test(`an ${kind} interval join equals the nested loop, over several partitions and small frames`, async () => {
        const [a, b] = [readings(200, 1), readings(150, 2)];
        const out = collect<readonly [number | undefined, number | undefined]>();
        const late = collect<Reading>();
        const restarts = { count: 0 };
        await runToEnd(
          engine,
          (job) => {
            const left = job.source("a", scripted([chunks(a, 7)]), TIME).keyBy((one) => one.key);
            const right = job.source("b", scripted([chunks(b, 9)]), TIME).keyBy((one) => one.key);
            const joined: LateStream<readonly [number | undefined, number | undefined], Reading> =
              left.intervalJoin(
                "near",
                right,
                { lower: -30, upper: 50, kind },
                (one: Reading | undefined, other: Reading | undefined) => [one?.id, other?.id] as const,
              );
            joined.to("out", engine.name === "redis" ? refusing(2, out) : out);
            joined.late().to("late", late);
          },
          {
            parallelism: 3,
            settings: { ...SMALL, timerSlice: 3, cacheEntries: 100 },
            onEvent: countRestarts(restarts),
          },
        );
        expect(restarts.count).toBe(engine.name === "redis" ? 2 : 0);
        const met = (one: Reading, other: Reading): boolean =>
          one.key === other.key && one.at - 30 <= other.at && other.at <= one.at + 50;
        const expected: (readonly [number | undefined, number | undefined])[] = a.flatMap((one) =>
          b.filter((other) => met(one, other)).map((other) => [one.id, other.id] as const),
        );
        if (kind === "full") {
          for (const one of a) if (!b.some((other) => met(one, other))) expected.push([one.id, undefined]);
          for (const other of b) if (!a.some((one) => met(one, other))) expected.push([undefined, other.id]);
        }
        expect(sorted(out.results)).toEqual(sorted(expected));
        expect(late.results).toEqual([]);
      });

    test("coGroup and window joins hold each record in each of its windows, with the other side's", async () => {
      const [a, b] = [
        readings(150, 10),
        readings(40, 11).map((one) => ({ ...one, at: one.at + one.id * 20 })),
      ];
      const groups = collect<unknown>();
      const joined = collect<unknown>();
      const sessions = collect<{ key: string; lefts: number[]; rights: number[] }>();
      await runToEnd(
        engine,
        (job) => {
          const left = job.source("a", scripted([chunks(a, 7)]), TIME).keyBy((one) => one.key);
          const right = job.source("b", scripted([chunks(b, 9)]), TIME).keyBy((one) => one.key);
          left
            .coGroup(right)
            .window(sliding(200, 100))
            .apply("groups", (key, { start }, lefts, rights) => [[key, start, idsOf(lefts), idsOf(rights)]])
            .to("groups-out", groups);
          left
            .coGroup(right)
            .window(tumbling(100))
            .join("joined", { kind: "full" }, (one, other, key, { start }) => [
              key,
              start,
              one?.id,
              other?.id,
            ])
            .to("joined-out", joined);
          left
            .coGroup(right)
            .window(session(70))
            .apply("sessions", (key, _window, lefts, rights) => [
              { key, lefts: idsOf(lefts), rights: idsOf(rights) },
            ])
            .to("sessions-out", sessions);
        },
        { parallelism: 2, settings: SMALL },
      );
      const within = (input: readonly Reading[], key: string, start: number, size: number): Reading[] =>
        input.filter((one) => one.key === key && start <= one.at && one.at < start + size);
      const expectedGroups: unknown[] = [];
      const expectedJoined: unknown[] = [];
      for (const key of ["k0", "k1", "k2", "k3"])
        for (let start = 9_700; start < 14_000; start += 100) {
          const [lefts, rights] = [within(a, key, start, 200), within(b, key, start, 200)];
          if (lefts.length + rights.length > 0)
            expectedGroups.push([key, start, idsOf(lefts), idsOf(rights)]);
          const [ones, others] = [within(a, key, start, 100), within(b, key, start, 100)];
          if (others.length === 0)
            for (const one of ones) expectedJoined.push([key, start, one.id, undefined]);
          else if (ones.length === 0)
            for (const other of others) expectedJoined.push([key, start, undefined, other.id]);
          else
            for (const one of ones)
              for (const other of others) expectedJoined.push([key, start, one.id, other.id]);
        }
      expect(sorted(groups.results)).toEqual(sorted(expectedGroups));
      expect(sorted(joined.results)).toEqual(sorted(expectedJoined));
      expect(sessions.results.flatMap(({ lefts }) => lefts).sort(byNumber)).toEqual(idsOf(a));
      expect(sessions.results.flatMap(({ rights }) => rights).sort(byNumber)).toEqual(idsOf(b));
    });

    test("records too late for their windows come out of late() as they went in", async () => {
      const out = collect<unknown>();
      const late = collect<Reading>();
      const reading = (id: number, at: number): Reading => ({ id, key: "k", at });
      const closed = { wait: () => until(() => out.results.length > 0) };
      await runToEnd(
        engine,
        (job) => {
          const left = job
            .source(
              "a",
              scripted<Reading>([[[reading(1, 10)], [reading(2, 250)], closed, [reading(3, 20)]]]),
              TIME,
            )
            .keyBy((one) => one.key);
          const right = job
            .source("b", scripted<Reading>([[[reading(4, 15)], [reading(5, 250)], closed]]), TIME)
            .keyBy((one) => one.key);
          const joined = left
            .coGroup(right)
            .window(tumbling(100))
            .join("joined", {}, (one, other) => [one.id, other.id]);
          joined.to("out", out);
          joined.late().to("late", late);
        },
        { parallelism: 1 },
      );
      expect(out.results).toEqual([
        [1, 4],
        [2, 5],
      ]);
      expect(late.results).toEqual([reading(3, 20)]);
    });

    test("a stream joins itself, under the same key and under another one", async () => {
      const input = readings(60, 3, 1);
      const same = collect<readonly [number, number]>();
      const other = collect<readonly [number, number]>();
      await runToEnd(
        engine,
        (job) => {
          const all = job.source("all", scripted([chunks(input, 5)]), TIME);
          const byKey = all.keyBy((one) => one.key);
          const ids = (one: Reading, two: Reading): readonly [number, number] => [one.id, two.id];
          byKey.intervalJoin("self", byKey, { lower: 0, upper: 100 }, ids).to("same", same);
          const byId = all.keyBy((one) => one.id);
          byId
            .intervalJoin(
              "successor",
              all.keyBy((one) => one.id - 1),
              { lower: "-1s", upper: "1s" },
              ids,
            )
            .to("other", other);
        },
        { settings: SMALL },
      );
      const pairs = input.flatMap((one) =>
        input
          .filter((two) => one.key === two.key && one.at <= two.at && two.at <= one.at + 100)
          .map((two) => [one.id, two.id]),
      );
      expect(sorted(same.results)).toEqual(sorted(pairs));
      expect(sorted(other.results)).toEqual(sorted(input.slice(1).map(({ id }) => [id - 1, id])));
    });

    test("connect: one operator with state and timers of both streams, under coded keys", async () => {
      const [a, b] = [readings(120, 4), readings(90, 5)];
      const out = collect<{ key: readonly [string]; first: number; second: number }>();
      const small = sideTag<number>("small");
      const side = collect<number>();
      const keyCodec = {
        encode: JSON.stringify,
        decode: (text: string) => JSON.parse(text) as readonly [string],
      };
      await runToEnd(
        engine,
        (job) => {
          const key = (one: Reading): readonly [string] => [one.key];
          const left = job.source("a", scripted([chunks(a, 7)]), TIME).keyBy(key, { keyCodec });
          const right = job.source("b", scripted([chunks(b, 9)]), TIME).keyBy(key, { keyCodec });
          const counted = left.connect(right).process("count", {
            state: { first: value({ default: 0 }), second: list<number>() },
            emits: emits<{ key: readonly [string]; first: number; second: number }>(),
            onFirst(one, context) {
              const { state, timers } = context;
              if (one.id < 3) context.side(small, one.id);
              state.first.set(state.first.get() + 1);
              timers.event(Number.POSITIVE_INFINITY);
            },
            onSecond(one, { state, timers }) {
              state.second.append(one.id);
              timers.event(Number.POSITIVE_INFINITY);
            },
            onTimer(_timer, context) {
              const { key, state } = context;
              context.emit({ key, first: state.first.get(), second: state.second.length });
            },
          });
          counted.to("out", out);
          counted.sideOutput(small).to("side", side);
        },
        { parallelism: 3, settings: SMALL },
      );
      const expected = ["k0", "k1", "k2", "k3"].map((key) => ({
        key: [key],
        first: a.filter((one) => one.key === key).length,
        second: b.filter((one) => one.key === key).length,
      }));
      expect(sorted(out.results)).toEqual(sorted(expected));
      expect(sorted(side.results)).toEqual(sorted([0, 1, 2]));
    });

    test("broadcast state is the same in every partition, and is found again by the next attempt of each", async () => {
      interface Rule {
        readonly id: number;
        readonly word: string | undefined;
      }
      const rules: Rule[] = [
        { id: 1, word: "one" },
        { id: 2, word: "two" },
        { id: 1, word: "uno" },
        { id: 3, word: "three" },
        { id: 2, word: undefined },
      ];
      const input = Array.from({ length: 400 }, (_, id) => id);
      const out = collect<string>();
      let ruled = 0;
      const restarts = { count: 0 };
      const { stages } = await runToEnd(
        engine,
        (job) => {
          const numbers = job.source(
            "numbers",
            scripted([[{ wait: () => until(() => ruled >= rules.length * 4) }, ...chunks(input, 10)]]),
          );
          numbers
            .keyBy((n) => n % 40)
            .connect(job.source("rules", collection(rules), { parallelism: 1 }).broadcast())
            .process("apply", {
              state: { seen: value({ default: 0 }) },
              broadcast: { rules: map<number, string>(), last: value<number>() },
              emits: emits<string>(),
              onRecord(n, context) {
                context.state.seen.set(context.state.seen.get() + 1);
                const { rules, last } = context.broadcast;
                const known = [...rules.entries()].sort().map(([id, word]) => `${id}=${word}`);
                context.emit(`${n}#${context.state.seen.get()}: ${known.join(" ")} last ${last.get()}`);
              },
              onBroadcast(rule, { broadcast }) {
                if (rule.word === undefined) broadcast.rules.delete(rule.id);
                else broadcast.rules.set(rule.id, rule.word);
                broadcast.last.set(rule.id);
                ruled++;
              },
            })
            .to("out", engine.name === "redis" ? refusing(2, out) : out);
        },
        { parallelism: 4, settings: SMALL, onEvent: countRestarts(restarts) },
      );
      expect(restarts.count).toBe(engine.name === "redis" ? 2 : 0);
      const expected = input.map((n) => `${n}#${Math.floor(n / 40) + 1}: 1=uno 3=three last 2`);
      expect(sorted(out.results)).toEqual(sorted(expected));
      expect(stages.map(({ stage }) => stage)).toContain("apply");
    });

    test("a temporal join finds the version of its time, whichever stream is ahead", async () => {
      const facts = readings(200, 6);
      const versions = readings(60, 7).map((one) => ({ ...one, at: 10_000 + one.id * 33 }));
      for (const ahead of ["facts", "versions"] as const) {
        const out = collect<readonly [number, number | undefined]>();
        let done = 0;
        const slow = { wait: () => until(() => done > 0) };
        const finish = {
          wait: async () => {
            done++;
          },
        };
        await runToEnd(
          engine,
          (job) => {
            const first = [...chunks(facts, 7)];
            const second = [...chunks(versions, 5)];
            const left = job
              .source(
                "facts",
                scripted<Reading>([ahead === "facts" ? [...first, finish] : [slow, ...first]]),
                TIME,
              )
              .keyBy((one) => one.key);
            const right = job
              .source(
                "versions",
                scripted<Reading>([ahead === "versions" ? [...second, finish] : [slow, ...second]]),
                TIME,
              )
              .keyBy((one) => one.key);
            left
              .temporalJoin(
                "valid",
                right,
                { kind: "left" },
                (fact, version) => [fact.id, version?.id] as const,
              )
              .to("out", out);
          },
          { settings: SMALL },
        );
        const expected = facts.map((fact) => {
          const valid = versions.filter((one) => one.key === fact.key && one.at <= fact.at).at(-1);
          return [fact.id, valid?.id];
        });
        expect({ ahead, got: sorted(out.results) }).toEqual({ ahead, got: sorted(expected) });
      }
    });

    test("the changes of a full join of two tables give the join of their last rows", async () => {
      const [a, b] = [readings(150, 8), readings(100, 9)];
      const out = collect<Change<string>>();
      const restarts = { count: 0 };
      await runToEnd(
        engine,
        (job) => {
          const left = job.source("a", scripted([chunks(a, 7)])).keyBy((one) => one.key);
          const right = job.source("b", scripted([chunks(b, 9)])).keyBy((one) => one.key);
          left
            .join(
              "all",
              right,
              { kind: "full", leftKey: (row) => row.id % 20, rightKey: (row) => row.id % 5 },
              (one, other) => `${one?.id} ${other?.id}`,
            )
            .to("out", engine.name === "redis" ? refusing(1, out) : out);
        },
        { parallelism: 2, settings: SMALL, onEvent: countRestarts(restarts) },
      );
      expect(restarts.count).toBe(engine.name === "redis" ? 1 : 0);
      const table = new Map<string, number>();
      for (const { op, row } of out.results)
        table.set(row, (table.get(row) ?? 0) + (op === "+I" || op === "+U" ? 1 : -1));
      const rows = [...table].flatMap(([row, count]) => (count === 0 ? [] : [[row, count]]));
      const last = (input: readonly Reading[], modulus: number): Reading[] => [
        ...new Map(input.map((one) => [`${one.key}/${one.id % modulus}`, one])).values(),
      ];
      const expected = last(a, 20).flatMap((one) =>
        last(b, 5)
          .filter((other) => other.key === one.key)
          .map((other) => [`${one.id} ${other.id}`, 1]),
      );
      expect(sorted(rows)).toEqual(sorted(expected));
    });
  });
}

function idsOf(input: readonly Reading[]): number[] {
  return input.map(({ id }) => id).sort(byNumber);
}

function byNumber(a: number, b: number): number {
  return a - b;
}

function countRestarts(restarts: { count: number }): (event: RunEvent) => void {
  return (event) => {
    if (event.kind === "partition-restart") restarts.count++;
  };
}

/** Waits for a condition of other parts of the job. */
async function until(condition: () => boolean): Promise<void> {
  await waitFor(condition, { deadlineMs: DEADLINE_MS, describe: "the other stream" });
}
