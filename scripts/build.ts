// Builds dist/ from src/: types and JavaScript by tsc, Lua scripts copied, the command made executable, and what has
// no source any more removed. A file changes as a whole and only when its content does, so that a program which starts
// from dist/ in the meantime is not disturbed.
//
//   tsx scripts/build.ts              as `npm run build`
//   tsx scripts/build.ts --no-check   does not look whether types fit: the same files, in half the time

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprintOfSources, removeStamp, writeStamp } from "./build-stamp.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = join(root, "src");
const output = join(root, "dist");
/** Beside dist/: source maps name their sources by relative paths. */
const DRAFT = ".dist-";
/** Longer than any build: a draft as old as this was left behind by one that was killed. */
const ABANDONED_MS = 600_000;

for (const name of readdirSync(root).filter((entry) => entry.startsWith(DRAFT)))
  if (Date.now() - statSync(join(root, name)).mtimeMs > ABANDONED_MS)
    rmSync(join(root, name), { recursive: true });

const draft = mkdtempSync(join(root, DRAFT));
try {
  const fingerprint = fingerprintOfSources(root);
  compile();
  removeStamp(root);
  publish();
  writeStamp(root, fingerprint);
} finally {
  rmSync(draft, { recursive: true, force: true });
}

function compile(): void {
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  const args = [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", draft];
  if (process.argv.includes("--no-check")) args.push("--noCheck");
  try {
    execFileSync(process.execPath, args, { stdio: "inherit" });
  } catch {
    rmSync(draft, { recursive: true });
    process.exit(1); // tsc has said why
  }
  for (const path of filesBelow(source).filter((name) => name.endsWith(".lua"))) {
    mkdirSync(dirname(join(draft, path)), { recursive: true });
    copyFileSync(join(source, path), join(draft, path));
  }
}

function publish(): void {
  const files = new Set(filesBelow(draft));
  for (const path of files) {
    const [from, to] = [join(draft, path), join(output, path)];
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    renameSync(from, to);
  }
  for (const path of filesBelow(output)) if (!files.has(path)) rmSync(join(output, path), { force: true });
  const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    bin: Record<string, string>;
  };
  for (const command of Object.values(bin)) chmodSync(join(root, command), 0o755);
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name).slice(folder.length + 1));
}
