import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIN_WATERMARK } from "../../../src/core/batch.ts";
import { keyGroupOf } from "../../../src/core/key-group.ts";
import type { StateWrites } from "../../../src/core/ports/state-backend.ts";
import { asyncMapOperator } from "../../../src/operators/async/async-map.ts";
import { AsyncHarness } from "./async-harness.ts";
import {
  definition,
  finish,
  inputs,
  Outside,
  play,
  type Step,
  steps,
  TIMEOUT_MS,
  watermarksBefore,
} from "./campaign.ts";

const RUNS = 150;
const keys = { decodeKey: undefined };
const KEYS = 3;
const keyOf = (record: unknown): string => `key ${(record as number) % KEYS}`;

const cases = fc.record({
  input: inputs,
  steps,
  order: fc.constantFrom("ordered" as const, "sequential" as const, "unordered" as const),
  start: fc.constantFrom("immediately" as const, "committed" as const),
  concurrency: fc.integer({ min: 1, max: 6 }),
  capacity: fc.integer({ min: 1, max: 12 }),
  shares: fc.boolean(),
  /** Event time of the records: some come behind the watermark. */
  times: fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 60, maxLength: 60 }),
});

describe("keyed asyncMap", () => {
  test("Y1 Y4 Y5 Y6 Y7 Y10 Y11 Y12 for any order of answers, failures, watermarks, commits and restarts", async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        async ({ input, steps, order, start, concurrency, capacity, shares, times }) => {
          const timestampOf = (record: number): number => times[record]!;
          const { before, last } = watermarksBefore(input);
          let lineage = 1;
          const outside = new Outside(() => lineage);
          const limits = {
            concurrency,
            timeoutMs: TIMEOUT_MS,
            retry: { attempts: 3, backoffMs: 10, maxBackoffMs: 50, when: undefined },
          };
          const create = asyncMapOperator(definition(outside.ask, { order, start, limits, capacity, keys }));
          const harness = new AsyncHarness(create, input, "deadLetter", shares, keyOf, timestampOf);
          const durable = new Map<number, number>();
          /** Answered to the owner at hand. */
          let answered = new Set<number>();
          let most = 0;
          const goneOf = (): Map<number, number> =>
            new Map(
              harness.left.flatMap((each, at) => {
                if (each.kind === "watermark") return [];
                return [[(each.kind === "result" ? each.value : each.record) as number, at]];
              }),
            );
          const toldNow = (): number =>
            harness.left.reduce(
              (told, each) => (each.kind === "watermark" ? each.watermark : told),
              MIN_WATERMARK,
            );
          const look = (): void => {
            // Y5
            const { found, expected } = harness.stored();
            expect(found).toEqual(expected);
            for (const record of found) if (!durable.has(record)) durable.set(record, outside.asked.length);
          };
          const run = async (step: Step): Promise<void> => {
            const pending = new Set(outside.pending);
            await play(step, harness, outside, () => {
              lineage++;
              answered = new Set();
            });
            if (step.kind === "answer")
              for (const request of pending)
                if (!outside.pending.includes(request)) answered.add(request.record);
            if (step.kind === "end-commit" || step.kind === "crash-landed") look();
            // Y4
            most = Math.max(most, outside.pending.length);
            // Y10: whoever is answered and has not left waits for somebody of its key, or is late.
            const gone = goneOf();
            for (const record of answered) {
              if (gone.has(record)) continue;
              const waitsForKey =
                order !== "unordered" &&
                Array.from({ length: record }, (_, n) => n).some(
                  (n) => keyOf(n) === keyOf(record) && !gone.has(n),
                );
              const isLate = timestampOf(record) <= before[record]! && before[record]! > toldNow();
              expect({ record, waits: waitsForKey || isLate }).toEqual({ record, waits: true });
            }
            // Y12
            if (order === "sequential") {
              const asked = outside.pending.map(({ record }) => keyOf(record));
              expect(new Set(asked).size).toBe(asked.length);
            }
          };
          for (const step of steps) await run(step);
          await finish(harness, run);

          // Y1, as a result or as a dead letter
          const all = Array.from({ length: before.length }, (_, n) => n);
          const ends = [...harness.results, ...harness.letters] as number[];
          expect(ends.sort((a, b) => a - b)).toEqual(all);
          expect(harness.stored().found).toEqual([]);
          // Y10
          if (order !== "unordered")
            for (let key = 0; key < KEYS; key++) {
              const own = (harness.results as number[]).filter((n) => n % KEYS === key);
              expect(own).toEqual([...own].sort((a, b) => a - b));
            }
          // Y11
          let told = MIN_WATERMARK;
          for (const each of harness.left) {
            if (each.kind === "watermark") {
              told = Math.max(told, each.watermark);
              continue;
            }
            const record = (each.kind === "result" ? each.value : each.record) as number;
            expect(told).toBeLessThanOrEqual(before[record]!);
            if (timestampOf(record) <= before[record]!) expect(told).toBe(before[record]);
            if (each.kind === "result") expect(each.timestamp).toBe(timestampOf(record));
          }
          expect(told).toBe(last);
          // Y4
          expect(most).toBeLessThanOrEqual(concurrency);
          // Y6, Y7
          const ids = new Map<number, Set<string>>();
          outside.asked.forEach(({ id, record }, at) => {
            const since = start === "committed" ? 0 : (durable.get(record) ?? Number.POSITIVE_INFINITY);
            if (at >= since) ids.set(record, (ids.get(record) ?? new Set()).add(id));
          });
          for (const own of ids.values()) expect(own.size).toBe(1);
          // Y12
          const lastAsked = new Map<string, number>();
          if (order === "sequential")
            for (const request of outside.asked) {
              const place = `${request.lineage} ${keyOf(request.record)}`;
              expect(lastAsked.get(place) ?? -1).toBeLessThanOrEqual(request.record);
              lastAsked.set(place, request.record);
            }
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("Y10 a slow request holds back its own key, and no other one, also behind watermarks", async () => {
    const outside = new Outside();
    const create = asyncMapOperator(definition(outside.ask, { keys }));
    const harness = new AsyncHarness(create, [], "fail", false, keyOf);
    harness.batch([0, 1, 3], [10, 10, 12]);
    harness.operator.onWatermark(12);
    harness.batch([2, 4, 6], [20, 21, 22]);
    for (const request of outside.pending.filter(({ record }) => record !== 0)) request.answer();
    await harness.settle();
    // The others' results leave before the watermark, which waits for the slow one.
    expect(harness.left).toEqual([
      ...[1, 4, 2].map((value) => ({
        kind: "result",
        value,
        timestamp: value === 1 ? 10 : value === 2 ? 20 : 21,
      })),
    ]);
    outside.asked[0]!.answer();
    await harness.settle();
    expect(harness.left.slice(3)).toEqual([
      { kind: "result", value: 0, timestamp: 10 },
      { kind: "result", value: 3, timestamp: 12 },
      { kind: "result", value: 6, timestamp: 22 },
      { kind: "watermark", watermark: 12 },
    ]);
  });

  test("Y11 what was late stays late: it leaves behind the watermark that it came behind", async () => {
    const outside = new Outside();
    const create = asyncMapOperator(definition(outside.ask, { keys, order: "unordered" }));
    const harness = new AsyncHarness(create, [], "fail", false, keyOf);
    harness.batch([0], [10]);
    harness.operator.onWatermark(12);
    harness.batch([1, 2], [12, 13]);
    for (const request of outside.asked.slice(1)) request.answer();
    await harness.settle();
    expect(harness.results).toEqual([2]);
    outside.asked[0]!.answer();
    await harness.settle();
    expect(harness.left.map((each) => (each.kind === "result" ? each.value : each.kind))).toEqual([
      2,
      0,
      "watermark",
      1,
    ]);
  });

  test("what is held is stored in the key group of its key", () => {
    const harness = new AsyncHarness(
      asyncMapOperator(definition(() => new Promise(() => {}), { keys })),
      [],
      "fail",
      false,
      keyOf,
    );
    harness.batch([0, 1, 2, 3], [1, 2, 3, 4]);
    const writes: StateWrites[] = [];
    harness.operator.collectWrites(writes);
    expect(new Map(writes.map(({ keyGroup, maps }) => [keyGroup, maps[0]!.entries.size]))).toEqual(
      new Map([
        [keyGroupOf("key 0"), 2],
        [keyGroupOf("key 1"), 1],
        [keyGroupOf("key 2"), 1],
      ]),
    );
  });

  test("the function knows the key as the user wrote it; a key that answers at once has no end of turns", () => {
    const seen: unknown[] = [];
    const create = asyncMapOperator(
      definition(
        (n: number, { key }) => {
          seen.push(key);
          return n;
        },
        { keys: { decodeKey: (text) => ({ text }) }, order: "sequential", capacity: 100_000 },
      ),
    );
    const harness = new AsyncHarness(create, [], "fail", false, () => "k");
    const many = Array.from({ length: 50_000 }, (_, n) => n);
    harness.batch(many);
    expect(harness.results).toEqual(many);
    expect(seen[0]).toEqual({ text: "k" });
  });

  test("figures of requests: what is under way, how long the oldest has waited, repeats and time-outs", async () => {
    const outside = new Outside();
    const retry = { attempts: 2, backoffMs: 10, maxBackoffMs: 10, when: undefined };
    const create = asyncMapOperator(
      definition(outside.ask, { keys, limits: { concurrency: 2, timeoutMs: TIMEOUT_MS, retry } }),
    );
    const harness = new AsyncHarness(create, [], "skip", false, keyOf);
    const none = { operator: "op", inFlight: 0, held: 0, oldestMs: null, retries: 0, timeouts: 0 };
    expect(harness.operator.requests).toEqual(none);
    harness.batch([0, 1, 2]);
    harness.clock.advance(300);
    await harness.settle();
    expect(harness.operator.requests).toEqual({ ...none, inFlight: 2, held: 3, oldestMs: 300 });
    outside.take(0)?.refuse();
    await harness.settle();
    harness.clock.advance(10);
    await harness.settle();
    expect(harness.operator.requests).toMatchObject({ inFlight: 2, retries: 1, timeouts: 0 });
    harness.clock.advance(TIMEOUT_MS);
    await harness.settle();
    expect(harness.operator.requests).toMatchObject({ timeouts: 2, retries: 1 });
  });
});
