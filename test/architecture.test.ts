// The staircase of src: a folder imports only what is listed here. A folder that is missing here is a mistake, too.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** Folder -> what it may import besides itself: a folder, or one file of a folder ("connectors/contract"). */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  time: ["core"],
  telemetry: ["core"],
  redis: ["core"],
  objects: ["core"],
  state: ["core", "time", "redis", "objects"],
  broker: ["core", "redis"],
  operators: ["core", "time", "state"],
  connectors: ["core"],
  "connectors/redis": ["core", "redis"],
  plan: ["core", "time", "state", "operators", "connectors/contract"],
  dataflow: ["core", "time", "state", "operators", "connectors/contract", "plan"],
  checkpoint: ["core", "redis", "objects", "state", "broker"],
  actors: ["core", "time", "state", "broker", "operators", "connectors", "plan", "checkpoint"],
  runtime: [
    ...["core", "time", "telemetry", "redis", "objects", "state", "broker", "operators", "connectors"],
    ...["plan", "dataflow", "checkpoint", "actors"],
  ],
  nexmark: ["core", "time", "state", "operators", "dataflow", "connectors", "runtime"],
  testing: ["*"],
  cli: ["*"],
  "index.ts": ["*", "testing"],
};
/** What "*" leaves out. */
const tops = ["testing", "cli"];
/** Only src/redis speaks to a client; everybody else gets a connection from there. */
const redisClient = /^(redis|ioredis|iovalkey|@redis\/.+|@valkey\/.+)$/;
const maxLines = 600;

describe("the layers of src", () => {
  test("every file imports only what its folder may, and is short enough to read", () => {
    const root = fileURLToPath(new URL("../src/", import.meta.url));
    const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) =>
      path.endsWith(".ts"),
    );
    expect(paths.length).toBeGreaterThan(0);
    expect(violations(new Map(paths.map((path) => [path, readFileSync(root + path, "utf8")])))).toEqual([]);
  });
});

describe("the check of the layers", () => {
  const forbidden: readonly (readonly [what: string, path: string, text: string, complaint: string])[] = [
    ["a folder without a row", "misc/a.ts", "", "src/misc is not in the layer table"],
    ["a file beside the folders", "main.ts", "", "src/main.ts is not in the layer table"],
    ["an import", "core/a.ts", 'import { b } from "../time/b.ts";', "core may not import time/b.ts"],
    ["a type", "time/a.ts", 'import type { B } from "../redis/b.ts";', "time may not import redis/b.ts"],
    ["an export", "time/a.ts", 'export { b } from "../state/b.ts";', "time may not import state/b.ts"],
    ["a bare import", "time/a.ts", 'import "../state/b.ts";', "time may not import state/b.ts"],
    ["a dynamic import", "time/a.ts", 'await import("../state/b.ts")', "time may not import state/b.ts"],
    ["a type in place", "time/a.ts", 'let b: import("../state/b.ts").B', "time may not import state/b.ts"],
    [
      "several lines",
      "core/a.ts",
      `import {\n  b, // it's b\n} from "../time/b.ts";`,
      "core may not import time/b.ts",
    ],
    [
      "redis elsewhere",
      "connectors/files/a.ts",
      'import "../../redis/b.ts";',
      "connectors may not import redis/b.ts",
    ],
    [
      "more than a contract",
      "plan/a.ts",
      'import "../connectors/b.ts";',
      "plan may not import connectors/b.ts",
    ],
    ["the command line", "index.ts", 'export { b } from "./cli/b.ts";', "index.ts may not import cli/b.ts"],
    ["testing", "cli/a.ts", 'import { b } from "../testing/b.ts";', "cli may not import testing/b.ts"],
    ["the way around", "core/a.ts", 'import { b } from "../index.ts";', "core may not import index.ts"],
    ["a client", "connectors/redis/a.ts", 'import { b } from "redis";', "only src/redis may import redis"],
    ["a part of a client", "cli/a.ts", 'import "@redis/client";', "only src/redis may import @redis/client"],
    ["a long file", "core/a.ts", "a\n".repeat(601), "601 lines, at most 600"],
  ];
  test.each(forbidden)("catches %s", (_what, path, text, complaint) => {
    expect(violations(new Map([[path, text]]))).toEqual([`${path}: ${complaint}`]);
  });

  test("accepts what the table allows", () => {
    const allowed: readonly (readonly [path: string, text: string])[] = [
      [
        "core/a.ts",
        'import { readFileSync } from "node:fs";\nimport { pack } from "msgpackr";\nimport { b } from "./b.ts";',
      ],
      ["core/ports/a.ts", 'import { b } from "../b.ts";'],
      ["redis/a.ts", 'import { createClient } from "redis";\nimport { b } from "../core/b.ts";'],
      ["connectors/redis/a.ts", 'import { b } from "../../redis/b.ts";\nimport { c } from "../contract.ts";'],
      [
        "connectors/files/a.ts",
        'import type { C } from "../contract.ts";\nimport { d } from "../../core/d.ts";',
      ],
      ["dataflow/a.ts", 'import type { C } from "../connectors/contract.ts";'],
      ["cli/a.ts", 'import { b } from "../runtime/b.ts";\nimport { c } from "../nexmark/c.ts";'],
      ["core/long.ts", "a\n".repeat(600)],
      ["core/b.ts", '/**\n * import { b } from "../cli/b.ts";\n */\n// export { b } from "../cli/b.ts";'],
      ["index.ts", 'export { b } from "./runtime/b.ts";\nexport { c } from "./testing/c.ts";'],
    ];
    expect(violations(new Map(allowed))).toEqual([]);
  });
});

/** @param files text by path below src */
function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [path, text] of files) {
    const lines = text.trimEnd().split("\n").length;
    if (lines > maxLines) found.push(`${path}: ${lines} lines, at most ${maxLines}`);
    const [top = ""] = path.split("/");
    const folder = Object.keys(layers).findLast((row) => path.startsWith(`${row}/`)) ?? top;
    const allowed = layers[folder];
    if (allowed === undefined) {
      found.push(`${path}: src/${folder} is not in the layer table`);
      continue;
    }
    for (const target of importsOf(text)) {
      if (!target.startsWith(".")) {
        if (redisClient.test(target) && top !== "redis")
          found.push(`${path}: only src/redis may import ${target}`);
        continue;
      }
      const file = new URL(target, `file:///${path}`).pathname.slice(1);
      const isListed = allowed.some((row) => file === `${row}.ts` || file.startsWith(`${row}/`));
      const isBelow = allowed.includes("*") && !tops.some((row) => file.startsWith(`${row}/`));
      if (!file.startsWith(`${top}/`) && !isListed && !isBelow)
        found.push(`${path}: ${folder} may not import ${file}`);
    }
  }
  return found;
}

/** The modules that a file names in import, export ... from, and import(). Lines of comment do not count. */
function importsOf(text: string): string[] {
  const code = text.replace(/^\s*(?:\/\/|\/?\*).*$/gm, "");
  const named = code.matchAll(/(?:\bfrom|^\s*import|\bimport\()\s*["']([^"'\n]+)["']/gm);
  return Array.from(named, ([, target = ""]) => target);
}
