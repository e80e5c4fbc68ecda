import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  findCheckAof,
  findOrInstallRedisBinary,
  findRedisBinary,
  requireRedisBinary,
} from "./redis-binary.ts";

let folder: string;
const said: string[] = [];
const install = () => findOrInstallRedisBinary((line) => said.push(line), join(folder, "policy-rc.d"));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "weir-path-"));
  said.length = 0;
  vi.stubEnv("PATH", folder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const program = (name: string, script = "") =>
  writeFile(join(folder, name), `#!/bin/sh\n${script}`, { mode: 0o755 });

/** An apt-get that notes how it is called, and whether services may start, and "installs" a server. */
const fakeAptGet = () =>
  program(
    "apt-get",
    `echo "$DEBIAN_FRONTEND $*" >> ${folder}/calls
     case "$*" in *install*)
       /bin/sh ${folder}/policy-rc.d; echo "policy $?" >> ${folder}/calls
       printf '#!/bin/sh\\n' > ${folder}/redis-server; /bin/chmod 755 ${folder}/redis-server
     esac`,
  );

describe("the Redis binary", () => {
  test("is redis-server, or else valkey-server, each with its own tool", async () => {
    await program("valkey-server");
    await program("valkey-check-aof");
    expect(findRedisBinary()).toBe(join(folder, "valkey-server"));
    expect(findCheckAof(requireRedisBinary())).toBe(join(folder, "valkey-check-aof"));
    await program("redis-server");
    expect(install()).toBe(join(folder, "redis-server"));
    expect(() => findCheckAof(requireRedisBinary())).toThrow(
      /redis-check-aof is missing beside .*redis-server/,
    );
    expect(said).toEqual([]);
  });

  test("a file of that name that cannot be executed is not one", async () => {
    await writeFile(join(folder, "redis-server"), "", { mode: 0o644 });
    expect(findRedisBinary()).toBeUndefined();
  });

  test("is installed with apt-get by root, and no service is started", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(0);
    await fakeAptGet();
    expect(install()).toBe(join(folder, "redis-server"));
    expect(said).toEqual(["no redis-server on this machine: installing it with apt-get"]);
    expect(readFileSync(join(folder, "calls"), "utf8").trim().split("\n")).toEqual([
      "noninteractive -q update",
      "noninteractive -q install -y --no-install-recommends redis-server",
      "policy 101",
    ]);
    expect(existsSync(join(folder, "policy-rc.d"))).toBe(false);
  });

  test("without the right or the means to install, one sentence says what to install", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(0);
    expect(install).toThrow(
      /^Weir's tests need Redis 7.0 or newer: install redis-server .*WEIR_TEST_REDIS_URL/,
    );
    await fakeAptGet();
    vi.spyOn(process, "getuid").mockReturnValue(1000);
    expect(install).toThrow(/install redis-server/);
    expect(existsSync(join(folder, "calls"))).toBe(false);
  });

  test("a failed installation gives the same sentence and apt-get's own words", async () => {
    vi.spyOn(process, "getuid").mockReturnValue(0);
    await program("apt-get", "echo 'E: no network' >&2; exit 100");
    expect(install).toThrow(/install redis-server .*apt-get install redis-server failed: E: no network/);
    expect(existsSync(join(folder, "policy-rc.d"))).toBe(false);
  });
});
