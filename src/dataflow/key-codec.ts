// KeyCodec — lets any value be a key: the engine sees its text, user code sees the value.

/**
 * Turns a key into text and back. The text is the key's identity: equal keys must give equal text, on every
 * machine and in every version of the job, and different keys different text.
 *
 * For plain data whose properties always come in the same order `{ encode: JSON.stringify, decode: JSON.parse }` will do.
 */
export interface KeyCodec<K> {
  encode(key: K): string;
  decode(text: string): K;
}
