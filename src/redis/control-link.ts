// ControlLink — the control plane's way to Redis: runs scripts over a link that is made anew whenever it breaks.
//
// Every request here can be repeated after a lost reply without doing a second thing: that is what makes reconnecting
// safe, while it is not for commits (session.ts).
import { setTimeout as sleep } from "node:timers/promises";
import { isEngineError, toError } from "../core/errors.ts";
import { SessionEndedError } from "../core/partition-errors.ts";
import { type Argument, type ConnectionOptions, RedisConnection, type Reply } from "./connection.ts";
import { classifyReply } from "./errors.ts";
import { ScriptRunner } from "./script-runner.ts";
import type { Script } from "./scripts/script.ts";
import { controlScripts } from "./scripts.ts";
import { checkServer } from "./server-check.ts";

/** Between two attempts to reach Redis. */
const RETRY_MS = 100;

export class ControlLink {
  readonly #options: ConnectionOptions;
  readonly #patienceMs: number;
  #link: Promise<Link> | undefined;
  #closed = false;

  /** @param patienceMs how long a request keeps trying while Redis is away */
  constructor(options: ConnectionOptions, patienceMs: number) {
    this.#options = options;
    this.#patienceMs = patienceMs;
  }

  /** Connects if need be, once. @throws as `RedisSession.open` */
  async connect(): Promise<void> {
    await this.#connected();
  }

  /**
   * Runs a script, over new links if need be, until Redis answers or the patience is over.
   *
   * @param prepare makes the call anew for every attempt
   */
  async run(script: Script, prepare: () => Argument[]): Promise<Reply> {
    const startedMs = performance.now();
    for (;;) {
      try {
        const link = await this.#connected();
        return await link.runner.run(script, prepare());
      } catch (error) {
        const away = this.#closed || performance.now() - startedMs > this.#patienceMs;
        if (away || !isPassing(toError(error))) throw error;
      }
      await sleep(RETRY_MS);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => undefined);
    link?.connection.close();
  }

  #connected(): Promise<Link> {
    if (this.#closed)
      return Promise.reject(new SessionEndedError(new Error("the coordination was closed by this process")));
    if (this.#link === undefined) {
      const opening = openLink(this.#options);
      this.#link = opening;
      const forget = (): void => {
        if (this.#link === opening) this.#link = undefined;
      };
      opening.then((link) => link.connection.onEnd(forget), forget);
    }
    return this.#link;
  }
}

interface Link {
  readonly connection: RedisConnection;
  readonly runner: ScriptRunner;
}

async function openLink(options: ConnectionOptions): Promise<Link> {
  const connection = await RedisConnection.open(options);
  try {
    await checkServer(connection);
    const runner = new ScriptRunner(connection);
    await runner.load(controlScripts);
    return { connection, runner };
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Time may heal it: the server is away, loads, is a replica for now, or refuses writes for now. */
function isPassing(error: Error): boolean {
  if (isEngineError(error)) return error.retry !== "never";
  const failure = classifyReply(error.message);
  return failure === "refused" || failure === "session";
}
