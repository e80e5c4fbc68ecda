// Completes package-lock.json with the optional packages of other platforms.
//
// npm leaves an optional package out of the lock file when the registry at hand does not serve it, as mirrors often do
// with the native parts for other systems. `npm ci` then refuses the lock file everywhere. Their exact versions stand
// in the packages that want them, so the missing entries can be written without asking anyone: run this after every
// `npm install` that changed a dependency, and see whether `npm ci --dry-run` is content.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface LockedPackage {
  version?: string;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dev?: boolean;
  optional?: boolean;
  optionalDependencies?: Record<string, string>;
}

const path = fileURLToPath(new URL("../package-lock.json", import.meta.url));
const lock = JSON.parse(readFileSync(path, "utf8")) as { packages: Record<string, LockedPackage> };

const systems = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = [
  "arm",
  "arm64",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];
const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

let added = 0;
for (const [location, wanting] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(wanting.optionalDependencies ?? {})) {
    if (isLocked(location, name)) continue;
    if (!exactVersion.test(version)) {
      console.error(
        `${name}@${version}, wanted by ${location}, is no exact version: install it where it is served`,
      );
      process.exitCode = 1;
      continue;
    }
    lock.packages[`node_modules/${name}`] = entryOf(name, version, wanting);
    added++;
  }
}

const root = lock.packages[""];
const sorted = Object.entries(lock.packages)
  .filter(([location]) => location !== "")
  .sort(([left], [right]) => left.localeCompare(right, "en"));
lock.packages = { ...(root === undefined ? {} : { "": root }), ...Object.fromEntries(sorted) };
if (added > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added === 0 ? "package-lock.json is complete" : `added ${added} packages to package-lock.json`);

/** Node looks for a package beside the one that wants it, then further and further up; so does the lock file. */
function isLocked(location: string, name: string): boolean {
  for (let folder = location; ; ) {
    if (lock.packages[`${folder === "" ? "" : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === "") return false;
    folder = folder.includes("/node_modules/") ? folder.slice(0, folder.lastIndexOf("/node_modules/")) : "";
  }
}

/** Native packages are named <what>-<system>-<processor>[-<abi>]. */
function entryOf(name: string, version: string, wanting: LockedPackage): LockedPackage {
  const words = (name.split("/").at(-1) ?? name).split("-");
  const system = words.find((word) => systems.includes(word));
  const processor = words.find((word) => processors.includes(word));
  const libc = words.some((word) => word.startsWith("musl"))
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  return {
    version,
    ...(processor === undefined ? {} : { cpu: [processor] }),
    ...(wanting.dev === true ? { dev: true } : {}),
    ...(system === "linux" && libc !== undefined ? { libc: [libc] } : {}),
    optional: true,
    ...(system === undefined ? {} : { os: [system] }),
  };
}
