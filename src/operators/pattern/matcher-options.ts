// What a matcher is told, and what it tells.
import type { MapCells } from "../../state/map-state.ts";
import type { PatternSkipError } from "./errors.ts";
import type { MatchBuffer } from "./match-buffer.ts";
import type { Places } from "./place.ts";
import type { Run } from "./run.ts";
import type { SkipStrategy } from "./skip-strategy.ts";

/** What a matcher finds; entries are valid until the call returns. */
export interface MatcherOutput {
  /** @param timestamp of its last record, or when the time of a trailing absence was over; epoch ms */
  onMatch(entry: number, timestamp: number): void;
  /** A match that cannot be told; where it returns, the match is dropped and rules nothing out. */
  onUnskippable(entry: number, timestamp: number, error: PatternSkipError): void;
  /** @param timestamp when its time was over, epoch ms */
  onTimedOut(run: Run, timestamp: number): void;
  /** A condition answered with an object. */
  refuse(result: unknown): void;
}

export interface MatcherOptions {
  readonly operator: string;
  readonly places: Places;
  readonly names: readonly string[];
  readonly withinMs: number | undefined;
  readonly skip: SkipStrategy;
  readonly runs: MapCells<number, Run>;
  readonly buffer: MatchBuffer;
  readonly output: MatcherOutput;
}
