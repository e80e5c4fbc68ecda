// Worker processes that `weir run` starts ahead, while it still reads the job: they touch nothing before they are told.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { spawnStandby } from "../../src/cli/worker-processes.ts";
import { WEIR } from "../support/built-weir.ts";
import { testRedisUrl, uniqueTag } from "../support/test-redis.ts";
import { callWeir } from "./call-weir.ts";
import { jobFile } from "./start-weir.ts";

describe("a worker that stands by", () => {
  test("ends by itself when its parent is gone, and has created no job", async () => {
    const job = uniqueTag("standby");
    const args = [
      "worker",
      jobFile("window-counts.mjs"),
      "--managed",
      "--standby",
      "--redis",
      testRedisUrl(),
    ];
    const child = spawn(process.execPath, [WEIR, ...args], {
      env: { ...process.env, WEIR_TEST_JOB: job, WEIR_TEST_RECORDS: "100" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    onTestFinished(() => {
      child.kill("SIGKILL");
    });
    await once(child, "spawn");
    child.disconnect();
    expect(await once(child, "exit")).toEqual([0, null]);
    expect((await callWeir(["status", job, "--redis", testRedisUrl()])).code).toBe(4);
  });

  test("is not taken when it has ended already, and is ended when nobody takes it", async () => {
    const entry = process.argv[1];
    onTestFinished(() => {
      process.argv[1] = entry!;
    });
    // Any program that waits: what it is told is seen by whoever takes it.
    process.argv[1] = fileURLToPath(new URL("./jobs/waits-for-message.mjs", import.meta.url));
    const standby = spawnStandby(2, [], {});
    const first = standby.take() as ChildProcess;
    expect(await once(first, "message")).toEqual(["begin", undefined]);
    const second = standby.take() as ChildProcess;
    expect(second.pid).not.toBe(first.pid);
    expect(standby.take()).toBeUndefined();
    for (const child of [first, second]) child.kill("SIGKILL");

    const unused = spawnStandby(1, [], {});
    unused.close();
    expect(unused.take()).toBeUndefined();
  });
});
