// JoinContext — what a join function may know beside its two rows. One object per operator instance.

/** Valid only while the join function runs. */
export interface JoinContext<K> {
  readonly key: K;
  /** Event time of the result in epoch ms; undefined when there is none. */
  readonly timestamp: number | undefined;
  /** Event time of the left row in epoch ms; undefined when there is no left row, or it has no event time. */
  readonly leftTimestamp: number | undefined;
  readonly rightTimestamp: number | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the types of rows, key and result met where the user called
export type AnyJoinFunction<O = unknown> = (left: any, right: any, context: JoinContext<any>) => O;

/** From the engine's key to the user's; undefined when they are the same. */
export type DecodeKey = ((key: unknown) => unknown) | undefined;

/** Decodes once per run of records with the same key. */
export class DecodedKey {
  readonly #decode: DecodeKey;
  #text: unknown = undefined;
  #key: unknown = undefined;

  constructor(decode: DecodeKey) {
    this.#decode = decode;
  }

  of(key: unknown): unknown {
    if (this.#decode === undefined) return key;
    if (key !== this.#text) {
      this.#key = this.#decode(key);
      this.#text = key;
    }
    return this.#key;
  }
}

export class CurrentJoin implements JoinContext<unknown> {
  timestamp: number | undefined = undefined;
  leftTimestamp: number | undefined = undefined;
  rightTimestamp: number | undefined = undefined;
  readonly #keyNow: () => unknown;
  readonly #decoded: DecodedKey;

  /** @param keyNow the engine's key of the record or timer at hand */
  constructor(keyNow: () => unknown, decode: DecodeKey) {
    this.#keyNow = keyNow;
    this.#decoded = new DecodedKey(decode);
  }

  get key(): unknown {
    return this.#decoded.of(this.#keyNow());
  }
}

/** The later one of two times, of which each may be missing. */
export function laterOf(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined || b < a ? a : b;
}
