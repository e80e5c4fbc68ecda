// Verdicts — what conditions say about the current record: asked once per record where the answer does not depend on the run.
import type { MatchBuffer } from "./match-buffer.ts";
import type { NumberedCondition } from "./place.ts";
import type { CapturesByName, ConditionContext } from "./stage.ts";

const UNKNOWN = 0;
const YES = 1;
const NO = 2;

const NO_CAPTURES: CapturesByName = Object.freeze({});

export class Verdicts {
  readonly #buffer: MatchBuffer;
  readonly #refuse: (result: unknown) => void;
  readonly #known: Uint8Array;
  readonly #context: { timestamp: number | undefined; nowMs: number } & ConditionContext = {
    timestamp: undefined,
    nowMs: 0,
  };
  #record: unknown = undefined;

  /**
   * @param conditions how many there are
   * @param refuse called with an answer that is an object
   */
  constructor(conditions: number, buffer: MatchBuffer, refuse: (result: unknown) => void) {
    this.#known = new Uint8Array(conditions);
    this.#buffer = buffer;
    this.#refuse = refuse;
  }

  begin(record: unknown, timestamp: number | undefined, nowMs: number): void {
    this.#known.fill(UNKNOWN);
    this.#record = record;
    this.#context.timestamp = timestamp;
    this.#context.nowMs = nowMs;
  }

  /** @param entry the last of the run that asks; 0 for none */
  holds(condition: NumberedCondition, entry: number): boolean {
    if (condition.iterative) return this.#ask(condition, this.#buffer.captures(entry));
    const known = this.#known[condition.index];
    if (known !== UNKNOWN) return known === YES;
    const verdict = this.#ask(condition, NO_CAPTURES);
    this.#known[condition.index] = verdict ? YES : NO;
    return verdict;
  }

  #ask(condition: NumberedCondition, captures: CapturesByName): boolean {
    const result: unknown = condition.test(this.#record, captures, this.#context);
    if (typeof result === "object") this.#refuse(result);
    return Boolean(result);
  }
}
