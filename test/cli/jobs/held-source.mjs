// A source that stops after its first records until a test lets it go on: whatever the test waits for meanwhile, the
// job is not over.
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** @param file while it is there, a split that has brought records brings no more, also after a restart */
export function heldSource(source, file) {
  return {
    ...source,
    async open(split, position, context) {
      const reader = await source.open(split, position, context);
      let reached = position;
      let isClosed = false;
      return {
        async read(maxRecords) {
          while (reached !== undefined && !isClosed && existsSync(file)) await sleep(20);
          const batch = await reader.read(maxRecords);
          reached = batch.position;
          return batch;
        },
        close() {
          isClosed = true;
          return reader.close();
        },
      };
    },
  };
}
