// FailureHandler — what happens with a record whose user function throws: the operator's `onError` policy.
//
// Owns:      counting of skipped records, and the dead letters of the batch that runs.
// Does not:  undo anything. A keyed operator rolls its state and timers back before it asks here.
import { createBatch } from "../core/batch.ts";
import { EngineError, InvariantError, isEngineError, toError } from "../core/errors.ts";
import { shortJson } from "../core/short-json.ts";
import { DEAD_LETTER_TAG, type DeadLetter, type OperatorContext } from "./operator.ts";

/** A function of the job threw and the operator's policy is `fail`. Repeating cannot help: the record stays the same. */
export class UserFunctionError extends EngineError<"USER_FUNCTION"> {
  /** @param where position in its source of input that never became a record */
  constructor(operator: string, record: unknown, cause: unknown, where?: string) {
    const error = toError(cause);
    const shown = where === undefined ? shortJson(record) : `${shortJson(record)} (${where})`;
    super(
      "USER_FUNCTION",
      `operator "${operator}" failed at record ${shown}: ${error.message}; ` +
        'correct the function, or set the operator\'s onError to "skip" or "deadLetter" to go on without such records',
      { details: { operator, record: shown }, cause },
    );
  }
}

/** Applies the `onError` policy of one operator instance. */
export class FailureHandler {
  readonly #context: OperatorContext;
  #letters: DeadLetter[] = [];
  #timestamps: number[] = [];

  constructor(context: OperatorContext) {
    this.#context = context;
  }

  /** Whether a throwing function ends the partition: then nothing needs to be undone afterwards. */
  get fails(): boolean {
    return this.#context.onError === "fail";
  }

  /**
   * Applies the policy to `record`: throws, counts, or keeps a dead letter until {@link flush}.
   *
   * @param timestamp event time of the record in epoch ms, when it has one
   * @param where position of the record in its source, when it never became one
   * @throws {UserFunctionError} under `fail`; an EngineError as it is
   * @throws {InvariantError} as it is under every policy: a defect of the engine is not a property of the record
   */
  handle(error: unknown, record: unknown, timestamp: number | undefined, where?: string): void {
    if (error instanceof InvariantError) throw error;
    const { operator, metrics, onError } = this.#context;
    switch (onError) {
      case "fail":
        // Errors of the engine (a state value that cannot be stored, a wrong timer) name their operator and remedy.
        if (isEngineError(error)) throw error;
        throw new UserFunctionError(operator, record, error, where);
      case "skip":
        metrics.skipped++;
        return;
      case "deadLetter":
        metrics.deadLetters++;
        if (this.#context.side(DEAD_LETTER_TAG) === undefined) return;
        this.#letters.push(deadLetter(operator, record, timestamp, where, error));
        this.#timestamps.push(timestamp ?? Number.NaN);
    }
  }

  /** Hands the collected dead letters to the side receiver. Called at the end of every batch and of every timer slice. */
  flush(): void {
    if (this.#letters.length === 0) return;
    const letters = this.#letters;
    const timestamps = this.#timestamps;
    this.#letters = [];
    this.#timestamps = [];
    // A stream has event time for all of its records or for none.
    const timed = timestamps.every((timestamp) => !Number.isNaN(timestamp));
    this.#context.side(DEAD_LETTER_TAG)?.onBatch(createBatch(letters, timed ? timestamps : undefined));
  }
}

function deadLetter(
  operator: string,
  record: unknown,
  timestamp: number | undefined,
  where: string | undefined,
  thrown: unknown,
): DeadLetter {
  const error = toError(thrown);
  const code = (error as { code?: unknown }).code;
  return {
    error: { name: error.name, message: error.message, code: typeof code === "string" ? code : undefined },
    operator,
    record,
    position: where ?? (timestamp === undefined ? "no event time" : `event time ${timestamp}`),
  };
}
