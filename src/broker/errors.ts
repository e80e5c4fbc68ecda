// Errors of channels.
import { EngineError } from "../core/errors.ts";
import type { ChannelId } from "../core/ids.ts";

/** An entry of a channel is missing although its consumer has not taken it. */
export class ChannelGapError extends EngineError<"CHANNEL_GAP"> {
  constructor(channel: ChannelId, expectedSeq: number, foundSeq: number) {
    super(
      "CHANNEL_GAP",
      `channel ${channel}: expected entry ${expectedSeq} but found ${foundSeq}; ` +
        "somebody else trimmed or deleted this stream, or a zombie reads it",
      { retry: "partition", details: { channel, expectedSeq, foundSeq } },
    );
  }
}

/** The producer of a channel went back in time and wrote other entries than the ones that were consumed. */
export class ChannelConflictError extends EngineError<"CHANNEL_CONFLICT"> {
  constructor(channel: ChannelId, seq: number, heldLineage: number, foundLineage: number) {
    super(
      "CHANNEL_CONFLICT",
      `channel ${channel}: entry ${seq} follows lineage ${foundLineage} but this consumer holds lineage ${heldLineage}; ` +
        "the data in Redis does not belong to one history",
      { retry: "partition", details: { channel, seq, heldLineage, foundLineage } },
    );
  }
}
