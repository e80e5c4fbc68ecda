// Every error class of src: its name, its code, and its line in docs/errors.md.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EngineError } from "../../src/core/errors.ts";

interface ErrorClass {
  readonly name: string;
  /** Undefined for a class that is given the code of another error. */
  readonly code: string | undefined;
  readonly isExported: boolean;
  readonly file: string;
}

interface Row {
  readonly code: string;
  readonly name: string;
  readonly retry: string;
  readonly meaning: string;
  readonly remedy: string;
}

type AnyErrorClass = new (...args: unknown[]) => EngineError;

const source = fileURLToPath(new URL("../../src/", import.meta.url));
const declaration = /^(export )?class (\w+) extends EngineError(?:<"([^"]+)">)? \{/gm;

const classes: readonly ErrorClass[] = readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .flatMap((file) =>
    [...readFileSync(source + file, "utf8").matchAll(declaration)].map(
      ([, exported, name = "", code]): ErrorClass => ({
        name,
        code,
        isExported: exported !== undefined,
        file,
      }),
    ),
  );
const exported = classes.filter((each) => each.isExported);

const documented: readonly Row[] = readFileSync(
  fileURLToPath(new URL("../../docs/errors.md", import.meta.url)),
  "utf8",
)
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => {
    const [code = "", name = "", retry = "", meaning = "", remedy = ""] = line
      .split("|")
      .slice(1)
      .map((cell) => cell.trim());
    return { code: code.replaceAll("`", ""), name: name.replaceAll("`", ""), retry, meaning, remedy };
  });

/** Arguments that one of the constructors or another can do something with. */
const trials: readonly unknown[][] = [
  ["text", "text", "text", "text", "text", "text"],
  ["text", [], "text", [], [], "text"],
  ["text", "text", new Error("cause"), new Error("cause"), new Error("cause"), new Error("cause")],
  ["text", "text", [], [], [], []],
];

function construct(ErrorType: AnyErrorClass): EngineError | undefined {
  for (const args of trials) {
    try {
      return new ErrorType(...args.slice(0, ErrorType.length)); // optional ones keep their defaults
    } catch (thrown) {
      if (!(thrown instanceof TypeError)) throw thrown;
    }
  }
  return undefined;
}

describe("the error classes of src", () => {
  test("are found, and every class that ends in Error and is thrown across files is one of them", () => {
    expect(exported.length).toBeGreaterThan(70);
    const all = readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .flatMap((path) => [...readFileSync(source + path, "utf8").matchAll(/^export class (\w+Error)\b/gm)])
      .map(([, name]) => name);
    const known = new Set(["EngineError", ...exported.map((each) => each.name)]);
    expect(all.filter((name) => !known.has(name ?? ""))).toEqual([]);
  });

  test("have one code each, in capitals, that no other class has", () => {
    expect(exported.filter((each) => each.code === undefined)).toEqual([]);
    const codes = exported.map((each) => each.code ?? "");
    expect(codes.filter((code) => !/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/.test(code))).toEqual([]);
    expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([]);
    const names = exported.map((each) => each.name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });

  test.each(exported)(
    "$name carries its own name, its code and a remedy or reason",
    async ({ name, code, file }) => {
      const module = (await import(`${source}${file}`)) as Record<string, unknown>;
      const ErrorType = module[name] as AnyErrorClass;
      expect(ErrorType.prototype).toBeInstanceOf(EngineError);
      const error = construct(ErrorType);
      expect(error, `none of the trial arguments suits ${name}: add some`).toBeDefined();
      expect({ name: error?.name, code: error?.code }).toEqual({ name, code });
      const retry = documented.find((row) => row.code === code)?.retry.split(",")[0];
      expect({ code, retry: error?.retry }).toEqual({ code, retry });
      expect(error?.message.length).toBeGreaterThan(0);
    },
  );
});

describe("docs/errors.md", () => {
  test("has every exported error class once, with its code, a meaning and what to do", () => {
    const inSource = exported.map(({ code = "", name }) => `${code} ${name}`).sort();
    expect(documented.map(({ code, name }) => `${code} ${name}`).sort()).toEqual(inSource);
    expect(
      documented.filter(({ retry, meaning, remedy }) => retry === "" || meaning === "" || remedy === ""),
    ).toEqual([]);
  });
});
