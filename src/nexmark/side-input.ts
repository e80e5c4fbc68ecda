// SideInput — the small, unchanging table that q13 looks auctions up in.
//
// As a file it is NDJSON, one row a line: {"key": 17, "value": "17"}. Each key stands in it once.
import { readFile } from "node:fs/promises";
import { EngineError } from "../core/errors.ts";

/** Values by key. */
export type SideInput = ReadonlyMap<number, string>;

const defaultRows = 10_000;

/** The keys 0 to 9,999, each with itself as text. */
export function defaultSideInput(): SideInput {
  return new Map(Array.from({ length: defaultRows }, (_, key) => [key, String(key)]));
}

/** A side input that cannot be read, or a line of it that is no row. */
export class SideInputError extends EngineError<"NEXMARK_SIDE_INPUT_INVALID"> {
  constructor(path: string, line: number | undefined, problem: string, cause?: unknown) {
    const place = line === undefined ? "" : ` line ${line}`;
    super("NEXMARK_SIDE_INPUT_INVALID", `side input ${path}${place}: ${problem}`, {
      details: { path, line },
      cause,
    });
  }
}

/** @throws {SideInputError} */
export async function readSideInput(path: string): Promise<SideInput> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new SideInputError(path, undefined, "it cannot be read; give the path of an NDJSON file", error);
  }
  const rows = new Map<number, string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const { key, value } = parseRow(path, index + 1, line);
    if (rows.has(key))
      throw new SideInputError(path, index + 1, `key ${key} stands in it already; give each key once`);
    rows.set(key, value);
  }
  return rows;
}

function parseRow(
  path: string,
  line: number,
  text: string,
): { readonly key: number; readonly value: string } {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (error) {
    throw new SideInputError(path, line, "it is no JSON object; correct this line", error);
  }
  const { key, value } = (row ?? {}) as { readonly key?: unknown; readonly value?: unknown };
  if (!Number.isSafeInteger(key) || typeof value !== "string")
    throw new SideInputError(
      path,
      line,
      'a row is {"key": a whole number, "value": a text}; correct this line',
    );
  return { key: key as number, value };
}
