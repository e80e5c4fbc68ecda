// Errors of frames: bytes that are no frame, frames of another version, records that fit no frame.
import { EngineError } from "../core/errors.ts";

/**
 * The bytes of a channel entry are not the frame that was written.
 *
 * `retry` is `partition`: attaching again reads the entry again, which cures damage on the way from the server. Damage
 * in the server itself comes back at the same entry. No other partition can help, so the job as a whole need not
 * attach again.
 */
export class FrameCorruptError extends EngineError<"FRAME_CORRUPT"> {
  /** @param channel undefined when the caller did not say which */
  constructor(channel: string | undefined, what: string, bytes: number, cause?: unknown) {
    super(
      "FRAME_CORRUPT",
      `${channel === undefined ? "a frame" : `channel ${channel}: a frame`} of ${bytes} bytes is damaged: ${what}; ` +
        "it is read again, and if that does not help, restore the job from its last checkpoint",
      { retry: "partition", details: { channel, what, bytes }, cause },
    );
  }
}

/** An intact frame whose layout this version does not know. */
export class FrameVersionError extends EngineError<"FRAME_VERSION"> {
  constructor(channel: string | undefined, found: number, known: number) {
    const where = channel === undefined ? "a frame" : `channel ${channel}: a frame`;
    super(
      "FRAME_VERSION",
      found > known
        ? `${where} has version ${found}, newer than version ${known} of this worker; update this worker`
        : `${where} has version ${found}, older than version ${known} of this worker; ` +
            "drain the job with the version of Weir that wrote it before you update the workers",
      { details: { channel, found, known } },
    );
  }
}

/** One record is larger than a frame may be. */
export class FrameTooLargeError extends EngineError<"FRAME_TOO_LARGE"> {
  constructor(edge: string, bytes: number, maxBytes: number) {
    super(
      "FRAME_TOO_LARGE",
      `edge "${edge}": one record takes ${bytes} bytes, but a frame may hold ${maxBytes}; ` +
        "send a smaller record (project the fields you need, split it, or store it outside and send its address) " +
        "or raise frameBytes",
      { details: { edge, bytes, maxBytes } },
    );
  }
}
