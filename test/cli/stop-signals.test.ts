import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StopSignals } from "../../src/cli/stop-signals.ts";

describe("StopSignals", () => {
  let heard: string[] = [];
  let signals: StopSignals;
  beforeEach(() => {
    heard = [];
    signals = new StopSignals({
      onDrain: (signal) => heard.push(`drain ${signal}`),
      onForce: (signal) => heard.push(`force ${signal}`),
    });
  });
  afterEach(() => signals.close());

  test("the first signal drains, a later one ends the process at once", () => {
    signals.receive("SIGINT", 0);
    signals.receive("SIGTERM", 500);
    expect(heard).toEqual(["drain SIGINT", "force SIGTERM"]);
  });

  test("one Ctrl-C that arrives twice, from the terminal and through npm, is one wish", () => {
    signals.receive("SIGINT", 0);
    signals.receive("SIGINT", 40);
    expect(heard).toEqual(["drain SIGINT"]);
  });

  test("asking to drain again never forces", () => {
    signals.receive("SIGINT", 0);
    signals.drain("SIGTERM", 10_000);
    expect(heard).toEqual(["drain SIGINT"]);
  });

  test("gives the signals back when it is closed", () => {
    const listening = (): number => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");
    const before = listening();
    signals.close();
    expect(listening()).toBe(before - 2);
  });
});
