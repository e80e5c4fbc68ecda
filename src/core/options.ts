// checkOptions — options objects are refused when they hold a name that nobody reads: a misspelt option is never silent.
import { EngineError } from "./errors.ts";

/** An options object holds a name that does not exist. */
export class UnknownOptionError extends EngineError<"UNKNOWN_OPTION"> {
  constructor(owner: string, option: string, known: readonly string[]) {
    super(
      "UNKNOWN_OPTION",
      `${owner}: there is no option "${option}"; ${known.length === 0 ? "it takes none" : `the options are ${known.join(", ")}`}`,
      { details: { owner, option, known } },
    );
  }
}

/** An option has a value that it may not have. */
export class InvalidOptionError extends EngineError<"INVALID_OPTION"> {
  constructor(owner: string, option: string, value: unknown, expected: string) {
    super("INVALID_OPTION", `${owner}: option "${option}" is ${show(value)}; give ${expected}`, {
      details: { owner, option, value: show(value), expected },
    });
  }
}

/**
 * Refuses names outside `known`.
 *
 * @param owner names the thing with the options in the error, for example `jsonFile("flights.json")`
 * @throws {UnknownOptionError}
 * @throws {InvalidOptionError} when `options` is not an object
 */
export function checkOptions<O extends object>(
  owner: string,
  options: O | undefined,
  known: readonly Extract<keyof O, string>[],
): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new InvalidOptionError(owner, "options", options, `an object with ${known.join(", ")}`);
  const names: readonly string[] = known;
  for (const option of Object.keys(options))
    if (!names.includes(option)) throw new UnknownOptionError(owner, option, names);
}

/**
 * Refuses anything but a whole number of at least `smallest`; undefined passes.
 *
 * @throws {InvalidOptionError}
 */
export function checkWholeNumber(owner: string, option: string, value: unknown, smallest: number): void {
  if (value === undefined) return;
  if (!Number.isSafeInteger(value) || (value as number) < smallest)
    throw new InvalidOptionError(owner, option, value, `a whole number of at least ${smallest}`);
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "function") return "a function";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return String(value);
}
