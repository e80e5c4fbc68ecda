// What all file sources share: one split per file, checked before the job starts.
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { InvalidOptionError } from "../../core/options.ts";
import type { Json, Source, SourceSplit, SplitReader } from "../contract.ts";
import { describeFileFailure, FileSourceError } from "./errors.ts";

/** One file or several; relative paths start at the worker's directory and must exist on every worker. */
export type FilePaths = string | URL | readonly (string | URL)[];

export interface FileFormat<T> {
  /** `json`, `ndjson`, `csv`. */
  readonly name: string;
  open(path: string, position: Json | undefined): Promise<SplitReader<T>>;
}

/** A bounded, replayable source with one split per file. */
export function createFileSource<T>(paths: readonly string[], format: FileFormat<T>): Source<T> {
  const shown = paths.slice(0, 3).join(", ") + (paths.length > 3 ? ` and ${paths.length - 3} more` : "");
  return {
    description: `${format.name} ${paths.length === 1 ? "file" : "files"} ${shown}`,
    bounded: true,
    replayable: true,
    maxParallelism: paths.length,
    splits: () => Promise.all(paths.map(fileSplit)),
    open: (split, position) => format.open(String(split["path"]), position),
  };
}

/** @throws {InvalidOptionError} for no path, an empty one, or the same one twice */
export function listPaths(owner: string, given: FilePaths): string[] {
  const list = Array.isArray(given) ? (given as readonly unknown[]) : [given];
  const paths: string[] = [];
  for (const each of list) {
    const path = each instanceof URL ? fileURLToPath(each) : each;
    if (typeof path !== "string" || path === "")
      throw new InvalidOptionError(owner, "path", path, "the path of a file, or an array of paths");
    if (paths.includes(path)) throw new InvalidOptionError(owner, "path", path, "each path once");
    paths.push(path);
  }
  if (paths.length === 0) throw new InvalidOptionError(owner, "path", given, "at least one path");
  return paths;
}

async function fileSplit(path: string): Promise<SourceSplit> {
  const stats = await stat(path).catch((error: unknown) => {
    throw new FileSourceError(path, describeFileFailure(error), error);
  });
  if (stats.isDirectory()) throw new FileSourceError(path, "it is a directory; give the path of a file");
  return { id: path, path };
}
