// Problems of a spec — runs checks of arguments and gathers what they refuse, as a ready operator brings it.
import { InvalidOptionError, UnknownOptionError } from "../core/options.ts";
import { InvalidDurationError } from "../time/duration.ts";
import type { ReadyOperatorSpec } from "./keyed-operator-spec.ts";
import { judgeFunction } from "./rules/user-function.ts";

export type Problems = ReadyOperatorSpec["problems"];

/** An aggregate stands where it must, but it is none. */
class NoAggregate extends Error {}

/**
 * @param what the method; the operator's name is put in its place by the rule that reads the problems
 * @param checks each throws when it refuses something
 */
export function problemsOf(what: string, checks: (owner: string) => readonly (() => void)[]): Problems {
  const problems: Problems[number][] = [];
  for (const check of checks(what)) {
    try {
      check();
    } catch (error) {
      problems.push(problemOf(what, error));
    }
  }
  return problems;
}

function problemOf(what: string, error: unknown): Problems[number] {
  if (error instanceof NoAggregate) return { code: "INVALID_AGGREGATE", text: error.message };
  if (!(error instanceof Error)) throw error;
  const text = `is refused: ${error.message.replace(`${what}: `, "")}`;
  if (error instanceof UnknownOptionError) return { code: "UNKNOWN_OPTION", text };
  if (error instanceof InvalidOptionError || error instanceof InvalidDurationError)
    return { code: "INVALID_OPTION", text };
  throw error;
}

export function checkChoice(
  owner: string,
  option: string,
  value: unknown,
  choices: readonly (string | boolean)[],
): void {
  if (choices.includes(value as string | boolean)) return;
  const names = choices.map((choice) => JSON.stringify(choice));
  throw new InvalidOptionError(owner, option, value, `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`);
}

/** A function from a row to a value that answers at once. */
export function checkSelector(owner: string, option: string, fn: unknown): void {
  const example = "(row) => row.amount";
  if (judgeFunction(owner, option, fn, example) !== undefined)
    throw new InvalidOptionError(owner, option, fn, `a plain function, for example ${example}`);
}

export function checkAggregate(aggregate: unknown): void {
  const given = (aggregate ?? {}) as Record<string, unknown>;
  if (["create", "add", "merge", "result"].every((method) => typeof given[method] === "function")) return;
  throw new NoAggregate(
    "is given something else for its aggregate; give one such as count() or sum((record) => record.amount), " +
      "or an object with create, add, merge and result",
  );
}
