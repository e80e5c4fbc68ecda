// docs/laws.md, the headers of src and the names of tests speak of the same laws.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Law {
  readonly id: string;
  readonly keptIn: readonly string[];
  readonly provenBy: readonly string[];
}

const laws: readonly Law[] = readFileSync(`${root}docs/laws.md`, "utf8")
  .split("\n")
  .filter((line) => /^\| [A-Z]\d+ \|/.test(line))
  .map((line) => {
    const [id = "", , keptIn = "", provenBy = ""] = line
      .split("|")
      .slice(1)
      .map((cell) => cell.trim());
    return { id, keptIn: pathsIn(keptIn), provenBy: pathsIn(provenBy) };
  });

function pathsIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);
}

function read(path: string): string {
  return existsSync(root + path) ? readFileSync(root + path, "utf8") : "";
}

/** `K1` also in `F1 F2 any ...` and in `laws A1 to A3`, but not in `K12`. */
function names(text: string, id: string): boolean {
  return new RegExp(`\\b${id}\\b`).test(text);
}

describe("docs/laws.md", () => {
  test("has every law that a header of src states, once", () => {
    const stated = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => [
        ...read(`src/${path}`).matchAll(/^\/\/ {3}([A-Z]\d+) {2}\S|^\/\/ Law ([A-Z]\d+)\b/gm),
      ])
      .map(([, listed, single]) => listed ?? single ?? "");
    expect(stated.length).toBeGreaterThan(40);
    expect(laws.map((law) => law.id).sort()).toEqual([...new Set(stated)].sort());
  });

  test.each(laws)("$id is stated where it is kept and in the names of the tests that prove it", (law) => {
    expect(law.keptIn.length).toBeGreaterThan(0);
    expect(law.keptIn.filter((path) => !names(read(path), law.id))).toEqual([]);
    const inTests = law.provenBy.filter((path) => !names(namesOfTests(read(path)), law.id));
    expect(inTests).toEqual([]);
    // The invariants of the partition actor are proven by faults, not by one test each.
    if (!law.id.startsWith("P")) expect(law.provenBy.length).toBeGreaterThan(0);
  });
});

/** The first arguments of `test(...)` and of helpers that define a test of a law. */
function namesOfTests(text: string): string {
  return [...text.matchAll(/["'`]([A-Z]\d+ [^"'`]*)/g)].map(([, name]) => name).join("\n");
}
