// RedisConnection — one client object for one TCP link, used until the first doubt and then thrown away.
//
// Owns:      the link, the order of commands on it, the watch over unanswered ones.
// Does not:  reconnect, resend, queue while offline, know scripts or keys.
//
// Why crash-only: after a broken link nobody knows which of the commands in flight were applied. A client that
// reconnects by itself sends them again, or leaves their promises pending; both are wrong here (docs/protocols/checkpoint.md, H3, H4).
import { createClient, ErrorReply, RESP_TYPES } from "redis";
import { toError } from "../core/errors.ts";
import { SessionEndedError } from "../core/partition-errors.ts";
import {
  classifyReply,
  RedisAuthError,
  RedisLoadingError,
  RedisPermissionError,
  RedisTimeoutError,
  RedisUnreachableError,
  RedisUrlError,
} from "./errors.ts";

/** What Redis answers over RESP2; bulk strings are text or bytes as asked for. */
export type Reply = string | number | null | readonly Reply[];
export type BytesReply = Buffer | string | number | null | readonly BytesReply[];
export type Argument = string | Buffer;

export interface ConnectionOptions {
  readonly url: string;
  /** CLIENT SETNAME, for people who look at the server. No blanks. */
  readonly name: string;
  /** Default 5000. */
  readonly connectTimeoutMs?: number | undefined;
  /** Unanswered commands for this long end the connection. Default 5000. */
  readonly replyTimeoutMs?: number | undefined;
}

const BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } as const;
/** The watch looks this often per timeout; the connection ends after one look more, all without any reply. */
const LOOKS = 5;

type Client = ReturnType<typeof createRawClient>;

export class RedisConnection {
  readonly url: string;
  readonly #client: Client;
  readonly #replyTimeoutMs: number;
  readonly #watch: NodeJS.Timeout;
  readonly #listeners: ((cause: Error) => void)[] = [];
  #pending = 0;
  #silentLooks = 0;
  #ended: SessionEndedError | undefined;

  private constructor(client: Client, options: ConnectionOptions) {
    this.url = options.url;
    this.#client = client;
    this.#replyTimeoutMs = options.replyTimeoutMs ?? 5000;
    client.on("error", (error: unknown) => this.end(toError(error)));
    client.on("end", () => this.end(new Error("the connection was closed")));
    this.#watch = setInterval(() => this.#look(), Math.max(1, this.#replyTimeoutMs / LOOKS));
    this.#watch.unref();
  }

  /**
   * Opens a link and waits until the server accepts commands.
   *
   * @throws {RedisUrlError | RedisUnreachableError | RedisAuthError | RedisLoadingError | RedisPermissionError}
   */
  static async open(options: ConnectionOptions): Promise<RedisConnection> {
    const client = createRawClient(options);
    // Failures before the handshake ends reject connect() too; without a listener they would end the process.
    const ignore = (): void => undefined;
    client.on("error", ignore);
    try {
      await withPatience(options.connectTimeoutMs ?? 5000, async () => {
        await client.connect();
        await client.sendCommand(["PING"]);
      });
    } catch (error) {
      client.destroy();
      throw classifyOpening(options.url, toError(error));
    }
    const connection = new RedisConnection(client, options);
    client.off("error", ignore);
    if (!client.isReady) connection.end(new Error("the connection was closed"));
    return connection;
  }

  /** Why the connection is over, or undefined while it lives. */
  get ended(): SessionEndedError | undefined {
    return this.#ended;
  }

  /** Sends one command; bulk strings of the reply become text. @throws {SessionEndedError | ErrorReply} */
  send(args: readonly Argument[]): Promise<Reply> {
    return this.#send(args, undefined) as Promise<Reply>;
  }

  /** Sends one command; bulk strings of the reply become bytes. @throws {SessionEndedError | ErrorReply} */
  sendForBytes(args: readonly Argument[]): Promise<BytesReply> {
    return this.#send(args, BYTES) as Promise<BytesReply>;
  }

  /** Puts this connection into subscriber mode; nothing else may be sent over it afterwards. */
  async subscribe(channel: string, onMessage: () => void): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    await this.#client.subscribe(channel, onMessage);
  }

  /** Calls `listener` once, when the connection ends; at once if it has ended. */
  onEnd(listener: (cause: Error) => void): void {
    if (this.#ended !== undefined) listener(this.#ended);
    else this.#listeners.push(listener);
  }

  /** Ends the connection: pending commands reject, later ones too. Only the first cause counts. */
  end(cause: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause instanceof SessionEndedError ? cause : new SessionEndedError(cause);
    clearInterval(this.#watch);
    this.#client.destroy();
    for (const listener of this.#listeners.splice(0)) listener(this.#ended);
  }

  /** Ends the connection on purpose. */
  close(): void {
    this.end(new Error("closed by this process"));
  }

  #send(args: readonly Argument[], options: typeof BYTES | undefined): Promise<unknown> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    // The watch must see a fresh start: time spent idle is no silence.
    if (this.#pending++ === 0) this.#silentLooks = 0;
    return this.#client.sendCommand(args as Argument[], options as never).then(this.#onReply, this.#onError);
  }

  readonly #onReply = (reply: unknown): unknown => {
    this.#pending--;
    this.#silentLooks = 0;
    return reply;
  };

  readonly #onError = (error: unknown): never => {
    this.#pending--;
    this.#silentLooks = 0;
    if (error instanceof ErrorReply) {
      if (classifyReply(error.message) === "session") this.end(error);
      throw error;
    }
    this.end(toError(error));
    throw this.#ended;
  };

  /** Counts looks, not time: a loop that was busy for seconds delays looks and replies alike and blames nobody. */
  #look(): void {
    if (this.#pending === 0) return;
    if (++this.#silentLooks > LOOKS)
      this.end(new RedisTimeoutError(this.url, this.#replyTimeoutMs, this.#pending));
  }
}

/**
 * @param url as users write it
 * @throws {RedisUrlError}
 */
export function checkRedisUrl(url: string): void {
  if (url.startsWith("unix://")) {
    if (!/^unix:\/\/([^@/]*@)?\/[^?#]+/.test(url))
      throw new RedisUrlError(url, "the path of the socket is missing");
    return;
  }
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new RedisUrlError(url, "it cannot be parsed");
  }
  if (parsed.protocol !== "redis:" && parsed.protocol !== "rediss:")
    throw new RedisUrlError(
      url,
      parsed.host === "" || parsed.protocol === "localhost:"
        ? "the scheme redis:// is missing"
        : `the scheme ${parsed.protocol.slice(0, -1)} is none that Redis speaks`,
    );
  if (parsed.hostname === "") throw new RedisUrlError(url, "the host is missing");
  if (!/^\/?\d*$/.test(parsed.pathname))
    throw new RedisUrlError(url, `the database "${parsed.pathname.slice(1)}" is not a number`);
}

// The return type is that of the client library, which is too long to be written out.
function createRawClient(options: ConnectionOptions) {
  checkRedisUrl(options.url);
  return createClient({
    url: options.url,
    RESP: 2,
    name: options.name,
    disableClientInfo: true,
    disableOfflineQueue: true,
    maintNotifications: "disabled",
    // The library's timeout covers only the time before a command is written, and costs a timer per command.
    commandOptions: { timeout: 0 },
    socket: { reconnectStrategy: false, connectTimeout: options.connectTimeoutMs ?? 5000 },
  });
}

/** The library's timeout ends with the TCP handshake: a half-open link would leave its greeting unanswered for ever. */
async function withPatience(timeoutMs: number, open: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer for ${timeoutMs} ms`)), timeoutMs);
  });
  const opening = open();
  // Destroying the client after the timeout rejects it, when nobody waits any more.
  opening.catch(() => undefined);
  try {
    await Promise.race([opening, silence]);
  } finally {
    clearTimeout(timer);
  }
}

function classifyOpening(url: string, error: Error): Error {
  if (!(error instanceof ErrorReply)) return new RedisUnreachableError(url, error);
  if (/^(WRONGPASS|NOAUTH)|AUTH/.test(error.message)) return new RedisAuthError(url, error.message);
  if (error.message.startsWith("NOPERM")) return new RedisPermissionError(url, error.message);
  if (error.message.startsWith("LOADING")) return new RedisLoadingError(url);
  return new RedisUnreachableError(url, error);
}
