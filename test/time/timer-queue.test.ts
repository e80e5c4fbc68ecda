import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK } from "../../src/core/batch.ts";
import type { StoredTimer } from "../../src/core/ports/state-backend.ts";
import { decodeTimer, encodeTimer } from "../../src/time/timer-member.ts";
import {
  InvalidTimerTimeError,
  restoreTimers,
  type TimerDeltas,
  TimerQueue,
} from "../../src/time/timer-queue.ts";

const RUNS = 500;

type Action =
  | {
      readonly kind: "register" | "delete";
      readonly namespace: string | undefined;
      readonly key: number | string;
      readonly time: number;
    }
  | { readonly kind: "fire"; readonly through: number; readonly limit: number }
  | { readonly kind: "collect" | "restart" | "begin" | "rollback" };

const address = {
  namespace: fc.constantFrom<string | undefined>(undefined, "a"),
  key: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom("1", "k")),
  // Few times, so that buckets fill beyond the size up to which they are searched one by one.
  time: fc.constantFrom(0, 1, 1, 1, 2, 3, 5, 8, 13, -4, MAX_WATERMARK),
};
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("register" as const), ...address }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("delete" as const), ...address }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fire" as const),
      through: fc.integer({ min: -5, max: 14 }),
      limit: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("collect" as const, "restart" as const, "begin" as const, "rollback" as const),
    }),
  },
);
const actions = fc.array(action, { maxLength: 150, size: "max" });

interface PlainTimer {
  readonly namespace: string | undefined;
  readonly key: number | string;
  readonly time: number;
}

const same = (a: PlainTimer, b: PlainTimer): boolean =>
  a.time === b.time && a.key === b.key && a.namespace === b.namespace;

/** A list in the order of registration, sorted when it is asked: slow and plainly right. */
class PlainTimers {
  all: PlainTimer[] = [];
  #mark: PlainTimer[] = [];

  register(timer: PlainTimer): void {
    if (!this.all.some((other) => same(other, timer))) this.all.push(timer);
  }

  delete(timer: PlainTimer): void {
    this.all = this.all.filter((other) => !same(other, timer));
  }

  due(through: number): PlainTimer[] {
    // Sorting is stable, so timers of one time stay in the order of registration.
    return this.all
      .filter((timer) => timer.time <= through)
      .sort((a, b) => (a.time === b.time ? 0 : a.time - b.time));
  }

  begin(): void {
    this.#mark = [...this.all];
  }

  rollback(): void {
    this.all = this.#mark;
  }
}

class TimerStorage {
  readonly #members = new Map<number, Map<string, number>>();

  commit(queue: TimerQueue): void {
    const deltas = new Map<number, TimerDeltas>();
    queue.collect((keyGroup) => {
      let of = deltas.get(keyGroup);
      if (of === undefined) {
        of = { timerAdds: [], timerRemoves: [] };
        deltas.set(keyGroup, of);
      }
      return of;
    });
    for (const [keyGroup, { timerAdds, timerRemoves }] of deltas) {
      const stored = this.#members.get(keyGroup) ?? new Map<string, number>();
      this.#members.set(keyGroup, stored);
      for (const { member, time } of timerAdds) {
        expect(stored.has(member)).toBe(false);
        stored.set(member, time);
      }
      for (const member of timerRemoves) expect(stored.delete(member)).toBe(true);
    }
  }

  read(): [number, StoredTimer[]][] {
    return [...this.#members].map(([keyGroup, stored]) => [
      keyGroup,
      // Storage keeps no order of its own.
      [...stored].map(([member, time]) => ({ member, time })).reverse(),
    ]);
  }
}

const plainOf = ({ namespace, key, time }: { namespace: unknown; key: unknown; time: number }): PlainTimer =>
  ({ namespace, key, time }) as PlainTimer;

function fire(queue: TimerQueue, through: number, limit: number): PlainTimer[] {
  const fired: PlainTimer[] = [];
  while (fired.length < limit) {
    const timer = queue.peek(through);
    if (timer === undefined) break;
    queue.pop();
    fired.push(plainOf(timer));
  }
  return fired;
}

function runAll(all: readonly Action[], restarts: boolean): void {
  let queue = new TimerQueue("event", "op", true);
  const storage = new TimerStorage();
  const plain = new PlainTimers();
  const begin = (): void => {
    queue.beginRecord();
    plain.begin();
  };
  begin();
  for (const one of all) {
    switch (one.kind) {
      case "register":
        queue.register(one.namespace, one.key, one.time);
        plain.register(plainOf(one));
        break;
      case "delete":
        queue.delete(one.namespace, one.key, one.time);
        plain.delete(plainOf(one));
        break;
      case "fire": {
        const expected = plain.due(one.through).slice(0, one.limit);
        const visited: PlainTimer[] = [];
        queue.forEachDue(one.through, one.limit, (timer) => visited.push(plainOf(timer)));
        expect(visited).toEqual(expected);
        expect(fire(queue, one.through, one.limit)).toEqual(expected);
        for (const timer of expected) plain.delete(timer);
        begin();
        break;
      }
      case "begin":
        begin();
        break;
      case "rollback":
        queue.rollback();
        plain.rollback();
        begin();
        break;
      case "collect":
      case "restart":
        storage.commit(queue);
        begin();
        if (one.kind === "restart" && restarts) {
          queue = new TimerQueue("event", "op", true);
          restoreTimers(storage.read(), [queue]);
          begin();
        }
        break;
    }
    expect(queue.size).toBe(plain.all.length);
  }
  expect(fire(queue, MAX_WATERMARK, 1_000)).toEqual(plain.due(MAX_WATERMARK));
  expect(queue.nextTime()).toBe(undefined);
}

describe("TimerQueue", () => {
  test("T1 T2 timers fire in the order of time, then of registration, and deleted ones never, for any sequence", () => {
    fc.assert(
      fc.property(actions, (all) => runAll(all, false)),
      { numRuns: RUNS },
    );
  });

  test("T3 timers restored from storage fire exactly like ones that were never stored, for restarts anywhere", () => {
    fc.assert(
      fc.property(actions, (all) => runAll(all, true)),
      { numRuns: RUNS },
    );
  });

  test("a stored member tells its timer, and different timers have different members", () => {
    const timer = fc.record({
      kind: fc.constantFrom("event" as const, "processing" as const, "cleanup" as const),
      order: fc.integer({ min: 1 }),
      time: fc.oneof(
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((time) => time + 0),
        fc.constant(MAX_WATERMARK),
      ),
      namespace: fc.oneof(fc.constant(undefined), fc.string({ unit: "binary" }), fc.integer()),
      key: fc.oneof(
        fc.string({ unit: "binary" }),
        fc.integer(),
        fc.boolean(),
        fc.bigInt(),
        fc.constant(null),
      ),
    });
    fc.assert(
      fc.property(timer, timer, (a, b) => {
        const memberOf = ({ kind, order, time, namespace, key }: typeof a): string =>
          encodeTimer(kind, order, time, namespace, key);
        expect(decodeTimer(memberOf(a))).toEqual(a);
        expect(memberOf(a) === memberOf(b)).toBe(JSON.stringify(a, big) === JSON.stringify(b, big));
      }),
      { numRuns: RUNS },
    );
  });

  test("a timer that is set and deleted again between two commits costs the commit nothing", () => {
    const queue = new TimerQueue("event", "op", false);
    for (let time = 0; time < 1_000; time++) {
      queue.register(undefined, 1, time);
      queue.delete(undefined, 1, time);
    }
    queue.collect(() => {
      throw new Error("nothing to store");
    });
    expect(queue.size).toBe(0);
    expect(queue.nextTime()).toBe(undefined);
  });

  test.each([Number.NaN, Number.NEGATIVE_INFINITY, "5" as never])("%s is no time for a timer", (time) => {
    expect(() => new TimerQueue("event", "op", false).register(undefined, 1, time)).toThrow(
      InvalidTimerTimeError,
    );
  });

  test("hundreds of thousands of timers, most of them deleted, are swept and still fire in order", () => {
    const queue = new TimerQueue("event", "op", false);
    const count = 600_000;
    for (let time = count; time > 0; time--) queue.register(undefined, 1, time);
    for (let time = 1; time <= count; time++) if (time % 3 !== 0) queue.delete(undefined, 1, time);
    queue.collect(() => ({ timerAdds: [], timerRemoves: [] }));
    for (let time = 3; time <= 30; time += 3) {
      expect(queue.nextTime()).toBe(time);
      queue.pop();
    }
    expect(queue.size).toBe(count / 3 - 10);
  });

  test("timers that are known to be new fire and are stored like any other", () => {
    const queue = new TimerQueue("event", "op", false);
    for (let key = 0; key < 100; key++) queue.registerNew(undefined, key, 5);
    queue.registerNew(undefined, 100, 3);
    const storage = new TimerStorage();
    storage.commit(queue);
    const restored = new TimerQueue("event", "op", false);
    restoreTimers(storage.read(), [restored]);
    const order = [100, ...Array.from({ length: 100 }, (_, key) => key)];
    for (const each of [queue, restored])
      expect(fire(each, MAX_WATERMARK, 1_000).map(({ key }) => key)).toEqual(order);
    storage.commit(queue);
    expect(storage.read().flatMap(([, stored]) => stored)).toEqual([]);
  });

  test("the end of the input is a time in event time only", () => {
    new TimerQueue("event", "op", false).register(undefined, 1, MAX_WATERMARK);
    expect(() => new TimerQueue("processing", "op", false).register(undefined, 1, MAX_WATERMARK)).toThrow(
      'operator "op": a timer in processing time was set for Infinity (number)',
    );
  });
});

function big(_name: string, item: unknown): unknown {
  if (typeof item === "bigint") return `${item}n`;
  return item === Number.POSITIVE_INFINITY ? "end" : item;
}
