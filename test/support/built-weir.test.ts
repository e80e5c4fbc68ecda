import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fingerprintOfSources, removeStamp, writeStamp } from "../../scripts/build-stamp.ts";
import { isBuilt } from "./built-weir.ts";

test("a build stands for the sources it was made from, until one of them changes, comes or goes", () => {
  const root = mkdtempSync(join(tmpdir(), "weir-build-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const files = ["tsconfig.json", "tsconfig.build.json", "scripts/build.ts", "src/a.ts", "src/redis/b.lua"];
  for (const path of [...files, "dist/cli/main.js"]) write(path, path);
  expect(isBuilt(root)).toBe(false);
  writeStamp(root, fingerprintOfSources(root));
  expect(isBuilt(root)).toBe(true);
  for (const path of files) {
    write(path, `${path} 2`);
    expect(isBuilt(root), path).toBe(false);
    write(path, path);
    expect(isBuilt(root), path).toBe(true);
  }
  write("src/c.ts", "");
  expect(isBuilt(root)).toBe(false);
  rmSync(join(root, "src/c.ts"));
  expect(isBuilt(root)).toBe(true);
  rmSync(join(root, "src/a.ts"));
  expect(isBuilt(root)).toBe(false);
  write("src/a.ts", "src/a.ts");
  removeStamp(root);
  expect(isBuilt(root)).toBe(false);
  writeStamp(root, fingerprintOfSources(root));
  rmSync(join(root, "dist"), { recursive: true });
  expect(isBuilt(root)).toBe(false);
});
