// Errors of Redis streams, read and written.
import { EngineError } from "../../core/errors.ts";

/** A stream source does not know which Redis to read. */
export class StreamUrlMissingError extends EngineError<"STREAM_URL_MISSING"> {
  constructor(stream: string) {
    super(
      "STREAM_URL_MISSING",
      `redisStream("${stream}"): the job runs embedded, without a Redis of its own; give option url, such as "redis://localhost:6379"`,
      { details: { stream } },
    );
  }
}

/** A stream cannot be read for now. */
export class StreamReadError extends EngineError<"STREAM_READ"> {
  constructor(stream: string, cause: Error) {
    super(
      "STREAM_READ",
      `Redis stream "${stream}": ${cause.message}; reading is tried again from the last commit`,
      {
        retry: "partition",
        details: { stream },
        cause,
      },
    );
  }
}

/** A stream is not the one that was read before: it was deleted, made anew, or its Redis lost its end. */
export class StreamResetError extends EngineError<"STREAM_RESET"> {
  constructor(stream: string, position: string, lastId: string | undefined) {
    const found = lastId === undefined ? "it does not exist" : `its last id is ${lastId}`;
    super(
      "STREAM_RESET",
      `Redis stream "${stream}" was read up to ${position} but now ${found}; entries were lost or the stream was replaced: ` +
        "bring it back, or start the job anew",
      { details: { stream, position, lastId } },
    );
  }
}

/** A record cannot be written as an entry of a stream. */
export class StreamFieldError extends EngineError<"STREAM_FIELD"> {
  constructor(stream: string, problem: string, remedy: string) {
    super("STREAM_FIELD", `redisStreamSink("${stream}"): ${problem}; ${remedy}`, {
      details: { stream, problem },
    });
  }
}
