// What dist/ was built from: a fingerprint of the sources, kept beside the installed packages. Tests that start the
// built command line ask whether it is of the sources as they are now.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Besides `src/`: what decides how the sources are compiled. */
const SETTINGS = ["tsconfig.json", "tsconfig.build.json", "scripts/build.ts"];

/** @returns of the contents, not of the times: a checkout touches files, and a build may read one that then changes */
export function fingerprintOfSources(root: string): string {
  const hash = createHash("sha256").update(root);
  const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  for (const path of [...sources, ...SETTINGS.map((name) => join(root, name))]) {
    const content = readFileSync(path);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** @returns undefined when no build is known to be complete */
export function readStamp(root: string): string | undefined {
  try {
    return readFileSync(stampFile(root), "utf8");
  } catch {
    return undefined;
  }
}

/** Before a build changes dist/: a build that is cut short leaves no stamp. */
export function removeStamp(root: string): void {
  rmSync(stampFile(root), { force: true });
}

/** @param fingerprint taken before the first source was read */
export function writeStamp(root: string, fingerprint: string): void {
  mkdirSync(dirname(stampFile(root)), { recursive: true });
  writeFileSync(stampFile(root), fingerprint);
}

function stampFile(root: string): string {
  return join(root, "node_modules", ".cache", "weir-build", "sources.sha256");
}
