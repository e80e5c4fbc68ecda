// ScriptRunner — sends scripts by their hash, and by their source when the server has forgotten them.
import { ErrorReply } from "redis";
import type { Argument, RedisConnection, Reply } from "./connection.ts";
import { classifyReply } from "./errors.ts";
import type { Script } from "./scripts/script.ts";

export class ScriptRunner {
  readonly #connection: RedisConnection;
  #reloads = 0;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** Calls that found the script missing so far. */
  get reloads(): number {
    return this.#reloads;
  }

  /** @throws the server's error reply */
  async load(scripts: readonly Script[]): Promise<void> {
    await Promise.all(scripts.map((script) => this.#connection.send(["SCRIPT", "LOAD", script.source])));
  }

  /**
   * Runs a script. NOSCRIPT means that nothing ran, so sending the source instead is safe.
   *
   * @param args begins with EVALSHA and the hash
   */
  run(script: Script, args: Argument[]): Promise<Reply> {
    return this.#connection.send(args).catch((error: unknown) => this.#recover(error, script, args));
  }

  #recover(error: unknown, script: Script, args: Argument[]): Promise<Reply> {
    if (!(error instanceof ErrorReply) || classifyReply(error.message) !== "noscript") throw error;
    this.#reloads++;
    // EVAL also caches the script, but may lose it again to other EVALs of a busy server; SCRIPT LOAD does not.
    this.#connection.send(["SCRIPT", "LOAD", script.source]).catch(() => undefined);
    args[0] = "EVAL";
    args[1] = script.source;
    return this.#connection.send(args);
  }
}
