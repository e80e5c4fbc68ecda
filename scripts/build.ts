// Builds dist/ from src/: types and JavaScript by tsc, Lua scripts copied, the command made executable, and what has
// no source any more removed. dist/ is never empty in between, so a program that runs from it is not disturbed.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "src");
const output = join(root, "dist");

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
try {
  execFileSync(process.execPath, [tsc, "-p", join(root, "tsconfig.build.json")], { stdio: "inherit" });
} catch {
  process.exit(1); // tsc has said why
}

const assets = filesBelow(source).filter((path) => path.endsWith(".lua"));
for (const path of assets) {
  mkdirSync(dirname(join(output, path)), { recursive: true });
  copyFileSync(join(source, path), join(output, path));
}

for (const path of filesBelow(output)) {
  if (!sourcesOf(path).some((candidate) => existsSync(join(source, candidate)))) rmSync(join(output, path));
}

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  bin: Record<string, string>;
};
for (const command of Object.values(manifest.bin)) chmodSync(join(root, command), 0o755);

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name).slice(folder.length + 1));
}

/** dist/a/b.js, .js.map and .d.ts come from src/a/b.ts; everything else keeps its name. */
function sourcesOf(path: string): string[] {
  return [path, path.replace(/(\.d\.ts|\.js\.map|\.js)$/, ".ts")];
}
