import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Bell } from "../../src/core/bell.ts";
import { ManualClock } from "../../src/core/clock.ts";
import { News } from "../../src/runtime/news.ts";

/** Longer than a test may take: what ends has been ended. */
const FOREVER_MS = 3_600_000;

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("News", () => {
  test("none is lost, whichever comes first and whoever waits or does not", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("ring", "tell", "look"), { minLength: 1, maxLength: 30 }),
        async (steps) => {
          const bell = new Bell(new ManualClock());
          const news = new News({ waitForChange: (timeoutMs) => bell.wait(timeoutMs) });
          // What happened, and what a look has seen of it: a worker looks, then waits for news.
          let happened = 0;
          let seen = 0;
          let goOn = (): void => {};
          let isOver = false;
          const worker = (async () => {
            while (!isOver) {
              seen = happened;
              await new Promise<void>((resolve) => {
                goOn = resolve;
              });
              await news.wait(FOREVER_MS);
            }
          })();
          for (const step of steps) {
            if (step === "look") goOn();
            else {
              happened++;
              if (step === "ring") bell.ring();
              else news.tell();
            }
            await turn();
          }
          // Whatever a look is at: once it goes on, everything that happened is seen.
          for (let i = 0; i < 4 && seen < happened; i++) {
            goOn();
            await turn();
          }
          expect(seen).toBe(happened);
          isOver = true;
          goOn();
          news.tell();
          await worker;
        },
      ),
      { numRuns: 300 },
    );
  });

  test("without any, a wait ends with its time", async () => {
    const clock = new ManualClock();
    const bell = new Bell(clock);
    const news = new News({ waitForChange: (timeoutMs) => bell.wait(timeoutMs) });
    let ended = false;
    const waiting = news.wait(200).then(() => {
      ended = true;
    });
    clock.advance(199);
    await turn();
    expect(ended).toBe(false);
    clock.advance(1);
    await waiting;
  });
});
