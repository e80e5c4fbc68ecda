// Decoded keys — with a key codec the engine works on the key's text; here user code gets the key itself back.
//
// Owns:      the way back from text to key, at the two places where a key is seen: contexts and `{ key, value }` results.
// Does not:  encode: the edge into the stage does, once per record (keyed-binding.ts).
import type { Batch } from "../core/batch.ts";
import type { KeyedOperatorContext, Receiver } from "../operators/operator.ts";
import { type AnyProcessContext, ForwardingProcessContext } from "./forwarding-process-context.ts";
import type { KeyCodec } from "./key-codec.ts";

/** A process context that shows the decoded key. One per operator instance; everything else is passed through. */
export class DecodedKeyContext extends ForwardingProcessContext {
  readonly #codec: KeyCodec<unknown>;
  #text: string | undefined;
  #key: unknown;

  constructor(inner: AnyProcessContext, codec: KeyCodec<unknown>) {
    super(inner);
    this.#codec = codec;
  }

  /** Decoded once per run of records with the same key, and only when asked for. */
  override get key(): unknown {
    const text = this.inner.key as string;
    if (text !== this.#text) {
      this.#key = this.#codec.decode(text);
      this.#text = text;
    }
    return this.#key;
  }
}

/** The operator's context with an output in which the `key` of every result is decoded. Side outputs stay as they are. */
export function decodingResults(
  context: KeyedOperatorContext,
  codec: KeyCodec<unknown>,
): KeyedOperatorContext {
  return {
    operator: context.operator,
    partition: context.partition,
    parallelism: context.parallelism,
    clock: context.clock,
    metrics: context.metrics,
    onError: context.onError,
    keyGroups: context.keyGroups,
    startsEmpty: context.startsEmpty,
    cacheEntries: context.cacheEntries,
    timers: context.timers,
    watermark: context.watermark,
    encodesOnCommit: context.encodesOnCommit,
    output: decodingReceiver(context.output, codec),
    side: (tag) => context.side(tag),
  };
}

function decodingReceiver(output: Receiver, codec: KeyCodec<unknown>): Receiver {
  return {
    onBatch(batch: Batch) {
      const values = batch.values.map((result) => {
        const keyed = result as { readonly key: string };
        return { ...keyed, key: codec.decode(keyed.key) };
      });
      output.onBatch({ ...batch, values, keys: undefined });
    },
    onWatermark(watermark) {
      output.onWatermark(watermark);
    },
  };
}
