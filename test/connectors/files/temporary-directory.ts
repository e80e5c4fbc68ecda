import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own for one test. */
export interface TemporaryDirectory {
  readonly path: string;
  file(name: string): string;
  write(name: string, contents: string | Uint8Array): Promise<string>;
  dispose(): Promise<void>;
}

export async function createTemporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), "weir-files-"));
  return {
    path,
    file: (name) => join(path, name),
    async write(name, contents) {
      await writeFile(join(path, name), contents);
      return join(path, name);
    },
    dispose: () => rm(path, { recursive: true, force: true }),
  };
}
