// SinkOperator — the end of a chain: hands records to a sink's writer and takes part in the epoch.

import type { Json, Prepared, SinkWriter } from "../connectors/contract.ts";
import type { Batch } from "../core/batch.ts";
import { EngineError, isEngineError, toError } from "../core/errors.ts";
import type { OperatorMetrics, Receiver } from "../operators/operator.ts";

/** A sink refused records or could not make them safe. */
export class SinkFailedError extends EngineError<"SINK_FAILED"> {
  constructor(sink: string, step: string, cause: Error) {
    super(
      "SINK_FAILED",
      `sink "${sink}": ${step} failed: ${cause.message}; the partition goes back to its last commit and tries again`,
      { retry: "partition", details: { sink, step }, cause },
    );
  }
}

export class SinkOperator implements Receiver {
  readonly name: string;
  readonly #writer: SinkWriter<unknown>;
  readonly #metrics: OperatorMetrics;

  constructor(name: string, writer: SinkWriter<unknown>, metrics: OperatorMetrics) {
    this.name = name;
    this.#writer = writer;
    this.#metrics = metrics;
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
      return prepared.catch((thrown: unknown) => {
        throw this.#failure("prepare", thrown);
      });
    } catch (thrown) {
      throw this.#failure("prepare", thrown);
    }
  }

  committed(): void | Promise<void> {
    try {
      const done = this.#writer.committed();
      if (!(done instanceof Promise)) return;
      return done.catch((thrown: unknown) => {
        throw this.#failure("committed", thrown);
      });
    } catch (thrown) {
      throw this.#failure("committed", thrown);
    }
  }

  async close(graceful: boolean): Promise<void> {
    await this.#writer.close(graceful);
  }

  #failure(step: string, thrown: unknown): Error {
    if (isEngineError(thrown)) return thrown;
    return new SinkFailedError(this.name, step, toError(thrown));
  }
}

/** Name of the meta field that keeps a sink's token. */
export function sinkTokenField(sink: string): string {
  return `sink:${sink}`;
}

export function parseSinkToken(text: string | undefined): Json | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as Json);
}
