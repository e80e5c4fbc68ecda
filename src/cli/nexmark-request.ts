// NexmarkRequest — what `weir nexmark` was asked to do, checked; and the job that follows from it.
//
// The parent and its worker processes build the job from the same request, so all of them have the same graph.
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ndjsonSink } from "../connectors/files/ndjson-sink.ts";
import { NAME_PATTERN } from "../core/ids.ts";
import { InvalidOptionError } from "../core/options.ts";
import type { Job } from "../dataflow/job.ts";
import { nexmarkGeneratorDefaults } from "../nexmark/generator-options.ts";
import { nexmarkFile } from "../nexmark/nexmark-file.ts";
import { nexmarkSource } from "../nexmark/nexmark-source.ts";
import { isNexmarkQuery, type NexmarkQuery, nexmarkJob, nexmarkQueries } from "../nexmark/queries.ts";
import { readSideInput } from "../nexmark/side-input.ts";
import { UsageError } from "./errors.ts";

/** Texts as they stand on the command line. */
export interface NexmarkOptions {
  readonly query: string;
  readonly events: string;
  readonly seed: string;
  readonly eventsPerSecond: string;
  readonly outOfOrderGroup: string;
  readonly rate?: string;
  readonly input?: string;
  readonly sideInput?: string;
  readonly output: string;
  readonly changelog?: boolean;
  readonly redis?: string;
  readonly workers?: string;
  readonly parallelism?: string;
  readonly job?: string;
  readonly fresh?: boolean;
}

interface Generated {
  readonly seed: number;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly outOfOrderGroupSize: number;
  readonly ratePerSecond: number | undefined;
}

export interface NexmarkRequest {
  readonly query: NexmarkQuery;
  /** Name of the job. */
  readonly job: string;
  /** Path of the recorded events; undefined for generated ones. */
  readonly input: string | undefined;
  /** Shape of the generated events; of no effect with `input`. */
  readonly generated: Generated;
  /** Path of the table that q13 reads; undefined for the usual rows. */
  readonly sideInput: string | undefined;
  readonly output: string;
  /** Every change of the result instead of the result. */
  readonly changelog: boolean;
  /** Undefined: embedded. */
  readonly redis: string | undefined;
  /** Processes to start; undefined: this one does the work. */
  readonly workers: number | undefined;
  /** Undefined: the engine's default. */
  readonly parallelism: number | undefined;
  readonly fresh: boolean;
}

/** Defaults as they are shown in the help. */
export const nexmarkDefaults: Readonly<
  Record<"events" | "seed" | "eventsPerSecond" | "outOfOrderGroup", string>
> = {
  events: "1000000",
  seed: String(nexmarkGeneratorDefaults.seed),
  eventsPerSecond: String(nexmarkGeneratorDefaults.eventsPerSecond),
  outOfOrderGroup: String(nexmarkGeneratorDefaults.outOfOrderGroupSize),
};

const OWNER = "weir nexmark";
const MOST_WORKERS = 64;

/** @throws {InvalidOptionError | UsageError} */
export function readNexmarkRequest(options: NexmarkOptions): NexmarkRequest {
  const { query, redis, output, changelog = false } = options;
  if (!isNexmarkQuery(query))
    throw new InvalidOptionError(OWNER, "--query", query, `one of ${Object.keys(nexmarkQueries).join(", ")}`);
  if (output === "") throw new InvalidOptionError(OWNER, "--output", output, "the path of a file");
  if (options.input === "") throw new InvalidOptionError(OWNER, "--input", "", "the path of a file");
  if (options.sideInput === "") throw new InvalidOptionError(OWNER, "--side-input", "", "the path of a file");
  if (options.sideInput !== undefined && query !== "q13")
    throw new UsageError(`${query} has no side input; give --side-input with q13, or leave it out`);
  const workers = optionally(options.workers, (text) => wholeNumber("--workers", text, 1, MOST_WORKERS));
  if (workers !== undefined && redis === undefined)
    throw new UsageError(
      "--workers needs a Redis through which they share the work; add --redis URL, or leave out --workers",
    );
  const input = optionally(options.input, resolve);
  const generated: Generated = {
    seed: wholeNumber("--seed", options.seed, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
    events: wholeNumber("--events", options.events, 1, 2 ** 52),
    eventsPerSecond: positive("--events-per-second", options.eventsPerSecond),
    outOfOrderGroupSize: wholeNumber("--out-of-order-group", options.outOfOrderGroup, 1, 1_000_000),
    ratePerSecond: optionally(options.rate, (text) => positive("--rate", text)),
  };
  const sideInput = optionally(options.sideInput, resolve);
  const job = options.job ?? defaultJobName(query, { input, generated, sideInput, changelog });
  if (!NAME_PATTERN.test(job))
    throw new InvalidOptionError(OWNER, "--job", job, "letters, digits, - and _, at most 100 of them");
  return {
    query,
    job,
    input,
    generated,
    sideInput,
    output: resolve(output),
    changelog,
    redis,
    workers,
    parallelism: optionally(options.parallelism, (text) => wholeNumber("--parallelism", text, 1, 256)),
    fresh: options.fresh === true,
  };
}

/**
 * Looks at what the job will touch, before anything is started.
 *
 * @throws {FileSourceError} when the input cannot be read
 * @throws {SideInputError}
 * @throws {InvalidOptionError} when the output is a directory
 */
export async function checkNexmarkFiles(request: NexmarkRequest): Promise<void> {
  if (request.input !== undefined) await nexmarkFile(request.input).splits(1);
  if (request.sideInput !== undefined) await readSideInput(request.sideInput);
  const output = await stat(request.output).catch(() => undefined);
  if (output?.isDirectory() === true)
    throw new InvalidOptionError(OWNER, "--output", request.output, "the path of a file, not of a directory");
}

/**
 * All rows in one file, whatever the parallelism.
 *
 * @throws {SideInputError}
 */
export async function requestedJob(request: NexmarkRequest): Promise<Job> {
  const { query, job: name, input, generated, output, changelog } = request;
  const source = input === undefined ? nexmarkSource({ ...generated }) : nexmarkFile(input);
  // The rows are plain: nothing in them needs the sink's own, more general formatting.
  const sink = ndjsonSink<object>(output, { format: (row) => JSON.stringify(row) });
  const sideInput = request.sideInput === undefined ? undefined : await readSideInput(request.sideInput);
  return nexmarkJob(query, { name, source, sink, sinkOptions: { parallelism: 1 }, changelog, sideInput });
}

/** Arguments of `weir` with which a worker process builds the same job; the URL of the Redis is not among them. */
export function nexmarkWorkerArgs(request: NexmarkRequest): string[] {
  const { query, job, input, generated, sideInput, output, changelog, parallelism } = request;
  const args = ["nexmark", "--managed", "--query", query, "--job", job, "--output", output];
  args.push("--seed", String(generated.seed), "--events", String(generated.events));
  args.push("--events-per-second", String(generated.eventsPerSecond));
  args.push("--out-of-order-group", String(generated.outOfOrderGroupSize));
  if (generated.ratePerSecond !== undefined) args.push("--rate", String(generated.ratePerSecond));
  if (input !== undefined) args.push("--input", input);
  if (sideInput !== undefined) args.push("--side-input", sideInput);
  if (changelog) args.push("--changelog");
  if (parallelism !== undefined) args.push("--parallelism", String(parallelism));
  return args;
}

/** Runs over other events are other jobs; what a run of another output left is found, and refused by its sink. */
function defaultJobName(
  query: NexmarkQuery,
  {
    input,
    generated,
    sideInput,
    changelog,
  }: Pick<NexmarkRequest, "input" | "generated" | "sideInput" | "changelog">,
): string {
  const { seed, events, ...shape } = generated;
  const what = changelog ? `${query}-changelog` : query;
  const base = input === undefined ? `nexmark-${what}-${seed}-${events}` : `nexmark-${what}-input`;
  const usual =
    shape.eventsPerSecond === nexmarkGeneratorDefaults.eventsPerSecond &&
    shape.outOfOrderGroupSize === nexmarkGeneratorDefaults.outOfOrderGroupSize &&
    shape.ratePerSecond === undefined;
  if (input === undefined && sideInput === undefined && usual) return base;
  const digest = createHash("sha256").update(JSON.stringify([input ?? shape, sideInput]));
  return `${base}-${digest.digest("hex").slice(0, 8)}`;
}

function optionally<T>(text: string | undefined, read: (text: string) => T): T | undefined {
  return text === undefined ? undefined : read(text);
}

function wholeNumber(option: string, text: string, smallest: number, largest: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= smallest && value <= largest)
    return value;
  throw new InvalidOptionError(OWNER, option, text, `a whole number from ${smallest} to ${largest}`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidOptionError(OWNER, option, text, "a number above 0");
}
