// Where the tests' Redis comes from: the machine's own binary, or the system's package manager if it may.

import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, rmSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";

const serverNames: readonly string[] = ["redis-server", "valkey-server"];

/** One sentence for a machine without Redis, the same wherever it is missed. */
const remedy =
  "Weir's tests need Redis 7.0 or newer: install redis-server (Debian and Ubuntu: apt-get install redis-server, " +
  "macOS: brew install redis) or valkey-server, or set WEIR_TEST_REDIS_URL to a Redis that may be written to.";

/** @returns the path of `redis-server` or else `valkey-server`, or undefined when PATH has neither */
export function findRedisBinary(): string | undefined {
  for (const name of serverNames) {
    const path = findOnPath(name);
    if (path !== undefined) return path;
  }
  return undefined;
}

/**
 * @returns the path of the server binary
 * @throws {Error} one sentence that says what to install
 */
export function requireRedisBinary(): string {
  const path = findRedisBinary();
  if (path === undefined) throw new Error(remedy);
  return path;
}

/**
 * Finds the server binary and installs the system's package when there is none and we may (root, apt-get).
 *
 * @param say is told what is about to be installed
 * @param policyPath the file by which Debian is told not to start a service that it installs
 * @returns the path of the server binary
 * @throws {Error} one sentence that says what to install, or why the installation failed
 */
export function findOrInstallRedisBinary(
  say: (line: string) => void,
  policyPath: string = "/usr/sbin/policy-rc.d",
): string {
  const found = findRedisBinary();
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0 || findOnPath("apt-get") === undefined) throw new Error(remedy);
  say("no redis-server on this machine: installing it with apt-get");
  try {
    installWithApt(policyPath);
  } catch (error) {
    throw new Error(`${remedy} (apt-get install redis-server failed: ${lastLines(error)})`, { cause: error });
  }
  return requireRedisBinary();
}

/**
 * @param serverBinary path of the server that wrote the file
 * @returns the path of the `redis-check-aof` (or `valkey-check-aof`) that belongs to it
 */
export function findCheckAof(serverBinary: string): string {
  const name = `${basename(serverBinary).replace(/-server$/, "")}-check-aof`;
  const beside = join(dirname(serverBinary), name);
  const path = isExecutable(beside) ? beside : findOnPath(name);
  if (path === undefined)
    throw new Error(`${name} is missing beside ${serverBinary}: install it (package redis-tools)`);
  return path;
}

/** Debian starts a freshly installed service unless policy-rc.d forbids it, and enables it for the next boot. */
function installWithApt(policyPath: string): void {
  const ours = !existsSync(policyPath);
  if (ours) writeFileSync(policyPath, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    apt("update");
    apt("install", "-y", "--no-install-recommends", "redis-server");
  } finally {
    if (ours) rmSync(policyPath, { force: true });
  }
  quietly("systemctl", "disable", "--now", "redis-server");
  quietly("service", "redis-server", "stop");
}

function apt(...args: string[]): void {
  execFileSync("apt-get", ["-q", ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 300_000,
  });
}

/** The service managers that a machine does not have, or a service that does not run, are no failure. */
function quietly(command: string, ...args: string[]): void {
  if (findOnPath(command) === undefined) return;
  try {
    execFileSync(command, args, { stdio: "ignore", timeout: 30_000 });
  } catch {
    // nothing was running
  }
}

function findOnPath(name: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    const path = join(folder, name);
    if (isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lastLines(error: unknown): string {
  const stderr = (error as { stderr?: Buffer }).stderr?.toString().trim();
  return (stderr || String(error)).split("\n").slice(-3).join(" ");
}
