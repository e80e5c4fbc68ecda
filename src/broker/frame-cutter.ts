// FrameCutters — how sealed batches become frames: encoded for Redis, by reference for embedded jobs.
import type { Batch, Frame } from "../core/batch.ts";
import type { ChannelId } from "../core/ids.ts";
import { type FrameHeader, FrameWriter } from "./frame-writer.ts";

/** A frame and, when it leaves the process, its bytes. */
export interface CutFrame {
  readonly frame: Frame;
  readonly payload: Uint8Array | undefined;
}

/** Cuts a batch into frames, in order; undefined for a frame of control facts only. */
export type FrameCutter = (
  header: FrameHeader,
  batch: Batch | undefined,
  channel: ChannelId,
) => readonly CutFrame[];

/** Embedded: one frame per batch; nothing is encoded. */
export const cutByReference: FrameCutter = (header, batch) => [
  {
    frame: {
      prevLineage: header.prevLineage,
      watermark: header.watermark,
      idle: header.idle,
      end: header.end,
      barrier: header.barrier,
      batch,
    },
    payload: undefined,
  },
];

/** @param maxBytes largest encoded frame */
export function createEncodingCutter(maxBytes: number): FrameCutter {
  // One writer per edge: channels of an edge carry the same kind of record, so they share its estimate.
  const writers = new Map<string, FrameWriter>();
  return (header, batch, channel) => {
    const edge = channel.slice(0, channel.lastIndexOf(":"));
    let writer = writers.get(edge);
    if (writer === undefined) {
      writer = new FrameWriter({ edge, maxBytes });
      writers.set(edge, writer);
    }
    return writer.write(header, batch);
  };
}
