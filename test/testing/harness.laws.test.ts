// The laws of the operator harness: what it promises whatever the operator is.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { emits, UserFunctionError, value } from "../../src/index.ts";
import { type HarnessSnapshot, operatorHarness } from "../../src/testing/index.ts";
import { type Harness, harnessOf, jobOf, make, texts } from "./known-lives.ts";
import { anyCalls, type Call, type Item, operators } from "./known-operators.ts";

/** All that came out, and what is stored. */
function seen(harness: Harness): unknown {
  return { output: harness.takeOutput(), late: harness.late(), state: harness.state };
}

describe.each(Object.keys(operators))("operatorHarness, %s", (name) => {
  test("U1 restarts, snapshots restored from JSON and small caches change nothing of what comes out", () => {
    const life = fc.array(fc.constantFrom("nothing", "restart", "restore"), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        anyCalls,
        life,
        fc.constantFrom(1, 2, 1_000),
        fc.constantFrom(1, 2, 1_000),
        (calls, afterwards, cacheEntries, timerSlice) => {
          const whole = harnessOf(name);
          let parted = harnessOf(name, { cacheEntries, timerSlice });
          for (const [i, call] of calls.entries()) {
            make(whole, name, call);
            make(parted, name, call);
            expect(seen(parted)).toEqual(seen(whole));
            const after = afterwards[i % afterwards.length];
            if (after === "restart") parted.restart();
            if (after !== "restore") continue;
            const restore = JSON.parse(JSON.stringify(parted.snapshot())) as HarnessSnapshot;
            parted = harnessOf(name, { cacheEntries, timerSlice, restore });
          }
          whole.end();
          parted.end();
          expect(seen(parted)).toEqual(seen(whole));
        },
      ),
      { numRuns: 20 },
    );
  });

  test("U2 a job gives what the harness gives, call by call", async () => {
    await fc.assert(
      fc.asyncProperty(anyCalls, fc.integer({ min: 1, max: 3 }), async (calls, parallelism) => {
        const harness = harnessOf(name);
        const job = await jobOf(name, { parallelism });
        for (const call of calls) {
          make(harness, name, call);
          expect(await job.make(call)).toEqual(texts(harness));
        }
        harness.end();
        expect(await job.finish()).toEqual(texts(harness));
      }),
      { numRuns: 8 },
    );
  });
});

describe("operatorHarness", () => {
  test("U3 the clock stands still until it is moved, and fires then all that is due, in the order of time", () => {
    /** Timers that a record sets, in ms from now; each of them sets the next one so much later, once. */
    const record = fc.record({
      key: fc.constantFrom("a", "b"),
      delays: fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 4 }),
      again: fc.integer({ min: 0, max: 9 }),
    });
    fc.assert(
      fc.property(
        fc.array(fc.oneof(record, fc.integer({ min: 0, max: 25 })), { maxLength: 20 }),
        fc.constantFrom(1, 2, 1_000),
        (steps, timerSlice) => {
          const harness = operatorHarness({
            key: ({ key }: { key: string; delays: readonly number[]; again: number }) => key,
            timerSlice,
            startMs: 500,
            build: (records) =>
              records.process("alarm", {
                state: { again: value<number>() },
                emits: emits<string>(),
                onRecord({ delays, again }, { state, timers, nowMs }) {
                  state.again.set(again);
                  for (const delay of delays) timers.processing(nowMs + delay);
                },
                onTimer({ time }, context) {
                  context.emit(`${context.key} ${time} seen at ${context.nowMs}`);
                  const again = context.state.again.get() ?? 0;
                  context.state.again.clear();
                  if (again > 0) context.timers.processing(time + again);
                },
              }),
          });
          let nowMs = 500;
          let timers: { key: string; time: number }[] = [];
          const again = new Map<string, number>();
          const set = (key: string, time: number): void => {
            if (!timers.some((timer) => timer.key === key && timer.time === time)) timers.push({ key, time });
          };
          const fired = (): string[] => {
            const texts: string[] = [];
            for (;;) {
              const [next] = timers.filter(({ time }) => time <= nowMs).sort((a, b) => a.time - b.time);
              if (next === undefined) return texts;
              timers = timers.filter((timer) => timer !== next);
              texts.push(`${next.key} ${next.time} seen at ${nowMs}`);
              const more = again.get(next.key) ?? 0;
              again.delete(next.key);
              if (more > 0) set(next.key, next.time + more);
            }
          };
          for (const step of steps) {
            if (typeof step === "number") {
              nowMs += step;
              harness.clock.advance(step);
            } else {
              again.set(step.key, step.again);
              for (const delay of step.delays) set(step.key, nowMs + delay);
              harness.push(step);
            }
            expect(harness.takeOutput().map((one) => one.value)).toEqual(fired());
            expect(harness.clock.nowMs()).toBe(nowMs);
            expect(harness.state.timers).toBe(timers.length);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  test("U4 a call that throws leaves what the calls before it have left", () => {
    const build = () =>
      operatorHarness({
        key: ({ key }: Item) => key,
        timestamp: ({ at }) => at,
        build: (items) =>
          items.process("sum", {
            state: { sum: value<number>({ default: 0 }) },
            emits: emits<string>(),
            onRecord({ id, at }, context) {
              const { sum } = context.state;
              sum.set(sum.get() + id);
              context.timers.event(at);
              context.emit(`${id}: ${sum.get()}`);
              if (id % 4 === 3) throw new Error("unlucky record");
            },
            onTimer({ time }, context) {
              context.emit(`${context.key} ${time}: ${context.state.sum.get()}`);
              if (time % 5 === 0) throw new Error("unlucky time");
            },
          }),
      });
    fc.assert(
      fc.property(anyCalls, (calls) => {
        const tried = build();
        let kept: Call[] = [];
        let thrown = 0;
        for (const call of calls) {
          const before = JSON.stringify(tried.snapshot());
          try {
            make(tried, "sum", call);
            kept = [...kept, call];
          } catch (error) {
            expect(error).toBeInstanceOf(UserFunctionError);
            thrown++;
            expect(JSON.stringify(tried.snapshot())).toBe(before);
          }
        }
        const lucky = build();
        for (const call of kept) make(lucky, "sum", call);
        expect(seen(tried)).toEqual(seen(lucky));
        fc.pre(thrown > 0);
      }),
      { numRuns: 60 },
    );
  });
});
