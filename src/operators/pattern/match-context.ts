// MatchContext — what the function of a pattern sees beside the match.
import type { SideTag } from "../side-tag.ts";

/** What the function of a pattern sees beside the match: one object per operator instance, valid until it returns. */
export interface MatchContext<K> {
  readonly key: K;
  /**
   * Event time of the result in epoch ms: of the record with which the match was known, or when the time of an absence
   * was over. In processing time that of the record, if it has one.
   */
  readonly timestamp: number | undefined;
  /** Later records are strictly newer, in epoch ms. */
  readonly watermark: number;
  /** Wall clock in epoch ms. */
  readonly nowMs: number;
  /** Sends a value to a side output, with {@link timestamp}. */
  side<T>(tag: SideTag<T>, value: T): void;
}

export class CurrentMatch implements MatchContext<unknown> {
  key: unknown = undefined;
  timestamp: number | undefined = undefined;
  watermark = 0;
  nowMs = 0;
  readonly #side: (tag: string, value: unknown, timestamp: number | undefined) => void;

  constructor(side: (tag: string, value: unknown, timestamp: number | undefined) => void) {
    this.#side = side;
  }

  side<T>(tag: SideTag<T>, value: T): void {
    this.#side(tag.tag, value, this.timestamp);
  }
}
