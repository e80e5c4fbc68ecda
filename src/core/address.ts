// Address — where in a partition's state something stands: a key, with a namespace in front where a state has one.
//
// Addresses are storage fields and parts of timer members, so the encoding is injective, and decodable.
// Law K4 (docs/laws.md): no two addresses share a field, also after UTF-8, and a field tells its address.
//
// Plain keys start with a letter or `0` (see encodeKey); a namespace starts with its length, a digit from 1 to 9.
import { decodeKey, encodeKey, type PrimitiveKey } from "./key-group.ts";

/** Divides the state of one key, for example by window. `1` and `"1"` are different namespaces. */
export type Namespace = string | number | undefined;

export interface Address {
  readonly namespace: Namespace;
  readonly key: PrimitiveKey;
}

/** @throws {UnsupportedKeyError} when key or namespace has no stable identity */
export function encodeAddress(namespace: Namespace, key: unknown, operator?: string): string {
  const keyText = encodeKey(key, operator);
  if (namespace === undefined) return keyText;
  const namespaceText = encodeKey(namespace, operator);
  return `${namespaceText.length}:${namespaceText}${keyText}`;
}

/** The inverse of {@link encodeAddress}. */
export function decodeAddress(text: string): Address {
  const first = text.charCodeAt(0);
  if (first < 49 || first > 57) return { namespace: undefined, key: decodeKey(text) };
  const colon = text.indexOf(":");
  const keyStart = colon + 1 + Number(text.slice(0, colon));
  return {
    namespace: decodeKey(text.slice(colon + 1, keyStart)) as Namespace,
    key: decodeKey(text.slice(keyStart)),
  };
}
