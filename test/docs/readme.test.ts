// What README.md shows is what stands in examples/quick-start, and no page points to a file that is not there.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const pages = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".md"))
    .map((path) => join("docs", path)),
];

test("the code of README.md is that of examples/quick-start, which is compiled", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const shown = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]);
  const files = ["job.ts", "service.ts"].map((name) =>
    readFileSync(join(root, "examples/quick-start", name), "utf8"),
  );
  expect(shown).toEqual(files);
});

test.each(pages)("%s links to files and headings that exist", (page) => {
  const text = readFileSync(join(root, page), "utf8");
  const broken = [...text.matchAll(/\]\(([^)#\s]*)(?:#([^)]+))?\)/g)]
    .map(([, path = "", heading]) => ({
      path: path === "" ? page : join(dirname(page), path),
      heading,
      link: path,
    }))
    .filter(({ link }) => !/^[a-z]+:/.test(link))
    .filter(
      ({ path, heading }) =>
        !existsSync(join(root, path)) ||
        (heading !== undefined && !headingsOf(readFileSync(join(root, path), "utf8")).includes(heading)),
    );
  expect(broken).toEqual([]);
});

/** As GitHub names them in links. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}
