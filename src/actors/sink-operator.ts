// SinkOperator — the end of a chain: hands records to a sink's writer and takes part in the epoch.

import type { Json, Prepared, Sink, SinkContext, SinkWriter } from "../connectors/contract.ts";
import type { Batch } from "../core/batch.ts";
import { EngineError, isEngineError, toError } from "../core/errors.ts";
import type { OperatorMetrics, Receiver } from "../operators/operator.ts";

/** A sink refused records or could not make them safe. */
export class SinkFailedError extends EngineError<"SINK_FAILED"> {
  constructor(sink: string, step: string, cause: Error) {
    super(
      "SINK_FAILED",
      `sink "${sink}": ${step} failed: ${cause.message}; see to what it writes to: nothing after the last commit counts as written`,
      { retry: "partition", details: { sink, step }, cause },
    );
  }
}

export class SinkOperator implements Receiver {
  readonly name: string;
  readonly #writer: SinkWriter<unknown>;
  readonly #metrics: OperatorMetrics;

  private constructor(name: string, writer: SinkWriter<unknown>, metrics: OperatorMetrics) {
    this.name = name;
    this.#writer = writer;
    this.#metrics = metrics;
  }

  /** @throws {SinkFailedError} also an EngineError of the sink as it is */
  static async open(
    name: string,
    sink: Sink<unknown>,
    metrics: OperatorMetrics,
    context: SinkContext,
  ): Promise<SinkOperator> {
    try {
      return new SinkOperator(name, await sink.open(context), metrics);
    } catch (thrown) {
      throw failureOf(name, "open", thrown);
    }
  }

  onBatch(batch: Batch): void {
    this.#metrics.recordsIn += batch.values.length;
    try {
      this.#writer.write(batch.values, batch.timestamps);
    } catch (thrown) {
      throw this.#failure("write", thrown);
    }
  }

  onWatermark(): void {}

  /** Seals the epoch; see SinkWriter.prepare. */
  prepare(): Prepared | Promise<Prepared> {
    try {
      const prepared = this.#writer.prepare();
      if (!(prepared instanceof Promise)) return prepared;
      return heard(prepared, (thrown) => this.#failure("prepare", thrown));
    } catch (thrown) {
      throw this.#failure("prepare", thrown);
    }
  }

  committed(): void | Promise<void> {
    try {
      const done = this.#writer.committed();
      if (!(done instanceof Promise)) return;
      return heard(done, (thrown) => this.#failure("committed", thrown));
    } catch (thrown) {
      throw this.#failure("committed", thrown);
    }
  }

  async close(graceful: boolean): Promise<void> {
    await this.#writer.close(graceful);
  }

  #failure(step: string, thrown: unknown): Error {
    return failureOf(this.name, step, thrown);
  }
}

function failureOf(sink: string, step: string, thrown: unknown): Error {
  return isEngineError(thrown) ? thrown : new SinkFailedError(sink, step, toError(thrown));
}

/** The caller may give up before it looks at the promise, because another sink throws: no rejection may end the process. */
function heard<T>(promise: Promise<T>, toFailure: (thrown: unknown) => Error): Promise<T> {
  const translated = promise.catch((thrown: unknown) => {
    throw toFailure(thrown);
  });
  translated.catch(() => {});
  return translated;
}

/** Name of the meta field that keeps a sink's token. */
export function sinkTokenField(sink: string): string {
  return `sink:${sink}`;
}

export function parseSinkToken(text: string | undefined): Json | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}
