// Decoded keys — with a key codec the engine works on the key's text; here user code gets the key itself back.
//
// Owns:      the way back from text to key, at the two places where user code or its readers see a key.
// Does not:  encode: the edge's `keyOf` does, once per record (keyed-binding.ts).
import type { Batch } from "../core/batch.ts";
import type { ProcessContext, ProcessTimers } from "../operators/keyed-process.ts";
import type { Receiver } from "../operators/operator.ts";
import type { KeyCodec } from "./key-codec.ts";
