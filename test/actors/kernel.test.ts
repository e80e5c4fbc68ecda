import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Dispatcher, type TurnResult } from "../../src/actors/kernel/dispatcher.ts";
import { Mailbox } from "../../src/actors/kernel/mailbox.ts";
import { decideSupervision, defaultRestartPolicy } from "../../src/actors/kernel/supervision.ts";
import { type PartitionState, partitionLifecycle } from "../../src/actors/partition-lifecycle.ts";
import { TimeAccount } from "../../src/actors/time-account.ts";
import { ChannelGapError } from "../../src/broker/errors.ts";
import { EngineError } from "../../src/core/errors.ts";
import { IllegalTransitionError } from "../../src/core/lifecycle.ts";
import { PartitionFencedError, SessionEndedError } from "../../src/core/partition-errors.ts";
import { waitFor } from "../support/wait-for.ts";

describe("Mailbox", () => {
  test("M1 M2 behaves like two queues, the data one bounded, for any sequence of operations", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("post", "offer", "takeControl", "takeData"), { maxLength: 3_000 }),
        fc.integer({ min: 1, max: 5 }),
        (operations, capacity) => {
          const mailbox = new Mailbox<number, number>(capacity);
          const control: number[] = [];
          const data: number[] = [];
          for (const [i, operation] of operations.entries()) {
            if (operation === "post") {
              mailbox.post(i);
              control.push(i);
            } else if (operation === "offer") {
              expect(mailbox.offer(i)).toBe(data.length < capacity);
              if (data.length < capacity) data.push(i);
            } else if (operation === "takeControl") expect(mailbox.takeControl()).toBe(control.shift());
            else expect(mailbox.takeData()).toBe(data.shift());
            expect([mailbox.dataCount, mailbox.free]).toEqual([data.length, capacity - data.length]);
          }
        },
      ),
    );
  });
});

describe("Dispatcher", () => {
  /** What was due before it was asked for has run, however late the timer is. */
  const untilIdle = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setImmediate(resolve));
  };

  test("D1 D2 gives turns in rounds, one per ready actor, never nested", async () => {
    const dispatcher = new Dispatcher();
    const log: string[] = [];
    let running = 0;
    const actor = (name: string, turns: number) => ({
      turn(): TurnResult {
        expect(running).toBe(0);
        running++;
        log.push(name);
        // Waking oneself within a turn must not start another one.
        dispatcher.wake(this);
        running--;
        turns--;
        return turns > 0 ? "again" : "wait";
      },
    });
    const [a, b, c] = [actor("a", 3), actor("b", 2), actor("c", 1)];
    for (const each of [a, b, c]) dispatcher.wake(each);
    await waitFor(() => log.length >= 9, { describe: "nine turns" });
    dispatcher.remove(a);
    dispatcher.remove(b);
    dispatcher.remove(c);
    expect(log.slice(0, 9)).toEqual(["a", "b", "c", "a", "b", "c", "a", "b", "c"]);
  });

  test("a removed actor gets no turn although it was woken", async () => {
    const dispatcher = new Dispatcher();
    let turns = 0;
    const actor = {
      turn(): TurnResult {
        turns++;
        return "wait";
      },
    };
    dispatcher.wake(actor);
    dispatcher.remove(actor);
    await untilIdle();
    expect(turns).toBe(0);
    dispatcher.wake(actor);
    await untilIdle();
    expect(turns).toBe(1);
  });

  test("gives the event loop back although an actor always has more to do", async () => {
    const dispatcher = new Dispatcher(1);
    let turns = 0;
    const busy = {
      turn(): TurnResult {
        turns++;
        return "again";
      },
    };
    dispatcher.wake(busy);
    await untilIdle();
    dispatcher.remove(busy);
    expect(turns).toBeGreaterThan(1);
  });

  test("D2 gives it back within a round too, which then goes on with the actors that had no turn", async () => {
    const dispatcher = new Dispatcher(1);
    const log: string[] = [];
    const slow = (name: string) => ({
      turn(): TurnResult {
        log.push(name);
        const untilMs = performance.now() + 2;
        while (performance.now() < untilMs);
        return log.length < 8 ? "again" : "wait";
      },
    });
    for (const name of ["a", "b", "c"]) dispatcher.wake(slow(name));
    const turnsPerTick: number[] = [];
    while (log.length < 8) {
      const before = log.length;
      await new Promise<void>((resolve) => setImmediate(resolve));
      turnsPerTick.push(log.length - before);
    }
    expect(Math.max(...turnsPerTick)).toBe(1);
    expect(log.slice(0, 8)).toEqual(["a", "b", "c", "a", "b", "c", "a", "b"]);
  });
});

describe("decideSupervision", () => {
  const transient = new EngineError("SOME", "x", { retry: "partition" });

  test("restarts with doubling waits up to the bound, then fails the job", () => {
    const delays: number[] = [];
    let restarts = 0;
    for (;;) {
      const verdict = decideSupervision(transient, restarts, 10, true);
      if (verdict.kind !== "restart") {
        expect(verdict.kind).toBe("fail-job");
        break;
      }
      delays.push(verdict.delayMs);
      restarts = verdict.restarts;
    }
    expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
  });

  test("a long healthy run starts the count again", () => {
    const verdict = decideSupervision(transient, 9, defaultRestartPolicy.resetAfterMs, true);
    expect(verdict).toEqual({ kind: "restart", delayMs: 100, restarts: 1 });
  });

  test("what belongs to somebody else is forgotten, doubt about the session ends it, a user's error fails the job", () => {
    expect(decideSupervision(new PartitionFencedError("a.0"), 0, 0, true).kind).toBe("forget");
    expect(decideSupervision(new SessionEndedError(new Error("x")), 0, 0, true).kind).toBe("end-session");
    expect(decideSupervision(new Error("user"), 0, 0, true).kind).toBe("fail-job");
    expect(decideSupervision(transient, 0, 0, false).kind).toBe("fail-job");
  });

  test("a channel that does not fit is tried a few times only: waiting does not repair it", () => {
    const gap = new ChannelGapError("e:0>0", 5, 7);
    expect(decideSupervision(gap, 2, 0, true).kind).toBe("restart");
    expect(decideSupervision(gap, 3, 0, true).kind).toBe("fail-job");
  });
});

describe("partition life cycle", () => {
  test("every edge that is not in the table is refused", () => {
    const states = Object.keys(partitionLifecycle.edges) as PartitionState[];
    for (const from of states)
      for (const to of states)
        if (!partitionLifecycle.allows(from, to))
          expect(() => partitionLifecycle.create("p.0", from).to(to)).toThrow(IllegalTransitionError);
  });
});

describe("TimeAccount", () => {
  test("busy and waiting times add up to the age", () => {
    const account = new TimeAccount(0);
    account.onTurnStart(10);
    account.onTurnEnd(15, "backpressured");
    account.onTurnStart(35);
    account.onTurnEnd(36, "stateWait");
    expect(account.read(40)).toEqual({
      busyMs: 6,
      idleMs: 10,
      backpressuredMs: 20,
      stateWaitMs: 4,
      commitWaitMs: 0,
    });
  });
});
