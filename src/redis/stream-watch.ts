// StreamWatch — waits for entries of many streams at once, on the waiting link of a session.
//
// Owns:      the set of streams, and the one wait that is out.
// Does not:  deliver entries. A signal means "look now"; the reader looks on the command link, together with commits.
//
// A wait on many streams is answered by the first that becomes ready, even when a script filled several; so a signalled
// stream leaves the set and the rest is waited for again at once.
import { toError } from "../core/errors.ts";
import { MAX_BLOCK_MS, type RedisSession } from "./session.ts";

/** Streams per wait: beyond this the wait is only a pause, and everybody is told to look after it. */
const MAX_STREAMS = 4000;

export class StreamWatch {
  readonly #session: RedisSession;
  /** Stream key -> id behind which an entry is wanted. */
  #wanted = new Map<string, string>();
  #onReady: (stream: string) => void = () => undefined;
  /** Streams of the wait that is out; undefined while none is. */
  #waited: ReadonlyMap<string, string> | undefined;
  #interrupting = false;

  constructor(session: RedisSession) {
    this.#session = session;
  }

  /** Replaces the set. `onReady` is called at most once per stream; then the stream is watched no more. */
  watch(streams: Map<string, string>, onReady: (stream: string) => void): void {
    this.#wanted = streams;
    this.#onReady = onReady;
    if (this.#session.ended !== undefined) return;
    if (this.#waited === undefined) {
      if (streams.size > 0) void this.#run();
    } else if (!this.#covered()) {
      void this.#interrupt();
    }
  }

  /** Streams that are no longer wanted do no harm to a wait; a new one, or a new position, needs another wait. */
  #covered(): boolean {
    for (const [stream, id] of this.#wanted) if (this.#waited?.get(stream) !== id) return false;
    return true;
  }

  async #run(): Promise<void> {
    try {
      while (this.#wanted.size > 0) {
        const waited = new Map(this.#wanted);
        this.#waited = waited;
        const reply = await this.#session.wait(waitCommand(waited));
        if (reply === null) {
          if (waited.size > MAX_STREAMS) for (const stream of waited.keys()) this.#signal(stream, waited);
          continue;
        }
        for (const stream of reply as readonly (readonly [Buffer, unknown])[])
          this.#signal(stream[0].toString("utf8"), waited);
      }
    } catch (error) {
      // Error replies come from streams that are none, or from a server that changed: nothing can be waited for.
      this.#session.end(toError(error));
    } finally {
      this.#waited = undefined;
    }
  }

  #signal(stream: string, waited: ReadonlyMap<string, string>): void {
    if (this.#wanted.get(stream) !== waited.get(stream)) return;
    this.#wanted.delete(stream);
    this.#onReady(stream);
  }

  /** The server may get the interruption before the wait, so it is repeated until it hits or is needless. */
  async #interrupt(): Promise<void> {
    if (this.#interrupting) return;
    this.#interrupting = true;
    try {
      while (this.#waited !== undefined && !this.#covered() && !(await this.#session.interruptWait()));
    } catch {
      // The session is over; #run says so.
    } finally {
      this.#interrupting = false;
    }
  }
}

function waitCommand(streams: ReadonlyMap<string, string>): string[] {
  const args = ["XREAD", "COUNT", "1", "BLOCK", String(MAX_BLOCK_MS), "STREAMS"];
  const ids: string[] = [];
  for (const [stream, id] of streams) {
    if (ids.length === MAX_STREAMS) break;
    args.push(stream);
    ids.push(id);
  }
  for (const id of ids) args.push(id);
  return args;
}
