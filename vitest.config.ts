import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { builtThreads } from "./test/support/built-threads.ts";
import { LongestFirst } from "./test/support/longest-first.ts";

const manifest = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as {
  exports: Record<string, { default: string } | string>;
};

/** Tests that import `weir` as users do (the examples) meet the same modules as tests of the sources. */
const alias = Object.entries(manifest.exports).flatMap(([subpath, target]) => {
  if (typeof target === "string") return [];
  const source = target.default.replace("./dist/", "./src/").replace(/\.js$/, ".ts");
  const replacement = fileURLToPath(new URL(source, import.meta.url));
  return [{ find: new RegExp(`^weir${subpath.slice(1)}$`), replacement }];
});

const config: ViteUserConfig = defineConfig({
  resolve: { alias },
  plugins: [builtThreads()],
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/campaign.ts"],
    reporters: ["./test/support/totals-reporter.ts", "default"],
    // Far above what any test takes on a slow machine: single waits have deadlines (test/support/wait-for.ts) that say
    // what did not come true.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    // A deadline that a loaded machine misses says nothing about results: such a test is tried once more, and named at
    // the end. A wrong result never is.
    retry: { count: 1, condition: /^waited \d+ ms for|^(Test|Hook) timed out/ },
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
});

export default config;
