// The built `weir`, for tests that start it as users do: dist/ of the sources as they are now, never an older one.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { fingerprintOfSources, readStamp } from "../../scripts/build-stamp.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Path of the command's main file. A test file that starts it calls {@link ensureBuilt} before. */
export const WEIR: string = mainOf(ROOT);

/**
 * Builds if the sources have changed since the last build; after `npm test`, which builds first, there is nothing to
 * do.
 *
 * @throws {Error} with what the compiler said, when the sources cannot be built
 */
export async function ensureBuilt(): Promise<void> {
  if (isBuilt(ROOT)) return;
  const args = ["--import", "tsx", join(ROOT, "scripts", "build.ts"), "--no-check"];
  try {
    await promisify(execFile)(process.execPath, args, { cwd: ROOT });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`dist/ is not of these sources, and building it fails:\n${stdout}${stderr}`);
  }
}

/** Whether dist/ below `root` was built from the sources there. */
export function isBuilt(root: string): boolean {
  return existsSync(mainOf(root)) && readStamp(root) === fingerprintOfSources(root);
}

function mainOf(root: string): string {
  return join(root, "dist", "cli", "main.js");
}
