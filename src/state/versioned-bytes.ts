// Versioned bytes — the version that wrote a value, in front of the bytes of its codec: LEB128, so one byte up to 127.
//
//   stored = version  bytes of the codec
//
// Hot: one comparison per value of a fetch. What is written on the way to Redis goes through PackBuffer.versioned.

/** @returns the version; NaN when there is none */
export function versionOf(stored: Uint8Array): number {
  const first = stored[0];
  if (first === undefined) return Number.NaN;
  return first < 128 ? first : longVersion(stored);
}

/** What the codec wrote: the same memory. */
export function bodyOf(stored: Uint8Array): Uint8Array {
  let at = 0;
  while ((stored[at] as number) > 127) at++;
  return stored.subarray(at + 1);
}

function longVersion(stored: Uint8Array): number {
  let version = 0;
  let scale = 1;
  for (const byte of stored) {
    version += (byte & 127) * scale;
    if (byte < 128) return version;
    scale *= 128;
  }
  return Number.NaN;
}

/** A copy of what the codec wrote, with its version in front. */
export function versionedBytes(version: number, body: Uint8Array): Uint8Array {
  const prefix: number[] = [];
  let rest = version;
  for (; rest > 127; rest = Math.floor(rest / 128)) prefix.push(128 + (rest % 128));
  prefix.push(rest);
  const stored = new Uint8Array(prefix.length + body.length);
  stored.set(prefix);
  stored.set(body, prefix.length);
  return stored;
}
