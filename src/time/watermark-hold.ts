// WatermarkHold — which input a partition's watermark stands by: what status and explain tell.

/** Why an input does not raise the watermark now. */
export type HoldState =
  /** Its records are being taken. */
  | "active"
  /** A split that is asked for records and brings none. */
  | "silent"
  /** A split that is not read, because it is ahead of its alignment group. */
  | "aligned"
  /** Declared idle, as are all other inputs of the partition. */
  | "idle"
  /** The source gives no event time: it never promises anything. */
  | "untimed";

/** The input of a partition that its watermark stands by: the slowest one, or when all are idle the furthest. */
export interface WatermarkHold {
  readonly kind: "split" | "channel";
  /** Id of the split or of the channel. */
  readonly input: string;
  /** The input's own watermark in epoch ms; null before its first. */
  readonly watermark: number | null;
  /** Wall clock in epoch ms since when the input has that watermark, or since when it has been read. */
  readonly sinceMs: number;
  readonly state: HoldState;
}
