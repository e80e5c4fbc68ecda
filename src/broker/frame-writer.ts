// FrameWriter — cuts a batch into as few frames as fit the cap.
//
// Owns:      the estimate of bytes per record of one edge.
// Does not:  buffer records between calls, number entries.
//
// The size of a run of records is known only after encoding it. So the run is guessed from the size of the records
// before, encoded, and cut shorter or grown when the guess was bad. On a steady stream every run is encoded once.
//
// Laws (docs/laws.md)
//   F3  Cutting loses, repeats and reorders no record, and every frame respects the cap.
import type { Batch, Frame } from "../core/batch.ts";
import { sliceMarks } from "./trace-marks.ts";
import { encodeFrame, MAX_FRAME_BYTES } from "./wire.ts";
import { FrameTooLargeError } from "./wire-errors.ts";

/** What a batch tells besides its records. All but `prevLineage` and `watermark` go into the last frame only. */
export interface FrameHeader extends Omit<Frame, "batch"> {
  /** Lineage of the producer's session: what the second and later frames of this call follow on. */
  readonly lineage: number;
  /** The watermark before these records: the promise of every frame but the last, behind which records follow. */
  readonly sentWatermark: number;
}

export interface EncodedFrame {
  /** For consumers in this process. Its values are those of the batch, by reference, and so are its keys. */
  readonly frame: Frame;
  readonly payload: Buffer;
}

export interface FrameWriterOptions {
  /** The edge whose records are sent, for errors. */
  readonly edge: string;
  /** Largest frame in bytes. Default {@link MAX_FRAME_BYTES}. */
  readonly maxBytes?: number;
}

/** Until something was measured, a run of this many records shows how large they are. */
const FIRST_RUN = 64;
/** Runs are cut a little short of what the estimate allows: encoding a run again costs more than a free percent. */
const FILL = 0.97;
/** A frame fuller than this is left as it is. */
const FULL_ENOUGH = 0.8;
const MAX_GROWTHS = 3;

export class FrameWriter {
  readonly #edge: string;
  readonly #where: string;
  readonly #maxBytes: number;
  #bytesPerRecord: number | undefined;

  constructor(options: FrameWriterOptions) {
    this.#edge = options.edge;
    this.#where = `edge "${options.edge}"`;
    this.#maxBytes = options.maxBytes ?? MAX_FRAME_BYTES;
  }

  /** About how many records of this edge fit a frame; undefined before the first batch. */
  get recordsPerFrame(): number | undefined {
    if (this.#bytesPerRecord === undefined) return undefined;
    return Math.max(1, Math.floor((this.#maxBytes * FILL) / this.#bytesPerRecord));
  }

  /**
   * Encodes a batch, or control facts alone.
   *
   * @returns at least one frame, in the order of the records; the last one carries barrier, idle, end and watermark
   * @throws {FrameTooLargeError} when a single record does not fit
   * @throws {NotSerialisableError} when a record cannot be sent
   */
  write(header: FrameHeader, batch: Batch | undefined): EncodedFrame[] {
    if (batch === undefined || batch.values.length === 0)
      return [encoded(lastFrame(header, header.prevLineage, batch), this.#where)];
    const frames: EncodedFrame[] = [];
    const total = batch.values.length;
    let from = 0;
    while (from < total) {
      const prevLineage = from === 0 ? header.prevLineage : header.lineage;
      const next = this.#writeRun(header, prevLineage, batch, from);
      frames.push(next);
      from += next.frame.batch!.values.length;
    }
    return frames;
  }

  /** The longest run from `from` that is found to fit. */
  #writeRun(header: FrameHeader, prevLineage: number, batch: Batch, from: number): EncodedFrame {
    const left = batch.values.length - from;
    let fits: EncodedFrame | undefined;
    let tooMany = left + 1;
    let run = Math.min(left, this.recordsPerFrame ?? FIRST_RUN);
    for (let growths = 0; ; ) {
      const part = sliceBatch(batch, from, from + run);
      const frame =
        run === left ? lastFrame(header, prevLineage, part) : innerFrame(header, prevLineage, part);
      const candidate = encoded(frame, this.#where);
      const size = candidate.payload.length;
      this.#bytesPerRecord = size / run;
      if (size <= this.#maxBytes) {
        fits = candidate;
        const grown = Math.min(left, tooMany - 1, this.recordsPerFrame!);
        if (size >= this.#maxBytes * FULL_ENOUGH || grown <= run || growths === MAX_GROWTHS) return fits;
        growths++;
        run = grown;
      } else {
        if (fits !== undefined) return fits;
        if (run === 1) throw new FrameTooLargeError(this.#edge, size, this.#maxBytes);
        tooMany = run;
        run = Math.min(run - 1, this.recordsPerFrame!);
      }
    }
  }
}

function lastFrame(header: FrameHeader, prevLineage: number, batch: Batch | undefined): Frame {
  const { watermark, idle, end, barrier } = header;
  return { prevLineage, watermark, idle, end, barrier, batch };
}

function innerFrame(header: FrameHeader, prevLineage: number, batch: Batch): Frame {
  return { prevLineage, watermark: header.sentWatermark, idle: false, end: false, barrier: undefined, batch };
}

function encoded(frame: Frame, where: string): EncodedFrame {
  return { frame, payload: encodeFrame(frame, where) };
}

function sliceBatch(batch: Batch, from: number, end: number): Batch {
  if (from === 0 && end === batch.values.length) return batch;
  return {
    values: batch.values.slice(from, end),
    timestamps: batch.timestamps?.slice(from, end),
    keys: batch.keys?.slice(from, end),
    ingestMs: batch.ingestMs,
    traces: sliceMarks(batch.traces, from, end),
  };
}
