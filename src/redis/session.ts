// RedisSession — a worker's hold on one Redis: bound to one process of the server and one history, over at first doubt.
//
// Owns:      the command link (commits, loads, reads that do not wait), the waiting link, the loaded scripts.
// Does not:  reconnect. Whoever needs Redis again opens a new session, and every partition attaches again.
//
// Why: a commit is only right together with the reads that led to it. Both links report the server's history
// (`master_replid`) when they open, and every commit compares it, so that nothing read from a future that the server
// lost can be written onto the past that it restored (docs/protocols/checkpoint.md, H2, H27).
import { ErrorReply } from "redis";
import type { SessionEndedError } from "../core/partition-errors.ts";
import { type Argument, type BytesReply, RedisConnection, type Reply } from "./connection.ts";
import { HistoryChangedError, RedisNotPrimaryError } from "./errors.ts";
import { ScriptRunner } from "./script-runner.ts";
import type { Script } from "./scripts/script.ts";
import { dataScripts } from "./scripts.ts";
import { checkServer, readHistory, readServerState } from "./server-check.ts";

export interface SessionOptions {
  readonly url: string;
  /** Shown by CLIENT LIST. Default `weir`. */
  readonly name?: string | undefined;
  /** Default 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Unanswered commands for this long end the session. Default 5000. */
  readonly replyTimeoutMs?: number | undefined;
}

/** The waiting link asks the server to wait at most so long: a half-open link is noticed soon after (H26). */
export const MAX_BLOCK_MS = 1000;

export class RedisSession {
  readonly url: string;
  /** The server's history, `master_replid`, to which this session is bound. */
  readonly history: string;
  readonly #commands: RedisConnection;
  readonly #waiting: RedisConnection;
  readonly #waitingId: string;
  readonly #runner: ScriptRunner;
  readonly #listeners: ((cause: SessionEndedError) => void)[] = [];
  #ended: SessionEndedError | undefined;

  private constructor(
    commands: RedisConnection,
    waiting: RedisConnection,
    waitingId: string,
    history: string,
    runner: ScriptRunner,
  ) {
    this.url = commands.url;
    this.history = history;
    this.#commands = commands;
    this.#waiting = waiting;
    this.#waitingId = waitingId;
    this.#runner = runner;
    commands.onEnd((cause) => this.end(cause));
    waiting.onEnd((cause) => this.end(cause));
  }

  /**
   * Connects, checks the server and loads the scripts.
   *
   * @throws {RedisUrlError | RedisUnreachableError | RedisAuthError | RedisPermissionError | RedisLoadingError |
   *   RedisTooOldError | RedisClusterError | RedisNotPrimaryError | RedisEvictionPolicyError | HistoryChangedError}
   */
  static async open(options: SessionOptions): Promise<RedisSession> {
    const { url, name = "weir", connectTimeoutMs, replyTimeoutMs = 5000 } = options;
    const commands = await RedisConnection.open({
      url,
      name: `${name}-commands`,
      connectTimeoutMs,
      replyTimeoutMs,
    });
    let waiting: RedisConnection | undefined;
    try {
      const history = await checkServer(commands);
      waiting = await RedisConnection.open({
        url,
        name: `${name}-waiting`,
        connectTimeoutMs,
        replyTimeoutMs: replyTimeoutMs + MAX_BLOCK_MS,
      });
      const [waitingHistory, waitingId] = await Promise.all([
        readHistory(waiting),
        waiting.send(["CLIENT", "ID"]),
      ]);
      if (waitingHistory !== history) throw new HistoryChangedError(url, history, waitingHistory);
      const runner = new ScriptRunner(commands);
      await runner.load(dataScripts);
      return new RedisSession(commands, waiting, String(waitingId), history, runner);
    } catch (error) {
      commands.close();
      waiting?.close();
      throw error;
    }
  }

  /** Why the session is over, or undefined while it lives. */
  get ended(): SessionEndedError | undefined {
    return this.#ended;
  }

  /** How often a call found the server's script cache empty: calls sent around that moment may have changed order. */
  get scriptReloads(): number {
    return this.#runner.reloads;
  }

  /** Sends one command; bulk strings of the reply become text. @throws {SessionEndedError | Error} the server's error reply */
  send(args: readonly Argument[]): Promise<Reply> {
    return this.#commands.send(args);
  }

  /** Sends one command; bulk strings of the reply become bytes. @throws {SessionEndedError | Error} the server's error reply */
  sendForBytes(args: readonly Argument[]): Promise<BytesReply> {
    return this.#commands.sendForBytes(args);
  }

  /**
   * Runs a script.
   *
   * @param args made by `openCall` or `call`; must not be changed afterwards
   * @throws {SessionEndedError | Error} the server's error reply
   */
  run(script: Script, args: Argument[]): Promise<Reply> {
    return this.#runner.run(script, args);
  }

  /** Sends one command over the waiting link. It may block on the server for at most MAX_BLOCK_MS. */
  wait(args: readonly Argument[]): Promise<BytesReply> {
    return this.#waiting.sendForBytes(args);
  }

  /** Ends the wait of the other link. @returns false when it was not waiting (yet) */
  async interruptWait(): Promise<boolean> {
    return (await this.#commands.send(["CLIENT", "UNBLOCK", this.#waitingId])) === 1;
  }

  /**
   * Looks at the server again. Ends the session when the history or the role changed: partitions without work would
   * otherwise never notice that they hold a lost future (H8).
   *
   * @returns share of `maxmemory` in use, 0 when there is no limit
   * @throws {SessionEndedError | HistoryChangedError | RedisNotPrimaryError}
   */
  async inspect(): Promise<number> {
    const { history, role, memoryUse } = await readServerState(this.#commands);
    const problem =
      role !== "master"
        ? new RedisNotPrimaryError(this.url, role)
        : history === this.history
          ? undefined
          : new HistoryChangedError(this.url, this.history, history);
    if (problem === undefined) return memoryUse;
    this.end(problem);
    throw problem;
  }

  /** Calls `listener` once, when the session ends; at once if it has ended. */
  onEnd(listener: (cause: SessionEndedError) => void): void {
    if (this.#ended !== undefined) listener(this.#ended);
    else this.#listeners.push(listener);
  }

  /** Ends the session: both links close, pending and later calls reject. Only the first cause counts. */
  end(cause: Error): void {
    if (this.#ended !== undefined) return;
    // Listeners and late callers must see the session ended before a link reports back.
    this.#commands.end(cause);
    this.#ended ??= this.#commands.ended;
    this.#waiting.end(cause);
    const ended = this.#ended;
    if (ended === undefined) return;
    for (const listener of this.#listeners.splice(0)) listener(ended);
  }

  /** Ends the session on purpose. */
  close(): void {
    this.end(new Error("closed by this process"));
  }
}

/** An error reply of the server, as opposed to a broken link. */
export function isErrorReply(error: unknown): error is Error {
  return error instanceof ErrorReply;
}
