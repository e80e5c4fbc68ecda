// Codec — how a value of user state becomes bytes, and which version wrote them.
//
// Law B1  Any plain data comes back exactly as it was; everything else is refused.
import { deserialize, serialize } from "node:v8";
import { Packr } from "msgpackr";
import { fitsMessagePack } from "./plain-data.ts";

/** Turns values into bytes and back. `name` and `version` are stored beside the job's state layout. */
export interface Codec<T> {
  readonly name: string;
  /** Positive integer; raise it when the layout of T changes. */
  readonly version: number;
  encode(value: T): Uint8Array;
  decode(bytes: Uint8Array): T;
  /** Reads what earlier versions wrote; without it nothing but `version` is read. */
  readonly older?: OlderVersions<T> | undefined;
}

/** How values of earlier versions become values of the current one. */
export interface OlderVersions<T> {
  /** The codecs that wrote them, by version: without gap, up to the version before the current one. */
  readonly codecs: Readonly<Record<number, string>>;
  /** @param version one of {@link codecs} */
  decode(version: number, bytes: Uint8Array): T;
}

// Record structures stand in each value itself, so bytes can be decoded by any process and version.
const packr = new Packr({ useRecords: true, moreTypes: true, copyBuffers: true });

/** No MessagePack begins with this byte; behind it stands V8's structured serialisation. */
const STRUCTURED = 0xc1;

/**
 * MessagePack for any plain data, without loss; what MessagePack would change is serialised by V8 instead.
 * `encode` throws {@link NotSerialisableError} for what is no plain data.
 */
export const msgpackCodec: Codec<unknown> = {
  name: "msgpack",
  version: 1,
  encode(value) {
    if (fitsMessagePack([value], "a value of state")) return packr.pack(value);
    const bytes = serialize(value);
    return Buffer.concat([Buffer.of(STRUCTURED), bytes]);
  },
  // A copy: V8 makes typed arrays as views into the bytes they were read from.
  decode: (bytes) =>
    bytes[0] === STRUCTURED ? deserialize(Buffer.from(bytes.subarray(1))) : packr.unpack(bytes),
};
