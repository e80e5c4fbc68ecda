// Whether a worker process that ended without a word is replaced. Pure.

export interface RespawnPolicy {
  /** Pause before the first replacement; doubled for each crash in a row. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** More crashes in a row than this are not answered any more. */
  readonly maxCrashes: number;
  /** A process that worked for so long was no part of a row: whoever kills workers now and then may go on with it. */
  readonly healthyMs: number;
}

/** The first replacement comes at once, since the crash may be a kill; a row of them ends the run within seconds. */
export const defaultRespawnPolicy: RespawnPolicy = {
  baseDelayMs: 100,
  maxDelayMs: 5_000,
  maxCrashes: 5,
  healthyMs: 3_000,
};

export type RespawnVerdict =
  | { readonly kind: "respawn"; readonly delayMs: number; readonly crashes: number }
  | { readonly kind: "give-up"; readonly crashes: number };

/**
 * @param crashes in a row, before this one
 * @param workedMs time since the process had its first partition running; 0 when it never had
 */
export function decideRespawn(
  crashes: number,
  workedMs: number,
  policy: RespawnPolicy = defaultRespawnPolicy,
): RespawnVerdict {
  const inRow = workedMs >= policy.healthyMs ? 1 : crashes + 1;
  if (inRow > policy.maxCrashes) return { kind: "give-up", crashes: inRow };
  const delayMs = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (inRow - 1));
  return { kind: "respawn", delayMs, crashes: inRow };
}
