import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import "./global-setup.ts"; // declares what `inject` may be asked for

/** @returns the URL of the Redis that `npm test` shares among all files: write only below a `uniqueTag` */
export function testRedisUrl(): string {
  return inject("redisUrl");
}

/**
 * A name that no other test, file or run uses, so that tests share one Redis without meeting.
 *
 * @param prefix what the reader of a key sees first, for example the name of the test file
 * @returns `<prefix>-<10 hex digits>`: letters, digits and dashes only if the prefix has only those
 */
export function uniqueTag(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString("hex")}`;
}
