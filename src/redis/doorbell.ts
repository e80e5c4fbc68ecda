// Doorbell — wakes those who wait for a change of the control plane. Messages may be lost; a look on time is promised.
import { Bell } from "../core/bell.ts";
import { systemClock } from "../core/clock.ts";
import { type ConnectionOptions, RedisConnection } from "./connection.ts";

/** Without a link nothing rings, so whoever waits looks this often. */
const BLIND_LOOK_MS = 250;
const RETRY_MS = 250;
/** A half-open link is noticed by the missing answer. */
const PING_MS = 1000;

export class Doorbell {
  readonly #options: ConnectionOptions;
  readonly #channel: string;
  #connection: RedisConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #bell = new Bell(systemClock);
  #closed = false;

  constructor(options: ConnectionOptions, channel: string) {
    this.#options = options;
    this.#channel = channel;
  }

  start(): void {
    void this.#listen();
  }

  /** Resolves when it rings, or after `timeoutMs`; at once when it rang since the last wait. */
  wait(timeoutMs: number): void | Promise<void> {
    if (this.#closed) return;
    return this.#bell.wait(this.#connection === undefined ? Math.min(timeoutMs, BLIND_LOOK_MS) : timeoutMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.#bell.ring();
  }

  async #listen(): Promise<void> {
    if (this.#closed) return;
    try {
      const connection = await RedisConnection.open(this.#options);
      connection.onEnd(() => this.#onLinkEnd(connection));
      await connection.subscribe(this.#channel, () => this.#bell.ring());
      if (this.#closed) connection.close();
      if (connection.ended !== undefined) return;
      this.#connection = connection;
      // Changes made while nobody listened rang for nobody.
      this.#bell.ring();
      this.#keepAlive(connection);
    } catch {
      this.#again();
    }
  }

  #onLinkEnd(connection: RedisConnection): void {
    const wasListening = this.#connection === connection;
    this.#connection = undefined;
    clearTimeout(this.#timer);
    if (wasListening) this.#bell.ring();
    this.#again();
  }

  #again(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#listen(), RETRY_MS);
    this.#timer.unref();
  }

  #keepAlive(connection: RedisConnection): void {
    this.#timer = setTimeout(() => {
      connection.send(["PING"]).then(
        () => this.#keepAlive(connection),
        () => undefined,
      );
    }, PING_MS);
    this.#timer.unref();
  }
}
