// HoldingOperator — what operators that wait share: which records are held, and what a commit carries of them.
//
// Owns:      the held records, the watermarks that wait behind them, the policy for records that failed.
// Does not:  make requests (the subclasses do, through CallPool), decide who may leave (ExitOrder), or know where a commit
//            stands.
//
// Laws (docs/laws.md)
//   Y1  The result of each record leaves exactly once, whatever is restarted after whichever commit.
//   Y5  What is stored after a commit is exactly the records whose results the commit does not carry.
//   Y6  All requests for a record that a commit has stored have the same id, and no two records share one.
import { type Batch, MIN_WATERMARK } from "../../core/batch.ts";
import type { Codec } from "../../core/codec.ts";
import { InvariantError } from "../../core/errors.ts";
import { decodeKey, encodeKey, keyGroupOf } from "../../core/key-group.ts";
import type { StateLoad, StateWrites } from "../../core/ports/state-backend.ts";
import { Collector } from "../collector.ts";
import { FailureHandler } from "../failure.ts";
import { AsyncFunctionError } from "../stateless-operator.ts";
import type { AsyncOperator, AsyncOperatorContext, RequestFigures } from "./async-operator.ts";
import type { CallCounts } from "./call-pool.ts";
import type { Exit, ExitOrder } from "./exit-order.ts";
import { HeldList, HeldRecord, heldCodec, parseNumber, type StoredRecord } from "./held-record.ts";

/** Name of the state, and the one address in it: records are told apart by their entry. */
export const HELD_STATE = "held";
const FIELD = encodeKey(HELD_STATE);

export interface HoldingParts {
  /** Of its own for each operator. */
  readonly exit: ExitOrder;
  /** Records come with keys, and are stored in the key groups of these; else in the first one of the partition. */
  readonly keyed: boolean;
  /** How records are stored. */
  readonly codec: Codec<unknown>;
}

export abstract class HoldingOperator implements AsyncOperator, Exit {
  protected readonly context: AsyncOperatorContext;
  protected readonly output: Collector;
  readonly list: HeldList = new HeldList();
  readonly #exit: ExitOrder;
  readonly #keyed: boolean;
  readonly #codec: Codec<StoredRecord>;
  readonly #failures: FailureHandler;
  /** Settled since results last left; a few of them may still have to wait. */
  #settled: HeldRecord[] = [];
  /** Stored records whose result has left. */
  #gone: HeldRecord[] = [];
  #unstored = 0;
  #seq = 0;
  /** Last watermark of the input, and of the output. */
  #watermark = MIN_WATERMARK;
  #told = MIN_WATERMARK;
  /** Of the results not yet flushed; 0 when unknown. */
  #ingestMs = 0;
  /** Monotonic clock in ms when the batch at hand came. */
  #takenMs = 0;

  constructor(context: AsyncOperatorContext, { exit, keyed, codec }: HoldingParts) {
    this.context = context;
    this.#exit = exit;
    this.#keyed = keyed;
    this.#codec = heldCodec(codec, keyed);
    this.#failures = new FailureHandler(context);
    this.output = new Collector(context.output, context.metrics);
  }

  // What an operator does

  /** Takes the records of a batch: each is held, or its result emitted at once where {@link mayPass}. */
  protected abstract take(batch: Batch): void;
  /** Asks for the results of records that an earlier attempt held. */
  protected abstract resume(records: readonly HeldRecord[]): void;
  /** Emits what comes of a settled record. A throwing function is handled by the operator's policy. */
  protected abstract emitResult(held: HeldRecord): void;
  /** The held records that were not stored before are in the epoch that closes. */
  protected onStored(_records: readonly HeldRecord[]): void {}

  abstract readonly isFull: boolean;
  abstract readonly isDue: boolean;
  abstract readonly awaitsCommit: boolean;
  abstract acknowledge(): void;
  abstract close(): void;
  protected abstract readonly calls: CallCounts;
  /** Takes what came from outside. */
  protected abstract advanceCalls(): void;

  // Records

  get held(): number {
    return this.list.size;
  }

  get requests(): RequestFigures {
    const { inFlight, retries, timeouts } = this.calls;
    const { first, size } = this.list;
    const oldestMs = first === undefined ? null : this.context.clock.monotonicMs() - first.takenMs;
    const { operator } = this.context;
    return { operator, inFlight, held: size, oldestMs, retries, timeouts };
  }

  onBatch(batch: Batch): void {
    this.context.metrics.recordsIn += batch.values.length;
    this.#takenMs = this.context.clock.monotonicMs();
    this.take(batch);
    this.#release();
  }

  onWatermark(watermark: number): void {
    this.#watermark = Math.max(this.#watermark, watermark);
    this.#release();
  }

  advance(): void {
    this.advanceCalls();
    this.#release();
  }

  /** Something is settled that no turn has looked at. */
  protected get hasSettled(): boolean {
    return this.#settled.length > 0;
  }

  /** Whether the result of a record that comes now may leave before those that are held. */
  protected get mayPass(): boolean {
    return this.#exit.mayPass(this);
  }

  protected hold(batch: Batch, index: number): HeldRecord {
    const { keyGroups, lineage } = this.context;
    const key = this.#keyed ? (batch.keys as unknown[])[index] : undefined;
    const keyGroup = this.#keyed ? keyGroupOf(key) : keyGroups.first;
    const stored = {
      key,
      record: batch.values[index],
      timestamp: batch.timestamps?.[index],
      watermark: this.#watermark,
    };
    const held = new HeldRecord(stored, lineage, ++this.#seq, keyGroup, this.#takenMs);
    held.ingestMs = batch.ingestMs;
    if (batch.traces !== undefined) held.trace = batch.traces.find((mark) => mark.index === index);
    this.#append(held);
    this.#unstored++;
    return held;
  }

  #append(held: HeldRecord): void {
    this.list.append(held);
    this.#exit.hold?.(held);
  }

  /** @param outcome the result, or the error of a record that failed */
  protected settle(held: HeldRecord, failed: boolean, outcome: unknown): void {
    if (failed && this.#failures.fails) this.#failures.handle(outcome, held.record, held.timestamp);
    held.isSettled = true;
    held.failed = failed;
    held.outcome = outcome;
    this.#settled.push(held);
  }

  /** Takes back what the record emitted, and applies the policy. @throws under `fail` */
  protected fail(error: unknown, record: unknown, timestamp: number | undefined): void {
    if (!this.#failures.fails) this.output.rollback();
    // The function is wrong for every record: no policy about records can be meant.
    if (error instanceof AsyncFunctionError) throw error;
    this.#failures.handle(error, record, timestamp);
  }

  /** Lets go of everything that may leave, and tells the watermarks between. */
  #release(): void {
    const settled = this.#settled;
    if (settled.length > 0) this.#settled = [];
    this.#exit.release(this, settled);
    this.#flush();
  }

  // Exit

  get watermark(): number {
    return this.#watermark;
  }

  get told(): number {
    return this.#told;
  }

  tell(watermark: number): void {
    if (watermark <= this.#told) return;
    this.#flush();
    this.#told = watermark;
    this.context.output.onWatermark(watermark);
  }

  leave(held: HeldRecord): void {
    this.list.remove(held);
    held.isGone = true;
    if (held.isStored) this.#gone.push(held);
    else this.#unstored--;
    this.noteIngest(held.ingestMs);
    if (held.failed) {
      this.#failures.handle(held.outcome, held.record, held.timestamp);
      return;
    }
    if (!this.#failures.fails) this.output.mark();
    this.output.trace = held.trace;
    try {
      this.emitResult(held);
    } catch (error) {
      this.fail(error, held.record, held.timestamp);
    }
    this.output.trace = undefined;
  }

  #flush(): void {
    this.output.flush(this.#ingestMs);
    this.#ingestMs = 0;
    this.#failures.flush();
  }

  protected noteIngest(ingestMs: number): void {
    if (this.#ingestMs === 0 || (ingestMs !== 0 && ingestMs < this.#ingestMs)) this.#ingestMs = ingestMs;
  }

  // State

  storedState(): readonly StateLoad[] {
    const { keyGroups, operator, startsEmpty } = this.context;
    if (startsEmpty) return [];
    const loads: StateLoad[] = [];
    for (let keyGroup = keyGroups.first; keyGroup < keyGroups.end; keyGroup++)
      loads.push({
        operator,
        state: HELD_STATE,
        shape: "map",
        keyGroup,
        codec: this.#codec as Codec<unknown>,
        fields: [FIELD],
        results: [],
        outdated: [],
      });
    return loads;
  }

  supply(loads: readonly StateLoad[]): void {
    const records = loads.flatMap((load) => this.#restore(load)).sort(byAcceptance);
    for (const held of records) {
      this.#append(held);
      this.#watermark = Math.max(this.#watermark, held.watermark);
    }
    if (records.length > 0) this.resume(records);
  }

  #restore({ results, outdated, keyGroup }: StateLoad): HeldRecord[] {
    const entries = results[0] as ReadonlyMap<string, StoredRecord> | undefined;
    if (entries === undefined) return [];
    const nowMs = this.context.clock.monotonicMs();
    return [...entries].map(([entry, stored]) => {
      const number = parseNumber(decodeKey(entry));
      if (number === undefined)
        throw new InvariantError("held records are stored under their numbers", {
          operator: this.context.operator,
          entry,
        });
      const held = new HeldRecord(stored, number.lineage, number.seq, keyGroup, nowMs);
      // What an earlier version of the codec wrote is written anew.
      held.isStored = outdated.length === 0;
      if (!held.isStored) this.#unstored++;
      return held;
    });
  }

  get pendingWrites(): number {
    return this.#unstored + this.#gone.length;
  }

  collectWrites(into: StateWrites[]): void {
    const changed = new Map<number, Map<string, StoredRecord | undefined>>();
    const entriesOf = (keyGroup: number): Map<string, StoredRecord | undefined> => {
      let entries = changed.get(keyGroup);
      if (entries === undefined) {
        entries = new Map();
        changed.set(keyGroup, entries);
      }
      return entries;
    };
    for (const { keyGroup, number } of this.#gone) entriesOf(keyGroup).set(encodeKey(number), undefined);
    this.#gone = [];
    this.onStored(this.#storeNew(entriesOf));
    for (const [keyGroup, entries] of changed)
      into.push({
        operator: this.context.operator,
        keyGroup,
        scalars: [],
        maps: [
          { state: HELD_STATE, codec: this.#codec as Codec<unknown>, field: FIELD, clear: false, entries },
        ],
        lists: [],
        timerAdds: [],
        timerRemoves: [],
      });
  }

  /** A record is encoded by one commit only, however many it outlasts. */
  #storeNew(entriesOf: (keyGroup: number) => Map<string, StoredRecord | undefined>): HeldRecord[] {
    const stored: HeldRecord[] = [];
    if (this.#unstored === 0) return stored;
    for (let held = this.list.first; held !== undefined; held = held.after) {
      if (held.isStored) continue;
      const { key, record, timestamp, watermark } = held;
      entriesOf(held.keyGroup).set(encodeKey(held.number), { key, record, timestamp, watermark });
      held.isStored = true;
      stored.push(held);
    }
    this.#unstored = 0;
    return stored;
  }
}

/** Partitions that come together keep their own order; watermarks never go back. */
function byAcceptance(a: HeldRecord, b: HeldRecord): number {
  return order(a.watermark, b.watermark) || a.lineage - b.lineage || a.seq - b.seq;
}

/** Watermarks may be infinite, and so have no difference. */
function order(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
