// Settings of the engine: every option with unit, default and reason.

export interface EngineSettings {
  /** An epoch is committed at the latest this long after its first change. Larger amortises, smaller shows results sooner. */
  readonly commitIntervalMs: number;
  /** An epoch is committed when its outputs reach about this many bytes: bounds what one script call holds up. */
  readonly epochBytes: number;
  /** An epoch is committed when it changed this many state entries and timers. */
  readonly epochWrites: number;
  /** A partition stops reading when one of its output channels holds more entries than this. */
  readonly highEntries: number;
  /** ... or more bytes than this. It goes on when all are below half of both. */
  readonly highBytes: number;
  /** Frames that wait decoded in one partition's mailbox. */
  readonly mailboxFrames: number;
  /** Most records per frame, in memory and on the wire. */
  readonly frameRecords: number;
  /** Largest encoded frame. 65,280 fits an allocation class of Redis; 16,128 favours latency. */
  readonly frameBytes: number;
  /** Most records a source hands over in one turn. */
  readonly sourceBatchRecords: number;
  /** A channel without records gets the watermark at most this often. */
  readonly watermarkIntervalMs: number;
  /** Most timers fired in one turn: a million due timers fire in slices. Fewer when those of a slice take longer than 8 ms. */
  readonly timerSlice: number;
  /** State entries held in the heap per keyed operator and partition. */
  readonly cacheEntries: number;
}

export const defaultSettings: EngineSettings = {
  commitIntervalMs: 20,
  epochBytes: 1_000_000,
  epochWrites: 2_000,
  highEntries: 64,
  highBytes: 4_000_000,
  mailboxFrames: 64,
  frameRecords: 4_096,
  frameBytes: 65_280,
  sourceBatchRecords: 1_024,
  watermarkIntervalMs: 20,
  timerSlice: 1_000,
  cacheEntries: 200_000,
};
