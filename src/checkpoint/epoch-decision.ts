// The epoch decision — step 7 of the walk: when the open epoch of a partition closes.
//
// Natural batching: with an idle input every record commits at once; under load the commit in flight makes the next
// epoch grow, up to its bounds in age, bytes and writes.
/** What the decision looks at. */
export interface EpochFacts {
  /** A commit (or a sink's prepare) is in flight; one at a time. */
  readonly inFlight: boolean;
  /** Something happened since the last close that others can see: outputs, state, timers, sink records. */
  readonly material: boolean;
  /** Positions or control facts moved, but nothing else. */
  readonly moved: boolean;
  /** Since the first change of the open epoch. */
  readonly ageMs: number;
  readonly bytes: number;
  readonly writes: number;
  /** No input is waiting at this moment. */
  readonly drained: boolean;
  /** The partition stops or has ended: close whatever is there. */
  readonly closing: boolean;
}

export interface EpochBounds {
  readonly commitIntervalMs: number;
  readonly epochBytes: number;
  readonly epochWrites: number;
}

/** An epoch that only moved positions may wait this many commit intervals: repeating its work is cheap. */
const IMMATERIAL_PATIENCE = 5;

export type EpochVerdict =
  | { readonly kind: "close" }
  /** Take no more input until the commit in flight is answered. */
  | { readonly kind: "full" }
  /** Look again after so long at the latest; undefined: nothing to commit. */
  | { readonly kind: "grow"; readonly recheckMs: number | undefined };

export function decideEpoch(facts: EpochFacts, bounds: EpochBounds): EpochVerdict {
  if (!facts.material && !facts.moved && !facts.closing) return { kind: "grow", recheckMs: undefined };
  const full = facts.bytes >= bounds.epochBytes || facts.writes >= bounds.epochWrites;
  if (facts.inFlight) return full ? { kind: "full" } : { kind: "grow", recheckMs: undefined };
  if (full || facts.closing) return { kind: "close" };
  if (facts.material && facts.drained) return { kind: "close" };
  const patienceMs = bounds.commitIntervalMs * (facts.material ? 1 : IMMATERIAL_PATIENCE);
  if (facts.ageMs >= patienceMs) return { kind: "close" };
  return { kind: "grow", recheckMs: patienceMs - facts.ageMs };
}
