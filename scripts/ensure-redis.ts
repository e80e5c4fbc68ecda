// Makes sure that this machine has a Redis server binary, as `npm test` does, and prints its path.

import { findOrInstallRedisBinary } from "../test/support/redis-binary.ts";

try {
  console.log(findOrInstallRedisBinary((line) => console.error(line)));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
