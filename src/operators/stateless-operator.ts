// StatelessOperator — what map, filter and flatMap share: metrics per batch, failures, side outputs, watermarks.
import type { Batch } from "../core/batch.ts";
import { EngineError } from "../core/errors.ts";
import { FailureHandler } from "./failure.ts";
import type { Operator, OperatorContext } from "./operator.ts";
import { RecordCursor } from "./record-context.ts";

/** A function that must answer at once returned a promise. */
export class AsyncFunctionError extends EngineError<"ASYNC_FUNCTION"> {
  constructor(operator: string, kind: string) {
    super(
      "ASYNC_FUNCTION",
      `operator "${operator}": the function of ${kind} returned a promise; ${kind} takes a function that returns its result directly, ` +
        "so remove async, or do the waiting in asyncMap, lookup, a source or a sink",
      { details: { operator, kind } },
    );
  }
}

/**
 * The loop over records belongs to the subclass: a shared one would call it through a closure per record.
 * `try` stands outside of that loop; after a failure the loop is entered again behind the failed record.
 */
export abstract class StatelessOperator<F> implements Operator {
  protected readonly context: OperatorContext;
  protected readonly fn: F;
  protected readonly cursor: RecordCursor;
  readonly #failures: FailureHandler;

  constructor(context: OperatorContext, fn: F) {
    this.context = context;
    this.fn = fn;
    this.cursor = new RecordCursor(context);
    this.#failures = new FailureHandler(context);
  }

  onBatch(batch: Batch): void {
    const { metrics, output } = this.context;
    metrics.recordsIn += batch.values.length;
    this.cursor.enter(batch);
    const result = this.process(batch);
    if (result !== undefined) {
      metrics.recordsOut += result.values.length;
      output.onBatch(result);
    }
    this.cursor.leave(batch);
    this.#failures.flush();
  }

  onWatermark(watermark: number): void {
    this.context.output.onWatermark(watermark);
  }

  /** @returns the output, never empty; undefined for none */
  protected abstract process(batch: Batch): Batch | undefined;

  /** Applies the policy to record `index` and forgets what it sent to side outputs. @throws under `fail` */
  protected fail(error: unknown, batch: Batch, index: number): void {
    this.cursor.index = index;
    this.cursor.discardCurrent();
    if (error instanceof AsyncFunctionError) throw error;
    this.#failures.handle(error, batch.values[index], batch.timestamps?.[index]);
  }
}
