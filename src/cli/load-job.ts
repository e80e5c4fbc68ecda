// loadJob — from the path of a file to the job that it exports.
//
// TypeScript is read by Node itself where it can, else through tsx. A job is recognised by its brand, not by its class:
// the file may have its own copy of the package.
import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { isEngineError, toError } from "../core/errors.ts";
import { isJob, type Job } from "../dataflow/job.ts";
import { JobFileError, TypeScriptLoaderError } from "./errors.ts";

const TYPESCRIPT: ReadonlySet<string> = new Set([".ts", ".mts", ".cts"]);
const JAVASCRIPT: ReadonlySet<string> = new Set([".js", ".mjs", ".cjs"]);
/** Exports that are looked at when none is named, best first. */
const USUAL_EXPORTS = ["default", "job"] as const;

/**
 * @param path relative to the current directory, or absolute
 * @param exportName default: the default export, else one named `job`
 * @throws {JobFileError | TypeScriptLoaderError} and errors of Weir that the file throws, such as InvalidJobError
 */
export async function loadJob(path: string, exportName?: string): Promise<Job> {
  const file = resolve(path);
  if (!existsSync(file)) throw new JobFileError(path, "there is no such file");
  if (!statSync(file).isFile())
    throw new JobFileError(path, "it is a folder; name the file that exports the job");
  const extension = extname(file);
  if (TYPESCRIPT.has(extension)) await prepareTypeScript(path, file);
  else if (!JAVASCRIPT.has(extension))
    throw new JobFileError(
      path,
      `its name ends in "${extension}"; a job is a .ts, .mts, .cts, .js, .mjs or .cjs file`,
    );
  return pickJob(path, await importFile(path, file), exportName);
}

/** Whether an argument that may be a job's name or its file is meant as a file. Names have neither dots nor slashes. */
export function looksLikeFile(argument: string): boolean {
  return argument.includes(".") || argument.includes("/") || argument.includes(sep);
}

async function importFile(path: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (thrown) {
    if (isEngineError(thrown)) throw thrown;
    const error = toError(thrown);
    const message = error.message.replace(/\s*\n\s*/g, " ");
    throw new JobFileError(
      path,
      `loading it failed: ${error.name}: ${message}${placeOf(error, file)}`,
      thrown,
    );
  }
}

/** Line and column in the job file where the error was thrown, if its stack says. */
function placeOf(error: Error, file: string): string {
  for (const name of [pathToFileURL(file).href, file]) {
    const at = error.stack?.indexOf(`${name}:`) ?? -1;
    if (at < 0) continue;
    const place = /^:\d+(:\d+)?/.exec(error.stack!.slice(at + name.length))?.[0];
    if (place !== undefined) return ` (at ${file}${place})`;
  }
  return "";
}

function pickJob(
  path: string,
  module: Readonly<Record<string, unknown>>,
  exportName: string | undefined,
): Job {
  const exports = exportsOf(module);
  for (const name of exportName === undefined ? USUAL_EXPORTS : [exportName]) {
    const found = exports.get(name);
    if (isJob(found)) return found;
  }
  throw new JobFileError(path, `${whatIsMissing(exports, exportName)}; it exports ${listExports(exports)}`);
}

function whatIsMissing(exports: ReadonlyMap<string, unknown>, exportName: string | undefined): string {
  if (exportName === undefined)
    return "neither its default export nor an export named job is a job made by defineJob; name another one with --export";
  if (!exports.has(exportName)) return `there is no export "${exportName}"`;
  return `the export "${exportName}" is no job made by defineJob`;
}

function listExports(exports: ReadonlyMap<string, unknown>): string {
  const texts = [...exports].map(([name, value]) => `${name} (${isJob(value) ? "a job" : kindOf(value)})`);
  return texts.length === 0 ? "nothing" : texts.join(", ");
}

/** A CommonJS file, also one that was compiled from ESM, comes wrapped in a default export, or in two. */
function exportsOf(module: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const exports = new Map<string, unknown>();
  const add = (object: Readonly<Record<string, unknown>>): void => {
    for (const name of Object.keys(object))
      if (name !== "module.exports" && name !== "__esModule") exports.set(name, object[name]);
  };
  add(module);
  const inner = exports.get("default");
  if (isRecord(inner) && !isJob(inner) && inner["__esModule"] === true) {
    exports.delete("default");
    add(inner);
  }
  return exports;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (value instanceof Promise) return "a promise";
  if (typeof value === "function") return "a function";
  return typeof value === "object" ? "an object" : typeof value;
}

async function prepareTypeScript(path: string, file: string): Promise<void> {
  if (readsTypeScript()) return;
  const tsx = findTsx(file);
  if (tsx === undefined) throw new TypeScriptLoaderError(path, process.versions.node);
  // As `node --import tsx` does. Only this installs its hooks for ES modules and for CommonJS, and both are needed: a
  // .ts file in a package without "type": "module" counts as CommonJS, whatever it contains.
  await import(pathToFileURL(tsx).href);
}

/** Node strips types by itself from 22.18 on; under `tsx` or `--import tsx` its hooks are there already. */
function readsTypeScript(): boolean {
  const features = process.features as { readonly typescript?: unknown };
  if (features.typescript === "strip" || features.typescript === "transform") return true;
  return [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((argument) =>
    /\btsx\b/.test(argument),
  );
}

/** The tsx beside Weir, or else the one beside the job file. */
function findTsx(file: string): string | undefined {
  for (const from of [import.meta.url, file])
    try {
      return createRequire(from).resolve("tsx");
    } catch {
      // Not there.
    }
  return undefined;
}
