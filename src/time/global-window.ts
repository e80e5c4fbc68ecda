// globalWindow — one window per key for all of time. It never closes: only a trigger makes it emit.

/** All records of a key in one window. */
export interface GlobalAssigner {
  readonly kind: "global";
  /** It has no end in any time. */
  readonly time: undefined;
}

const GLOBAL: GlobalAssigner = Object.freeze({ kind: "global", time: undefined });

/** One window per key that never ends; say with `.trigger(...)` when it emits. */
export function globalWindow(): GlobalAssigner {
  return GLOBAL;
}
