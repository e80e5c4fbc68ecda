// Script — one atomic step on the server: its Lua source and the names of what it is given.
import { createHash } from "node:crypto";

/**
 * `keys` and `args` repeat the contract in the header of the source; a test compares the two. A name that begins
 * with `...` stands for any number of values and comes last.
 */
export interface Script {
  readonly name: string;
  readonly source: string;
  /** SHA-1 of the source, as EVALSHA wants it. */
  readonly sha: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/**
 * The `#!lua` line is what makes a script be refused as a whole when memory is short, before its first write (H13).
 *
 * @param flags of the `#!lua` line: `allow-oom` for what may run although memory is short, `no-writes` for reads
 */
export function defineScript(
  definition: Pick<Script, "name" | "keys" | "args"> & {
    readonly flags?: "allow-oom" | "no-writes";
    readonly body: string;
  },
): Script {
  const { name, keys, args, flags, body } = definition;
  const source = `#!lua${flags === undefined ? "" : ` flags=${flags}`}\n${body.trim()}\n`;
  return { name, source, keys, args, sha: createHash("sha1").update(source).digest("hex") };
}

/** The arguments of one call, ready to be sent. Fill keys and then args into it with `push`. */
export function openCall(script: Script, keyCount: number): (string | Buffer)[] {
  return ["EVALSHA", script.sha, String(keyCount)];
}

/** For calls that are rare. */
export function call(
  script: Script,
  keys: readonly string[],
  args: readonly (string | Buffer)[],
): (string | Buffer)[] {
  return ["EVALSHA", script.sha, String(keys.length), ...keys, ...args];
}
