import { describe, expect, test } from "vitest";
import { WaitDeadlineError, waitFor } from "./wait-for.ts";

describe("waitFor", () => {
  test("returns the first truthy value", async () => {
    let looks = 0;
    const value = await waitFor(() => (++looks < 3 ? undefined : { looks }), {
      deadlineMs: 5_000,
      describe: "three looks",
      intervalMs: 1,
    });
    expect(value).toEqual({ looks: 3 });
  });

  test("says what it awaited and what it saw last when the deadline passes", async () => {
    const wait = waitFor(() => 0, { deadlineMs: 20, describe: () => "a rise", intervalMs: 1 });
    await expect(wait).rejects.toThrow("waited 20 ms for a rise; the last look saw 0");
    await expect(wait).rejects.toBeInstanceOf(WaitDeadlineError);
  });

  test("a condition that throws is looked at again, and its last error is the cause", async () => {
    const refusal = new Error("refused");
    const wait = waitFor(() => Promise.reject<boolean>(refusal), {
      deadlineMs: 20,
      describe: "an answer",
      intervalMs: 1,
    });
    await expect(wait).rejects.toThrow("the last look threw: Error: refused");
    await expect(wait).rejects.toHaveProperty("cause", refusal);
  });

  test("a condition that never settles is given up at the deadline", async () => {
    const wait = waitFor(() => new Promise<boolean>(() => undefined), { deadlineMs: 20, describe: "a word" });
    await expect(wait).rejects.toThrow("the condition itself did not answer");
  });
});
