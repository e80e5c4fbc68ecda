// toSourceBatch — the one place where a schema meets raw input: raw values in, typed records and failures out.
//
// Schemas are Standard Schemas (zod, valibot, arktype and others). A schema that answers synchronously costs no promise.
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { selectTraces, type TraceMark } from "../core/batch.ts";
import { EngineError, toError } from "../core/errors.ts";
import { InvalidOptionError } from "../core/options.ts";
import type { Awaitable } from "../core/ports/state-backend.ts";
import type { Json, ReadFailure, SourceBatch } from "./contract.ts";

/** A schema whose output is the record type. */
export type RecordSchema<T> = StandardSchemaV1<unknown, T>;

/** A record does not fit the schema of its source. */
export class SchemaMismatchError extends EngineError<"SCHEMA_MISMATCH"> {
  constructor(where: string, issues: readonly string[]) {
    const more = issues.length > 3 ? ` and ${issues.length - 3} more` : "";
    super(
      "SCHEMA_MISMATCH",
      `${where} does not fit the schema: ${issues.slice(0, 3).join("; ")}${more}; ` +
        'correct the input or the schema, or set the source\'s onError to "skip" or "deadLetter"',
      { details: { where, issues } },
    );
  }
}

/** One piece of input cannot be read as a record; the ones after it can. */
export class RecordFormatError extends EngineError<"RECORD_FORMAT"> {
  constructor(where: string, reason: string, cause?: unknown) {
    super(
      "RECORD_FORMAT",
      `${where}: ${reason}; correct the input, or set the source's onError to "skip" or "deadLetter"`,
      { details: { where, reason }, cause },
    );
  }
}

/** Raw input in columns, as a reader parsed it. */
interface RawRecords {
  readonly values: unknown[];
  readonly timestamps?: number[] | undefined;
  readonly traces?: TraceMark[] | undefined;
  /** Where value `index` stands, for people. Called for failures only. */
  where(index: number): string;
}

interface ValidatedRecords<T> {
  readonly records: T[];
  readonly timestamps: number[] | undefined;
  readonly traces: TraceMark[] | undefined;
  readonly failures: ReadFailure[] | undefined;
}

/** Refuses what is no Standard Schema. @throws {InvalidOptionError} */
export function checkSchema(owner: string, schema: unknown): void {
  if (schema === undefined) return;
  const standard = (schema as { "~standard"?: { validate?: unknown } } | null)?.["~standard"];
  if (typeof standard?.validate !== "function")
    throw new InvalidOptionError(owner, "schema", schema, "a Standard Schema (zod, valibot, arktype, ...)");
}

/**
 * Checks and types raw values; those that do not fit become failures.
 *
 * Without a schema the values are the records. Synchronous unless the schema is asynchronous.
 */
function validateRecords<T>(
  schema: RecordSchema<T> | undefined,
  raw: RawRecords,
): Awaitable<ValidatedRecords<T>> {
  if (schema === undefined)
    return {
      records: raw.values as T[],
      timestamps: raw.timestamps,
      traces: raw.traces,
      failures: undefined,
    };
  const results = new Array<Awaitable<Outcome<T>>>(raw.values.length);
  let promised = false;
  const { validate } = schema["~standard"];
  for (let i = 0; i < results.length; i++) {
    const result = validateOne(validate, raw.values[i]);
    if (result instanceof Promise) promised = true;
    results[i] = result;
  }
  if (promised) return settle(results).then((settled) => collect(raw, settled));
  return collect(raw, results as Outcome<T>[]);
}

/** What one read took from its input. */
export interface ReadRecords extends RawRecords {
  /** Pieces that could not be read as values; those that the schema refuses are added. */
  readonly failures: ReadFailure[];
  /** Reading continues from here. */
  readonly position: Json;
  /** Nothing follows. */
  readonly end: boolean;
}

/** The batch of one read: its values checked and typed, all its failures together. */
export function toSourceBatch<T>(
  schema: RecordSchema<T> | undefined,
  read: ReadRecords,
): Awaitable<SourceBatch<T>> {
  const { failures, position, end } = read;
  const toBatch = (valid: ValidatedRecords<T>): SourceBatch<T> => {
    if (valid.failures !== undefined) failures.push(...valid.failures);
    return { ...valid, failures: failures.length === 0 ? undefined : failures, position, end };
  };
  const validated = validateRecords(schema, read);
  return validated instanceof Promise ? validated.then(toBatch) : toBatch(validated);
}

type Outcome<T> = StandardSchemaV1.Result<T> | { readonly thrown: Error };
type Validate<T> = RecordSchema<T>["~standard"]["validate"];

/** A schema that throws refuses the record it was given, not the whole input. */
function validateOne<T>(validate: Validate<T>, value: unknown): Awaitable<Outcome<T>> {
  try {
    return validate(value);
  } catch (thrown) {
    return { thrown: toError(thrown) };
  }
}

async function settle<T>(results: readonly Awaitable<Outcome<T>>[]): Promise<Outcome<T>[]> {
  const settled = await Promise.allSettled(results);
  return settled.map((each) => (each.status === "fulfilled" ? each.value : { thrown: toError(each.reason) }));
}

function collect<T>(raw: RawRecords, outcomes: readonly Outcome<T>[]): ValidatedRecords<T> {
  const records: T[] = [];
  let failures: ReadFailure[] | undefined;
  let kept: number[] | undefined; // indices of good records; undefined while that is all of them
  for (let i = 0; i < outcomes.length; i++) {
    const outcome = outcomes[i] as Outcome<T>;
    if (!("thrown" in outcome) && outcome.issues === undefined) {
      records.push(outcome.value);
      kept?.push(i);
      continue;
    }
    kept ??= Array.from({ length: i }, (_, index) => index);
    failures ??= [];
    failures.push(failureOf(outcome, raw, i));
  }
  if (kept === undefined) return { records, timestamps: raw.timestamps, traces: raw.traces, failures };
  const { timestamps } = raw;
  return {
    records,
    timestamps: timestamps === undefined ? undefined : kept.map((index) => timestamps[index] as number),
    traces: raw.traces && selectTraces(raw.traces, kept),
    failures,
  };
}

function failureOf(
  outcome: StandardSchemaV1.FailureResult | { readonly thrown: Error },
  raw: RawRecords,
  index: number,
): ReadFailure {
  const where = raw.where(index);
  const error =
    "thrown" in outcome ? outcome.thrown : new SchemaMismatchError(where, outcome.issues.map(describeIssue));
  return { error, raw: raw.values[index], where };
}

function describeIssue(issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? [])
    .map((segment) => String(typeof segment === "object" ? segment.key : segment))
    .join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}
