// AssignTimestampsOperator — event time from here on: each record's own, and watermarks that follow from it.
//
// Owns:      the watermark that its partition has reached, which is committed with the records that made it, and what its
//            generator saves.
// Does not:  pass the watermarks of its input on. They speak of another time, or of none; only the end of the input is
//            the end of every time.
//
// Law T5  (docs/laws.md) After every batch the watermark is the highest that the strategy has promised for the records
//         until then, and it never decreases, whatever is restarted after whichever commit.
import { type Batch, createBatch, MAX_WATERMARK, MIN_WATERMARK } from "../core/batch.ts";
import { msgpackCodec } from "../core/codec.ts";
import { encodeKey } from "../core/key-group.ts";
import type { StateLoad, StateWrites } from "../core/ports/state-backend.ts";
import { type StateLayout, stateLayout, value } from "../state/descriptors.ts";
import { GuardedGenerator } from "../time/guarded-generator.ts";
import type { WatermarkStrategy } from "../time/watermark-strategies.ts";
import { restoreWatermark, type SavedWatermark, saveWatermark } from "../time/watermarks.ts";
import { selectRecords } from "./derived-batch.ts";
import { FailureHandler } from "./failure.ts";
import type { UnkeyedOperator, UnkeyedOperatorContext } from "./operator.ts";

export interface TimestampDefinition {
  /** Event time of a record in epoch ms; throws for one that has none. `timestamp`: the one it came with. */
  readonly timestampOf: (record: never, timestamp: number | undefined) => number;
  readonly watermarks: WatermarkStrategy<unknown>;
}

/** What a commit stores. */
interface Progress {
  readonly watermark: SavedWatermark;
  /** What the generator saved, as JSON; null for nothing. Text: the generator may go on changing the object. */
  readonly generator: string | null;
}

const PROGRESS_STATE = "progress";
const FIELD = encodeKey(PROGRESS_STATE);

export function timestampLayout(): readonly StateLayout[] {
  return stateLayout({ [PROGRESS_STATE]: value<Progress>() });
}

export function assignTimestampsOperator(
  definition: TimestampDefinition,
): (context: UnkeyedOperatorContext) => UnkeyedOperator {
  return (context) => new AssignTimestampsOperator(context, definition);
}

class AssignTimestampsOperator implements UnkeyedOperator {
  readonly #context: UnkeyedOperatorContext;
  readonly #definition: TimestampDefinition;
  readonly #failures: FailureHandler;
  #generator: GuardedGenerator;
  #watermark = MIN_WATERMARK;
  /** Since the last commit. */
  #changed = false;

  constructor(context: UnkeyedOperatorContext, definition: TimestampDefinition) {
    this.#context = context;
    this.#definition = definition;
    this.#failures = new FailureHandler(context);
    this.#generator = this.#createGenerator(undefined);
  }

  onBatch(batch: Batch): void {
    const { metrics, output } = this.#context;
    metrics.recordsIn += batch.values.length;
    const stamped = this.#stamp(batch);
    const timestamps = stamped.timestamps as number[];
    if (timestamps.length > 0) {
      metrics.recordsOut += timestamps.length;
      const promised = this.#generator.observe(stamped.values, timestamps);
      this.#changed = true;
      output.onBatch(stamped);
      this.#advance(promised);
    }
    this.#failures.flush();
  }

  onWatermark(watermark: number): void {
    if (watermark === MAX_WATERMARK) this.#advance(watermark);
  }

  /** Records without a time are handled by the operator's policy and left out. */
  #stamp(batch: Batch): Batch {
    const { values, timestamps: given } = batch;
    const timestampOf = this.#definition.timestampOf as TimestampOf;
    const timestamps = new Array<number>(values.length);
    let kept: number[] | undefined; // undefined while that is all of them
    let at = 0;
    while (at < values.length) {
      try {
        for (; at < values.length; at++) {
          timestamps[at] = timestampOf(values[at], given?.[at]);
          kept?.push(at);
        }
      } catch (thrown) {
        this.#failures.handle(thrown, values[at], given?.[at]);
        kept ??= Array.from({ length: at }, (_, i) => i);
        at++;
      }
    }
    const stamped: Batch = { ...createBatch(values, timestamps, batch.ingestMs), traces: batch.traces };
    return kept === undefined ? stamped : selectRecords(stamped, kept);
  }

  #advance(watermark: number): void {
    if (watermark <= this.#watermark) return;
    this.#watermark = watermark;
    this.#changed = true;
    this.#context.output.onWatermark(watermark);
  }

  #createGenerator(saved: unknown): GuardedGenerator {
    const { operator, partition } = this.#context;
    return new GuardedGenerator(this.#definition.watermarks, `${operator}/${partition}`, saved);
  }

  // State

  storedState(): readonly StateLoad[] {
    const { keyGroups, operator, startsEmpty } = this.#context;
    if (startsEmpty) return [];
    return [
      {
        operator,
        state: PROGRESS_STATE,
        shape: "scalar",
        keyGroup: keyGroups.first,
        codec: msgpackCodec,
        fields: [FIELD],
        results: [],
        outdated: [],
      },
    ];
  }

  supply(loads: readonly StateLoad[]): void {
    const progress = loads[0]?.results[0] as Progress | undefined;
    if (progress === undefined) return;
    this.#watermark = restoreWatermark(progress.watermark);
    this.#generator = this.#createGenerator(
      progress.generator === null ? undefined : JSON.parse(progress.generator),
    );
  }

  get pendingWrites(): number {
    return this.#changed ? 1 : 0;
  }

  collectWrites(into: StateWrites[]): void {
    if (!this.#changed) return;
    this.#changed = false;
    const progress: Progress = {
      watermark: saveWatermark(this.#watermark),
      generator: JSON.stringify(this.#generator.save()) ?? null,
    };
    into.push({
      operator: this.#context.operator,
      keyGroup: this.#context.keyGroups.first,
      scalars: [{ state: PROGRESS_STATE, codec: msgpackCodec, fields: [FIELD], values: [progress] }],
      maps: [],
      lists: [],
      timerAdds: [],
      timerRemoves: [],
    });
  }

  acknowledge(): void {}
}

type TimestampOf = (record: unknown, timestamp: number | undefined) => number;
