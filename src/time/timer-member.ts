// Timer members — a timer as text, for storage: kind, registration number, time, namespace and key. Injective.
import { type Address, decodeAddress, encodeAddress, type Namespace } from "../core/address.ts";
import { invariant } from "../core/errors.ts";

/** `cleanup` and `eventCleanup` timers are the engine's own: they remove expired state, in processing and in event time. */
export type TimerKind = "event" | "processing" | "cleanup" | "eventCleanup";

export interface Timer {
  readonly kind: TimerKind;
  readonly namespace: Namespace;
  readonly key: unknown;
  /** Epoch ms. */
  readonly time: number;
}

const LETTERS: Readonly<Record<TimerKind, string>> = {
  event: "e",
  processing: "p",
  cleanup: "c",
  eventCleanup: "x",
};
const KINDS: Readonly<Record<string, TimerKind>> = {
  e: "event",
  p: "processing",
  c: "cleanup",
  x: "eventCleanup",
};

/** A timer as its stored member tells it. */
export interface DecodedTimer extends Address {
  readonly kind: TimerKind;
  /** Number of its registration. */
  readonly order: number;
  readonly time: number;
}

/** Member text: kind letter, registration number in base 36, `:`, time, `:`, address. Injective. */
export function encodeTimer(
  kind: TimerKind,
  order: number,
  time: number,
  namespace: Namespace,
  key: unknown,
): string {
  return `${LETTERS[kind]}${order.toString(36)}:${time}:${encodeAddress(namespace, key)}`;
}

/** The inverse of {@link encodeTimer}. */
export function decodeTimer(member: string): DecodedTimer {
  const first = member.indexOf(":");
  const second = member.indexOf(":", first + 1);
  const kind = KINDS[member[0] ?? ""];
  invariant(kind !== undefined && second > 0, "a stored timer can be read", { member });
  return {
    kind,
    order: Number.parseInt(member.slice(1, first), 36),
    time: Number(member.slice(first + 1, second)),
    ...decodeAddress(member.slice(second + 1)),
  };
}
