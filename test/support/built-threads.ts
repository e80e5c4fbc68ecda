// Threads that tests start get their code from dist/: from the sources, every one of them would load a compiler first,
// which takes longer than all else that it does.
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "vitest/config";
import { ensureBuilt } from "./built-weir.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** It looks for the code of its thread beside itself. */
const STARTER = "redis/heartbeat-thread";

/** To the module that starts threads it looks as if it ran from dist/, which is built first when it must be. */
export function builtThreads(): Plugin {
  const source = join(ROOT, "src", `${STARTER}.ts`);
  const url = pathToFileURL(join(ROOT, "dist", `${STARTER}.js`)).href;
  return {
    name: "weir:built-threads",
    enforce: "pre",
    async transform(code, id) {
      if (id !== source) return undefined;
      if (!code.includes("import.meta.url")) throw new Error(`${source} does not ask where it is any more`);
      await ensureBuilt();
      return code.replaceAll("import.meta.url", JSON.stringify(url));
    },
  };
}
