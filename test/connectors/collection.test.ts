import { describe, expect, test } from "vitest";
import { collection } from "../../src/connectors/collection.ts";
import { InvalidOptionError } from "../../src/core/options.ts";
import { describeSource, readAll } from "../conformance/source.ts";

const items = Array.from({ length: 57 }, (_, n) => ({ n, text: `item ${n}` }));

describeSource("collection", () => ({ source: collection(items), expected: items }));
describeSource("empty collection", () => ({ source: collection<number>([]), expected: [] }));

describe("collection", () => {
  test("partition i of n reads every n-th item from i on, in order", async () => {
    expect(await readAll(collection([0, 1, 2, 3, 4, 5, 6]), 3)).toEqual([0, 3, 6, 1, 4, 2, 5]);
  });

  test("has no more splits than items", async () => {
    expect(await collection(["a", "b"]).splits(8)).toHaveLength(2);
  });

  test("refuses what is no array", () => {
    expect(() => collection("abc" as unknown as string[])).toThrow(InvalidOptionError);
  });
});
