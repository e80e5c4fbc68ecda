// Codec benchmark — how fast frames become bytes and back: columns against msgpackr with record structures.
//
// Both encode the same batches of the size of full frames with a timestamp per record and return bytes of their own;
// only ours adds a header and a checksum. Rates are those of the fastest round: noise of other processes only slows.
//
//   tsx bench/codec.ts [rounds]
import { pathToFileURL } from "node:url";
import { Packr } from "msgpackr";
import { decodeFrame, encodeFrame, MAX_FRAME_BYTES } from "../src/broker/wire.ts";
import type { Batch, Frame } from "../src/core/batch.ts";
import { createBatch } from "../src/core/batch.ts";
import type { Bid } from "../src/nexmark/events.ts";
import { createNexmarkGenerator } from "../src/nexmark/generator.ts";

export interface CodecBenchOptions {
  /** Records per round. Default 40,000. */
  readonly records?: number;
  /** Measured rounds per codec and direction; the best one counts. Default 15. */
  readonly rounds?: number;
}

export interface CodecRates {
  /** Millions of records per second. */
  readonly encodeMps: number;
  readonly decodeMps: number;
  readonly bytesPerRecord: number;
}

export interface CodecBenchResult {
  readonly workload: string;
  readonly recordsPerFrame: number;
  readonly columnar: CodecRates;
  readonly msgpackr: CodecRates;
}

/** What of a bid travels. Every call makes new objects, as a source does. */
const workloads: readonly (readonly [name: string, project: (bid: Bid) => unknown])[] = [
  ["full bids", (bid) => ({ ...bid })],
  ["auction, bidder, price", ({ auction, bidder, price }) => ({ auction, bidder, price })],
  ["[auction, bidder, price]", ({ auction, bidder, price }) => [auction, bidder, price]],
  ["price", ({ price }) => price],
  ["url", ({ url }) => url],
  ["bid in an envelope", (bid) => ({ event_type: 2, person: null, bid: { ...bid }, dateTime: bid.dateTime })],
];

/** A full frame, less the room for records above the mean. */
const FRAME_FILL = 0.95;
const WARM_UP_ROUNDS = 3;

export async function codecBench(options: CodecBenchOptions = {}): Promise<CodecBenchResult[]> {
  const records = options.records ?? 40_000;
  const rounds = options.rounds ?? 15;
  const bids = generateBids(records);
  const results: CodecBenchResult[] = [];
  for (const [workload, project] of workloads) {
    results.push(measureWorkload(workload, bids, project, rounds));
    // One workload's loops run for seconds: whoever waits for this process gets a turn in between.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return results;
}

function measureWorkload(
  workload: string,
  bids: readonly Bid[],
  project: (bid: Bid) => unknown,
  rounds: number,
): CodecBenchResult {
  const sample = frameOf(batchOf(bids.slice(0, 500), project));
  const recordsPerFrame = Math.floor((500 * MAX_FRAME_BYTES * FRAME_FILL) / encodeFrame(sample).length);
  const frames: Frame[] = [];
  for (let from = 0; from < bids.length; from += recordsPerFrame)
    frames.push(frameOf(batchOf(bids.slice(from, from + recordsPerFrame), project)));
  const packr = new Packr({ useRecords: true, moreTypes: true, copyBuffers: true });
  return {
    workload,
    recordsPerFrame,
    columnar: measure(frames, bids.length, rounds, (frame) => encodeFrame(frame), decodeFrame),
    msgpackr: measure(
      frames,
      bids.length,
      rounds,
      ({ batch }) => Buffer.from(packr.pack([batch!.values, batch!.timestamps])),
      (bytes) => packr.unpack(bytes) as unknown,
    ),
  };
}

function measure(
  frames: readonly Frame[],
  records: number,
  rounds: number,
  encode: (frame: Frame) => Buffer,
  decode: (bytes: Buffer) => unknown,
): CodecRates {
  const encoded = frames.map(encode);
  return {
    encodeMps: records / bestRoundUs(rounds, () => runAll(frames, encode)),
    decodeMps: records / bestRoundUs(rounds, () => runAll(encoded, decode)),
    bytesPerRecord: encoded.reduce((sum, bytes) => sum + bytes.length, 0) / records,
  };
}

function runAll<T>(inputs: readonly T[], step: (input: T) => unknown): void {
  for (const input of inputs) step(input);
}

function bestRoundUs(rounds: number, round: () => void): number {
  for (let i = 0; i < WARM_UP_ROUNDS; i++) round();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const startMs = performance.now();
    round();
    best = Math.min(best, (performance.now() - startMs) * 1_000);
  }
  return best;
}

function generateBids(count: number): Bid[] {
  const generator = createNexmarkGenerator();
  const bids: Bid[] = [];
  for (let n = 0; bids.length < count; n++) {
    const bid = generator.bid(n);
    if (bid !== undefined) bids.push(bid);
  }
  return bids;
}

function batchOf(bids: readonly Bid[], project: (bid: Bid) => unknown): Batch {
  return createBatch(
    bids.map(project),
    bids.map((bid) => bid.dateTime),
    1_700_000_000_000,
  );
}

function frameOf(batch: Batch): Frame {
  return { prevLineage: 1, watermark: 1_436_918_400_000, idle: false, end: false, barrier: undefined, batch };
}

function formatRates({ encodeMps, decodeMps, bytesPerRecord }: CodecRates): string {
  return `${encodeMps.toFixed(1).padStart(6)} ${decodeMps.toFixed(1).padStart(6)} ${bytesPerRecord.toFixed(1).padStart(6)}`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const rounds = Number(process.argv[2] ?? 15);
  console.log(
    "encode M/s, decode M/s, bytes per record".padEnd(44),
    "columns".padEnd(22),
    "msgpackr records",
  );
  for (const { workload, recordsPerFrame, columnar, msgpackr } of await codecBench({ rounds }))
    console.log(
      `${workload} (${recordsPerFrame} per frame)`.padEnd(44),
      formatRates(columnar).padEnd(22),
      formatRates(msgpackr),
    );
}
