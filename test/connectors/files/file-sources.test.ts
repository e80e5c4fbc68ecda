import { truncate } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import type {
  Json,
  ReadFailure,
  Source,
  SourceContext,
  SourceSplit,
} from "../../../src/connectors/contract.ts";
import { csvFile } from "../../../src/connectors/files/csv-file.ts";
import { FileFormatError, FileSourceError } from "../../../src/connectors/files/errors.ts";
import type { FilePaths } from "../../../src/connectors/files/file-source.ts";
import { jsonFile } from "../../../src/connectors/files/json-file.ts";
import { ndjsonFile } from "../../../src/connectors/files/ndjson-file.ts";
import { SchemaMismatchError } from "../../../src/connectors/validate.ts";
import { InvalidOptionError, UnknownOptionError } from "../../../src/core/options.ts";
import { describeSource, readAll, readSplit } from "../../conformance/source.ts";
import { createTemporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

const context: SourceContext = { job: "job", source: "file", partition: 0, parallelism: 1 };

// Long enough for several chunks, with characters of two, three and four bytes and numbers of every size.
const rows = Array.from({ length: 3_000 }, (_, n) => ({
  n: String(n),
  text: `ä€😀 ${"x".repeat(n % 307)}`,
  quoted: n % 7 === 0 ? `a "quoted", field\nwith ${n} lines` : "plain",
}));
const csvText = (list: readonly Record<string, string>[]): string =>
  [
    "n,text,quoted",
    ...list.map((row) =>
      Object.values(row)
        .map((field) => `"${field.replaceAll('"', '""')}"`)
        .join(","),
    ),
  ].join("\r\n");

interface FormatUnderTest {
  create(path: FilePaths, options?: object): Source<unknown>;
  encode(list: typeof rows): string;
}

const formats: Record<string, FormatUnderTest> = {
  json: { create: jsonFile, encode: (list) => JSON.stringify(list, null, 1) },
  ndjson: {
    create: ndjsonFile,
    encode: (list) => list.map((row) => JSON.stringify(row)).join("\n"),
  },
  csv: { create: csvFile, encode: csvText },
};

for (const [name, { create, encode }] of Object.entries(formats)) {
  describeSource(`${name} file`, async () => {
    const directory = await createTemporaryDirectory();
    const path = await directory.write(`rows.${name}`, encode(rows.slice(0, 200)));
    return { source: create(path), expected: rows.slice(0, 200), dispose: directory.dispose };
  });
  describeSource(`several ${name} files with a schema`, async () => {
    const directory = await createTemporaryDirectory();
    const paths = [
      await directory.write("a", encode(rows.slice(0, 40))),
      await directory.write("b", encode([])),
      await directory.write("c", encode(rows.slice(40, 130))),
    ];
    const schema = z.object({ n: z.coerce.number(), text: z.string() });
    return {
      source: create(paths, { schema }),
      expected: rows.slice(0, 130).map(({ n, text }) => ({ n: Number(n), text })),
      dispose: directory.dispose,
    };
  });
}

let directory: TemporaryDirectory;
beforeEach(async () => {
  directory = await createTemporaryDirectory();
});
afterEach(() => directory.dispose());

async function readFailures(
  source: Source<unknown>,
): Promise<{ records: unknown[]; failures: ReadFailure[] }> {
  const [split] = await source.splits(1);
  const batches = await readSplit(source, split as SourceSplit);
  return {
    records: batches.flatMap((batch) => batch.records),
    failures: batches.flatMap((batch) => batch.failures ?? []),
  };
}

describe.each(Object.entries(formats))("%s files", (name, { create, encode }) => {
  test("a missing file is refused before the job starts, with its path", async () => {
    const source = create(directory.file("missing"));
    await expect(async () => source.splits(1)).rejects.toThrow(FileSourceError);
    await expect(async () => source.splits(1)).rejects.toThrow(/missing": it does not exist/);
    const split = { id: "x", path: directory.file("missing") };
    await expect(async () => source.open(split, undefined, context)).rejects.toThrow(FileSourceError);
  });

  test("a directory is refused", async () => {
    await expect(async () => create(directory.path).splits(1)).rejects.toThrow(/it is a directory/);
  });

  test("a file of many chunks is read whole, in order", async () => {
    const path = await directory.write("many", encode(rows));
    expect(await readAll(create(path))).toEqual(rows);
  });

  test("a byte order mark is not part of the first record", async () => {
    const path = await directory.write("bom", `\uFEFF${encode(rows.slice(0, 3))}`);
    expect(await readAll(create(path))).toEqual(rows.slice(0, 3));
    const [split] = await create(path).splits(1);
    const batches = await readSplit(create(path), split as SourceSplit, undefined, 1);
    const resumed = await readSplit(create(path), split as SourceSplit, batches[0]?.position);
    expect(resumed.flatMap((batch) => batch.records)).toEqual(rows.slice(1, 3));
  });

  test("a record that does not fit the schema is a failure with its place; the others go on", async () => {
    const path = await directory.write("typed", encode(rows.slice(0, 9)));
    const schema = z.object({ n: z.string().refine((text) => text !== "3", "three is out") });
    const { records, failures } = await readFailures(create(path, { schema }));
    expect(records).toHaveLength(8);
    expect(failures).toMatchObject([{ raw: { n: "3" } }]);
    expect(failures[0]?.error).toBeInstanceOf(SchemaMismatchError);
    expect(failures[0]?.error.message).toContain("n: three is out");
    expect(failures[0]?.where).toContain(`${path} ${name === "json" ? "record 4" : "line"}`);
  });

  test("asynchronous schemas are awaited", async () => {
    const path = await directory.write("async", encode(rows.slice(0, 5)));
    const schema = z.object({ n: z.string().refine(async (text) => text !== "1") });
    const { records, failures } = await readFailures(create(path, { schema }));
    expect(records).toEqual(["0", "2", "3", "4"].map((n) => ({ n })));
    expect(failures).toHaveLength(1);
  });

  test("takes URLs, and refuses no path, one twice, and unknown options", async () => {
    const path = await directory.write("rows", encode(rows.slice(0, 1)));
    expect(await readAll(create(pathToFileURL(path)))).toEqual(rows.slice(0, 1));
    expect(() => create([])).toThrow(InvalidOptionError);
    expect(() => create("")).toThrow(InvalidOptionError);
    expect(() => create([path, path])).toThrow(/each path once/);
    expect(() => create(path, { shema: 1 } as object)).toThrow(UnknownOptionError);
    expect(() => create(path, { schema: {} } as object)).toThrow(/Standard Schema/);
  });

  test("says what it reads", () => {
    expect(create("a").description).toBe(`${name} file a`);
    expect(create(["a", "b", "c", "d"])).toMatchObject({
      description: `${name} files a, b, c and 1 more`,
      maxParallelism: 4,
    });
  });
});

describe("json files", () => {
  test("text that breaks off or is no JSON gives the records before it, then a clear error", async () => {
    for (const tail of [',{"n":2', ',{"n":2},]x', ',{"n" 2}']) {
      const path = await directory.write("broken.json", `[{"n":1}${tail}`);
      const source = jsonFile(path);
      const [split] = await source.splits(1);
      const reader = await source.open(split as SourceSplit, undefined, context);
      const seen: unknown[] = [];
      const readOn = async () => {
        for (let i = 0; i < 5; i++) seen.push(...(await reader.read(10)).records);
      };
      await expect(readOn()).rejects.toThrow(FileFormatError);
      await expect(async () => reader.read(10)).rejects.toThrow(
        /broken\.json", behind record [12]: not valid JSON/,
      );
      expect(seen[0]).toEqual({ n: 1 });
      await reader.close();
    }
  });

  test("a document that is no array is refused, and option at leads to one inside", async () => {
    const path = await directory.write("doc.json", '{"meta":{"rows":2},"data":{"rows":[{"n":1},{"n":2}]}}');
    await expect(readAll(jsonFile(path))).rejects.toThrow(/option at/);
    await expect(readAll(jsonFile(path, { at: ["data"] }))).rejects.toThrow(/option at/);
    await expect(readAll(jsonFile(path, { at: ["missing"] }))).rejects.toThrow(/there is nothing/);
    expect(await readAll(jsonFile(path, { at: ["data", "rows"] }))).toEqual([{ n: 1 }, { n: 2 }]);
    await expect(readAll(jsonFile(await directory.write("five.json", "5")))).rejects.toThrow(FileFormatError);
    await expect(readAll(jsonFile(await directory.write("empty.json", "")))).rejects.toThrow(FileFormatError);
  });

  test("nested arrays and scalars are records as they are", async () => {
    const values = [1, "two", null, [3, [4]], { five: [6] }, true];
    const path = await directory.write("mixed.json", JSON.stringify(values));
    expect(await readAll(jsonFile(path))).toEqual(values);
  });
});

describe("ndjson files", () => {
  test("a bad line is a failure with its number; empty lines and line ends of all kinds are fine", async () => {
    const path = await directory.write("lines.ndjson", '{"n":1}\r\n\n{"n":2\n  \n{"n":3}\n\n{"n":4}');
    const { records, failures } = await readFailures(ndjsonFile(path));
    expect(records).toEqual([{ n: 1 }, { n: 3 }, { n: 4 }]);
    expect(failures).toMatchObject([{ raw: '{"n":2', where: `${path} line 3` }]);
    expect(failures[0]?.error.message).toMatch(/lines\.ndjson line 3: not valid JSON/);
  });

  test("a line above the limit is a failure that shows its start, and reading goes on behind it", async () => {
    const long = JSON.stringify("z".repeat(600_000));
    const path = await directory.write("long.ndjson", `1\n${long}\n2\n${long}`);
    const { records, failures } = await readFailures(ndjsonFile(path, { maxLineBytes: 1_000 }));
    expect(records).toEqual([1, 2]);
    expect(failures.map(({ where, raw }) => [where, String(raw).length])).toEqual([
      [`${path} line 2`, 200],
      [`${path} line 4`, 200],
    ]);
    expect(await readAll(ndjsonFile(path))).toEqual([1, "z".repeat(600_000), 2, "z".repeat(600_000)]);
  });

  test("the position is the byte behind the last line taken", async () => {
    const path = await directory.write("small.ndjson", '"ä"\n"b"\n"c"');
    const source = ndjsonFile(path);
    const [split] = await source.splits(1);
    const reader = await source.open(split as SourceSplit, undefined, context);
    expect((await reader.read(1)).position).toEqual({ offset: 5, line: 1 });
    expect((await reader.read(1)).position).toEqual({ offset: 9, line: 2 });
    await reader.close();
  });

  test("a file that became shorter than its position is refused", async () => {
    const path = await directory.write("small.ndjson", "1\n2\n3\n");
    const source = ndjsonFile(path);
    const [split] = await source.splits(1);
    await truncate(path, 2);
    await expect(async () =>
      source.open(split as SourceSplit, { offset: 4, line: 2 }, context),
    ).rejects.toThrow(/has 2 bytes but was already read up to byte 4/);
  });

  test("any lines survive any chunk borders", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 30 }),
        fc.nat(300_000),
        async (values, padding) => {
          const text = ["x".repeat(padding), ...values].map((value) => JSON.stringify(value)).join("\n");
          const path = await directory.write("any.ndjson", text);
          const read = await readAll(ndjsonFile(path));
          expect(JSON.stringify(read.slice(1))).toEqual(JSON.stringify(values));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("csv files", () => {
  test("rows with too many or too few fields or stray quotes are failures with line and fields", async () => {
    const path = await directory.write("bad.csv", 'a,b\n1,2\n3\n4,5,6\n"7\n7",8\n9,x"y\n10,11\n');
    const { records, failures } = await readFailures(csvFile(path));
    expect(records).toEqual([
      { a: "1", b: "2" },
      { a: "7\n7", b: "8" },
      { a: "10", b: "11" },
    ]);
    expect(failures.map(({ where }) => where)).toEqual([3, 4, 7].map((line) => `${path} line ${line}`));
    expect(failures.slice(0, 2).map(({ raw }) => raw)).toEqual([["3"], ["4", "5", "6"]]);
  });

  test.each([['9,"x"y\n10,11\n'], ['9,"x\n10,11\n']])(
    "a quote that does not end properly stops the source instead of swallowing rows: %j",
    async (tail) => {
      const path = await directory.write("quote.csv", `a,b\n1,2\n${tail}`);
      await expect(readAll(csvFile(path))).rejects.toThrow(/quote\.csv", behind line 2: .*Quote/);
    },
  );

  test("bad rows count in positions, so a resumed read repeats and loses nothing", async () => {
    const path = await directory.write("bad.csv", "a,b\n1,2\n3\n4,5\n6\n7,8\n");
    const source = csvFile(path);
    const [split] = await source.splits(1);
    const seen: string[] = [];
    let position: Json | undefined;
    for (let end = false; !end; ) {
      const reader = await source.open(split as SourceSplit, position, context);
      const batch = await reader.read(1);
      seen.push(...batch.records.map(({ a }) => `row ${a}`), ...(batch.failures ?? []).map(() => "bad"));
      ({ position, end } = batch);
      await reader.close();
    }
    expect(seen).toEqual(["row 1", "bad", "row 4", "bad", "row 7"]);
  });

  test("columns name the fields of a file without a header, and type the records", async () => {
    const path = await directory.write("plain.csv", "# made by hand\n1; x \n2;y\n");
    const source: Source<{ id: string; name: string }> = csvFile(path, {
      columns: ["id", "name"],
      delimiter: ";",
      comment: "#",
      trim: true,
    }) satisfies Source<Record<"id" | "name", string>>;
    expect(await readAll(source)).toEqual([
      { id: "1", name: "x" },
      { id: "2", name: "y" },
    ]);
  });

  test("a header that names a column twice is refused instead of losing a field", async () => {
    const path = await directory.write("twice.csv", "a,b,a\n1,2,3\n");
    await expect(readAll(csvFile(path))).rejects.toThrow(/names column "a" twice/);
  });

  test("refuses senseless options", () => {
    expect(() => csvFile("x", { columns: ["a", "a"] })).toThrow(InvalidOptionError);
    expect(() => csvFile("x", { delimiter: "" })).toThrow(InvalidOptionError);
  });
});

describe("record types", () => {
  test("come from the schema's output", async () => {
    const path = await directory.write("typed.ndjson", '{"at":"2001-01-01T00:00:00Z"}');
    const schema = z.object({ at: z.string().transform((text) => new Date(text)) });
    const source: Source<{ at: Date }> = ndjsonFile(path, { schema });
    const [record] = await readAll(source);
    expect(record?.at.getUTCFullYear()).toBe(2001);
  });
});
