import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultSideInput, readSideInput, SideInputError } from "../../src/nexmark/side-input.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-side-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string): Promise<ReadonlyMap<number, string>> {
  const path = join(folder, "side.ndjson");
  await writeFile(path, text);
  return readSideInput(path);
}

describe("side input of q13", () => {
  test("has the keys 0 to 9,999 when none is given", () => {
    const rows = defaultSideInput();
    expect([rows.size, rows.get(0), rows.get(9_999), rows.get(10_000)]).toEqual([
      10_000,
      "0",
      "9999",
      undefined,
    ]);
  });

  test("is read row by row; blank lines and other fields do not matter", async () => {
    expect(await read('{"key":1,"value":"a"}\r\n\n{"value":"","key":-2,"more":0}')).toEqual(
      new Map([
        [1, "a"],
        [-2, ""],
      ]),
    );
    expect(await read("")).toEqual(new Map());
  });

  test.each([
    ['{"key":1,"value":"a"}\n{"key":', /side\.ndjson line 2: it is no JSON object/],
    ["null", /line 1: a row is \{"key": a whole number/],
    ['{"key":"1","value":"a"}', /line 1: a row is/],
    ['{"key":1.5,"value":"a"}', /line 1: a row is/],
    ['{"key":1}', /line 1: a row is/],
    ['{"key":1,"value":"a"}\n{"key":1,"value":"a"}', /line 2: key 1 stands in it already/],
  ])("refuses %j", async (text, words) => {
    const error = await read(text).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SideInputError);
    expect((error as Error).message).toMatch(words);
  });

  test("says when there is no such file", async () => {
    await expect(readSideInput(join(folder, "none"))).rejects.toThrow(/none: it cannot be read/);
  });
});
