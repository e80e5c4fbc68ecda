// docs/features.md names a proof for all that Weir has, and leaves no method of a stream out.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CoGroupedStreams, CoGroupedWindows } from "../../src/dataflow/co-group.ts";
import { BroadcastConnectedStream, ConnectedStreams } from "../../src/dataflow/connected-streams.ts";
import { JoinableStream } from "../../src/dataflow/joinable-stream.ts";
import { KeyedStream } from "../../src/dataflow/keyed-stream.ts";
import { Pattern, PatternStart } from "../../src/dataflow/pattern.ts";
import { patternStream } from "../../src/dataflow/pattern-stream.ts";
import {
  AsyncStream,
  BroadcastStream,
  OperatorStream,
  SourceStream,
  Stream,
} from "../../src/dataflow/stream.ts";
import { WindowedStream } from "../../src/dataflow/windowed-stream.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Row {
  readonly feature: string;
  /** Calls, as code. */
  readonly ours: string;
  /** Paths of tests, as code. */
  readonly proof: string;
}

const rows: readonly Row[] = readFileSync(`${root}docs/features.md`, "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (feature|---) \|/.test(line))
  .map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (cells.length !== 7) throw new Error(`not five cells: ${line}`);
    const [, feature = "", , ours = "", , proof = ""] = cells;
    return { feature, ours, proof };
  });

const MISSING = "–";

describe("docs/features.md", () => {
  test("has rows for what there is and for what there is not", () => {
    expect(rows.filter((row) => row.ours !== MISSING).length).toBeGreaterThan(50);
    expect(rows.filter((row) => row.ours === MISSING).length).toBeGreaterThan(5);
  });

  test.each(rows)("$feature: tests that exist, or none where there is nothing", ({ ours, proof }) => {
    const paths = [...proof.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path);
    expect(paths.filter((path) => !path.startsWith("test/") || !existsSync(root + path))).toEqual([]);
    expect(paths.length > 0).toBe(ours !== MISSING);
  });

  const classes = {
    Stream,
    SourceStream,
    BroadcastStream,
    OperatorStream,
    AsyncStream,
    KeyedStream,
    JoinableStream,
    WindowedStream,
    ConnectedStreams,
    BroadcastConnectedStream,
    CoGroupedStreams,
    CoGroupedWindows,
    PatternStart,
    Pattern,
  };
  test.each(Object.entries(classes))("names every method of %s", (_name, { prototype }) => {
    const methods = Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor");
    expect(methods.filter((method) => !isNamed(method))).toEqual([]);
  });

  test("names what results of some operators have besides", () => {
    const methods = Object.keys(patternStream({} as OperatorStream<unknown>));
    expect(methods).toEqual(["late", "timedOut"]);
    expect(methods.filter((method) => !isNamed(method))).toEqual([]);
  });
});

function isNamed(method: string): boolean {
  return rows.some(({ ours }) => new RegExp(`[\`.]${method}[(\`]`).test(ours));
}
