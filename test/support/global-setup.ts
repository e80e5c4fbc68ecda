// Brings up the one Redis that all test files share. Files that hurt their server start their own (redis-server.ts).

import { createClient } from "redis";
import type { TestProject } from "vitest/node";
import { ensureBuilt } from "./built-weir.ts";
import { findOrInstallRedisBinary } from "./redis-binary.ts";
import { RedisServer } from "./redis-server.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** URL of the shared test Redis; read it through `testRedisUrl()`. */
    redisUrl: string;
  }
}

/** Called once by vitest before any test file. @returns the teardown */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // In watch mode; a first run builds when something needs it.
  project.onTestsRerun(ensureBuilt);
  const named = process.env["WEIR_TEST_REDIS_URL"];
  if (named !== undefined && named !== "") {
    await expectAnswer(named);
    project.provide("redisUrl", named);
    return () => Promise.resolve();
  }
  findOrInstallRedisBinary((line) => console.error(line));
  const server = await RedisServer.start();
  project.provide("redisUrl", server.url);
  return () => server.stop();
}

async function expectAnswer(url: string): Promise<void> {
  const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: 5_000 } });
  client.on("error", () => undefined); // connect() rejects with the same error
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw new Error(`WEIR_TEST_REDIS_URL names ${url}, which does not answer: ${String(error)}`, {
      cause: error,
    });
  } finally {
    client.destroy();
  }
}
