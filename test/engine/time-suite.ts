// Windows, watermarks and idle sources of a running job against folds over the same records.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  type Aggregate,
  collect,
  collectList,
  count,
  emits,
  LATE_TAG,
  sideTag,
  sliding,
  sum,
  tumbling,
  type WindowResult,
} from "../../src/index.ts";
import { waitFor } from "../support/wait-for.ts";
import { chunks, DEADLINE_MS, type Engine, groupBy, randomNumbers, runToEnd, sorted } from "./engine.ts";
import { SMALL } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

interface Reading {
  readonly id: number;
  readonly sensor: string;
  readonly at: number;
}

/** Readings whose time is at most `jitterMs` behind the newest one before them. */
function readings(total: number, jitterMs: number): Reading[] {
  const random = randomNumbers(total + jitterMs);
  return Array.from({ length: total }, (_, id) => ({
    id,
    sensor: `s${Math.floor(random() * 4)}`,
    at: 10_000 + id * 10 - Math.floor(random() * jitterMs),
  }));
}

/** Every window of a size and slide with the readings in it, by brute force. */
function windowsOf(
  input: readonly Reading[],
  size: number,
  slide: number,
): { key: string; start: number; ids: number[] }[] {
  const found = input.flatMap((reading) => {
    const first = Math.ceil((reading.at - size + 1) / slide) * slide;
    const starts: number[] = [];
    for (let start = first; start <= reading.at; start += slide) starts.push(start);
    return starts.map((start) => ({ start, reading }));
  });
  return [...groupBy(found, ({ start, reading }) => `${reading.sensor} ${start}`).values()].map((own) => ({
    key: own[0]?.reading.sensor ?? "",
    start: own[0]?.start ?? 0,
    ids: own.map(({ reading }) => reading.id).sort((a, b) => a - b),
  }));
}

type IdWindow = WindowResult<string, readonly number[]>;

const flat = ({ key, value, window }: IdWindow): { key: string; start: number; ids: number[] } => ({
  key,
  start: window.start,
  ids: [...value].sort((a, b) => a - b),
});

export function describeTime(engine: Engine): void {
  describe.concurrent("time", () => {
    for (const [what, size, slide] of [
      ["tumbling", 300, 300],
      ["sliding", 500, 200],
    ] as const)
      test(`${what} windows over records out of order hold each record in each of its windows once`, async () => {
        const input = readings(300, 120);
        const out = collect<IdWindow>();
        const { stages } = await runToEnd(
          engine,
          (job) =>
            job
              .source("readings", scripted([chunks(input, 7)]), {
                timestamp: (reading) => new Date(reading.at),
                outOfOrderness: 120,
              })
              .keyBy((reading) => reading.sensor)
              .window(what === "tumbling" ? tumbling(size) : sliding(size, slide))
              .aggregate("ids", collectIds())
              .to("out", out),
          { settings: { ...SMALL, timerSlice: 3 } },
        );
        expect(sorted(out.results.map(flat))).toEqual(sorted(windowsOf(input, size, slide)));
        expect(stages.reduce((late, stage) => late + stage.late, 0)).toBe(0);
        for (const { window } of out.results) expect(window.end - window.start).toBe(size);
      });

    test("records behind closed windows are late: counted, in the side output, in no window", async () => {
      const out = collect<IdWindow>();
      const late = collect<Reading>();
      const reading = (id: number, at: number): Reading => ({ id, sensor: "s", at });
      const closed = (): Promise<unknown> =>
        waitFor(() => out.results.length > 0, { deadlineMs: DEADLINE_MS, describe: "the first window" });
      const { stages } = await runToEnd(
        engine,
        (job) => {
          const windows = job
            .source(
              "readings",
              scripted<Reading>([
                [
                  [reading(0, 10), reading(1, 90)],
                  [reading(2, 250)],
                  { wait: closed },
                  // 3 and 5 belong to the window that has closed; 4 to one that is open, although out of order.
                  [reading(3, 99), reading(4, 210), reading(5, 0)],
                ],
              ]),
              { timestamp: (each) => each.at, outOfOrderness: 50 },
            )
            .keyBy((each) => each.sensor)
            .window(tumbling(100))
            .aggregate("ids", collectIds());
          windows.to("out", out);
          windows.sideOutput(sideTag<Reading>(LATE_TAG)).to("late", late);
        },
        { parallelism: 2 },
      );
      expect(out.results.map(flat)).toEqual([
        { key: "s", start: 0, ids: [0, 1] },
        { key: "s", start: 200, ids: [2, 4] },
      ]);
      expect(late.results.map((each) => each.id)).toEqual([3, 5]);
      expect(stages.reduce((total, stage) => total + stage.late, 0)).toBe(2);
    });

    test("processing-time windows hold every record once, and close while the input goes on", async () => {
      const out = collect<WindowResult<string, number>>();
      const closed = (): Promise<unknown> =>
        waitFor(() => out.results.length > 0, { deadlineMs: DEADLINE_MS, describe: "the first window" });
      const step = ["a", "b", "a"];
      await runToEnd(engine, (job) =>
        job
          .source("letters", scripted<string>([[step, step, { wait: closed }, step]]))
          .keyBy((letter) => letter)
          .window(tumbling(40).processingTime())
          .aggregate("n", count())
          .to("out", out),
      );
      const totals = [...groupBy(out.results, (result) => result.key)].map(([key, own]) => [
        key,
        own.reduce((total, result) => total + result.value, 0),
      ]);
      expect(sorted(totals)).toEqual(
        sorted([
          ["a", 6],
          ["b", 3],
        ]),
      );
      expect(new Set(out.results.map(({ key, window }) => `${key} ${window.start}`)).size).toBe(
        out.results.length,
      );
      for (const { window } of out.results) expect(window.end - window.start).toBe(40);
    });

    test("a window downstream of a window gets the results in their own time", async () => {
      const input = readings(200, 60);
      const out = collect<WindowResult<string, number>>();
      await runToEnd(
        engine,
        (job) =>
          job
            .source("readings", scripted([chunks(input, 9)]), {
              timestamp: (reading) => reading.at,
              outOfOrderness: 60,
            })
            .keyBy((reading) => reading.sensor)
            .window(tumbling(100))
            .aggregate("per-100", count())
            .keyBy((result) => result.key)
            .window(tumbling(400))
            .aggregate(
              "per-400",
              sum((result) => result.value),
            )
            .to("out", out),
        { parallelism: 3, settings: SMALL },
      );
      const expected = windowsOf(input, 400, 400).map(({ key, start, ids }) => ({
        key,
        start,
        n: ids.length,
      }));
      expect(
        sorted(out.results.map(({ key, value, window }) => ({ key, start: window.start, n: value }))),
      ).toEqual(sorted(expected));
    });

    for (const silence of ["another source", "another split"] as const)
      test(`${silence} that falls silent does not hold windows back after idleAfter`, async () => {
        const out = collect<IdWindow>();
        const isClosed = (): boolean => out.results.length > 0;
        const closed = { wait: () => waitFor(isClosed, { deadlineMs: DEADLINE_MS, describe: "a window" }) };
        const reading = (id: number, at: number): Reading => ({ id, sensor: "s", at });
        // The active input goes on until the window has closed without the silent one; this many pauses last longer than
        // that takes.
        const pause = { wait: () => (isClosed() ? Promise.resolve() : sleep(20)) };
        const tail = Array.from({ length: 2_000 }, () => [pause, [reading(1, 500)]]).flat();
        const active = [[reading(0, 10)], ...tail];
        const silent = [[reading(2, 5)], closed];
        const time = { timestamp: (each: Reading) => each.at, idleAfter: 100 };
        await runToEnd(
          engine,
          (job) => {
            const input =
              silence === "another split"
                ? job.source("readings", scripted<Reading>([active, silent]), { ...time, parallelism: 1 })
                : job
                    .source("active", scripted<Reading>([active]), time)
                    .union(job.source("silent", scripted<Reading>([silent]), time));
            input
              .keyBy((each) => each.sensor)
              .window(tumbling(100))
              .aggregate("ids", collectIds())
              .to("out", out);
          },
          { parallelism: 2 },
        );
        expect(out.results.map(flat).slice(0, 1)).toEqual([{ key: "s", start: 0, ids: [0, 2] }]);
        expect(out.results.map(({ value, window }) => [value.length, window.start])).toEqual([
          [2, 0],
          [tail.length / 2, 500],
        ]);
      });

    test("dead letters of a source bring its event time along", async () => {
      const out = collect<WindowResult<string, number>>();
      const closed = (): Promise<unknown> =>
        waitFor(() => out.results.length > 0, { deadlineMs: DEADLINE_MS, describe: "a window" });
      await runToEnd(engine, (job) => {
        const readingsOrNot = job.source(
          "readings",
          scripted<Partial<Reading>>([[[{ at: 10 }], [{ id: 1 }], [{ at: 500 }], { wait: closed }]]),
          { timestamp: (reading) => reading.at as number, onError: "deadLetter" },
        );
        readingsOrNot
          .union(
            readingsOrNot
              .deadLetters()
              .filter(() => false)
              .map((): Partial<Reading> => ({})),
          )
          .keyBy(() => "all")
          .window(tumbling(100))
          .aggregate("n", count())
          .to("out", out);
        readingsOrNot.deadLetters().to("letters", collect());
      });
      expect(out.results.map(({ value, window }) => [value, window.start])).toEqual([
        [1, 0],
        [1, 500],
      ]);
    });

    test("the end of the input closes all windows and fires all event timers", async () => {
      const out = collect<string>();
      const windows = collect<WindowResult<string, number>>();
      await runToEnd(engine, (job) => {
        const byKey = job
          .source("letters", scripted([[["a", "b"]]]), { timestamp: () => 42 })
          .keyBy((letter) => letter);
        byKey.window(tumbling("1d")).aggregate("n", count()).to("windows", windows);
        byKey
          .process("at-end", {
            emits: emits<string>(),
            onRecord(_letter, { timers }) {
              timers.event(1e12);
              timers.event(Number.POSITIVE_INFINITY);
            },
            onTimer(timer, context) {
              context.emit(`${context.key} ${timer.time}`);
            },
          })
          .to("out", out);
      });
      expect(sorted(out.results)).toEqual(
        sorted(["a 1000000000000", "a Infinity", "b 1000000000000", "b Infinity"]),
      );
      expect(sorted(windows.results.map(({ key, value }) => [key, value]))).toEqual(
        sorted([
          ["a", 1],
          ["b", 1],
        ]),
      );
    });
  });
}

function collectIds(): Aggregate<Reading, Reading[], number[]> {
  return { ...collectList<Reading>(), result: (own) => own.map((reading) => reading.id) };
}
