// judgeFunction — operators call user code in the middle of a turn, so it must be a function that answers at once.
import type { JobProblem } from "../job-problem.ts";
import { quote } from "../nodes/logical-node.ts";

/**
 * @param what the place in the call: `its function`, `option "timestamp"`
 * @param example how a right one looks
 * @param generators whether a generator function will do: where an iterable is expected
 */
export function judgeFunction(
  owner: string,
  what: string,
  fn: unknown,
  example: string,
  generators = false,
): JobProblem | undefined {
  if (typeof fn !== "function") {
    return {
      code: "INVALID_FUNCTION",
      subject: owner,
      message: `${owner}: ${what} is ${quote(fn)}; give a function, for example ${example}`,
    };
  }
  const kind = fn.constructor.name;
  const refused = kind.startsWith("Async") || (kind === "GeneratorFunction" && !generators);
  if (!refused) return undefined;
  return {
    code: "INVALID_FUNCTION",
    subject: owner,
    message:
      `${owner}: ${what} is ${kind === "GeneratorFunction" ? "a generator" : "async"}, but its result is needed at once; ` +
      `give a plain function, for example ${example}, and do the waiting in asyncMap, lookup, a source or a sink`,
  };
}
