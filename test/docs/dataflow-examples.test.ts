import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** What the fragments of the page take for granted: its imports and its streams. */
const PREAMBLE = `
import { collection, count, countWindow, cumulative, emits, evictors, LATE_TAG, mean, migrations, pattern, session, sideTag, skipPastLastEvent, sliding, sum, triggers, tumbling, value, type Stream } from "weir";
import { console } from "weir/connectors/console";
interface Bid { readonly auction: number; readonly bidder: string; readonly price: number; readonly kind: string }
interface Sale extends Bid { readonly kind: "sale" }
interface Order { readonly lines: readonly string[] }
interface Login { readonly user: string; readonly ok: boolean; readonly at: number; readonly place: string }
declare const stream: Stream<Bid>;
declare const logins: Stream<Login>;
declare const orders: Stream<Order>;
declare const persons: Stream<{ name: string }>;
declare const auctions: Stream<{ seller: string }>;
declare const bids: Stream<Bid>;
declare const rules: Stream<{ rule: string }>;
declare const file: Stream<string>;
declare const lines: Stream<string>;
declare const parse: (line: string) => Bid;
declare const apply: (record: Bid | { rule: string }) => Bid[];
`;

/** The TypeScript blocks of a page; those with imports of their own are whole files, the others continue each other. */
function modulesOf(page: string): readonly string[] {
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1] as string);
  const whole = blocks.filter((block) => block.includes("import "));
  const fragments = blocks.filter((block) => !block.includes("import "));
  return [...whole, `${PREAMBLE}\n${fragments.join("\n")}`];
}

function fromSources(code: string): string {
  return code
    .replaceAll('from "weir"', `from "${ROOT}/src/index.ts"`)
    .replaceAll('from "weir/testing"', `from "${ROOT}/src/testing/index.ts"`)
    .replaceAll('from "weir/connectors/console"', `from "${ROOT}/src/connectors/console.ts"`);
}

async function compile(modules: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "weir-docs-"));
  try {
    await Promise.all(
      modules.map((code, index) => writeFile(join(directory, `module-${index}.mts`), fromSources(code))),
    );
    const config = {
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: {
        typeRoots: [join(ROOT, "node_modules/@types")],
        isolatedDeclarations: false,
        declaration: false,
      },
      include: ["*.mts"],
    };
    await writeFile(join(directory, "tsconfig.json"), JSON.stringify(config));
    await promisify(execFile)(join(ROOT, "node_modules/.bin/tsc"), ["-p", directory]);
    return "";
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? String(error);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe.each(["docs/dataflow.md", "docs/testing.md"])("%s", (page) => {
  test("its examples compile", async () => {
    const modules = modulesOf(await readFile(join(ROOT, page), "utf8"));
    expect(modules.length).toBeGreaterThan(1);
    expect(await compile(modules)).toBe("");
  });
});
