// The contract in a script's header, the names beside it and the source must say the same.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { allScripts } from "../../src/redis/scripts.ts";

/** Names of one section of the header: lines `[1] name ...` or `[2..] name ...` behind its title. */
function listed(source: string, section: "KEYS" | "ARGV"): string[] {
  const header = source.slice(source.indexOf("--[["), source.indexOf("]]"));
  const titles = ["KEYS", "ARGV", "Returns"];
  const next = titles[titles.indexOf(section) + 1]!;
  const text = header.slice(header.indexOf(`  ${section}`), header.indexOf(`  ${next}`));
  const names: string[] = [];
  for (const match of text.matchAll(/\[(\d+)(\.\.)?\]\s+(\w+)/g)) {
    expect(Number(match[1])).toBe(names.length + 1);
    names.push(match[2] === undefined ? match[3]! : `...${match[3]}`);
  }
  return names;
}

describe.each(allScripts.map((script) => [script.name, script] as const))("script %s", (name, script) => {
  test("has the contract that its header promises", () => {
    expect(listed(script.source, "KEYS")).toEqual(script.keys);
    if (script.args.length > 0) expect(listed(script.source, "ARGV")).toEqual(script.args);
    expect(script.source).toMatch(/^#!lua[^\n]*\n--\[\[/);
    expect(script.source).toMatch(/--\[\[\s+[\w, -]*\bWhy a script:|Why a script:/);
    expect(script.source).toContain(name);
    expect(script.sha).toBe(createHash("sha1").update(script.source).digest("hex"));
  });

  test("uses no key and no argument beyond its contract, and answers in words", () => {
    const open = (names: readonly string[]): boolean => names.at(-1)?.startsWith("...") ?? false;
    const body = script.source.slice(script.source.indexOf("]]") + 2);
    for (const [names, array] of [
      [script.keys, "KEYS"],
      [script.args, "ARGV"],
    ] as const) {
      const used = [...body.matchAll(new RegExp(`${array}\\[(\\d+)\\]`, "g"))].map((match) =>
        Number(match[1]),
      );
      const most = Math.max(0, ...used);
      if (!open(names)) expect(most).toBeLessThanOrEqual(names.length);
      // Every fixed one is used: what nobody reads has no place in a contract.
      const fixed = names.filter((each) => !each.startsWith("...")).length;
      if (names !== script.args || name !== "attach")
        for (let i = 1; i <= fixed; i++) expect(used, `${array}[${i}]`).toContain(i);
    }
    for (const match of body.matchAll(/return (\d+)/g)) expect.fail(`a number is returned: ${match[0]}`);
  });
});

test("every script has its own name and hash", () => {
  expect(new Set(allScripts.map((script) => script.name)).size).toBe(allScripts.length);
  expect(new Set(allScripts.map((script) => script.sha)).size).toBe(allScripts.length);
});
