// EpochWriter — step 7 of the walk: seals an epoch, prepares its sinks, commits it, and acts on the answer.
//
// Owns:      the number of the next epoch and the one that is on its way.
// Does not:  decide when an epoch closes (the partition actor does), or how it is stored (StateBackend).
//
// Law P2  At most one epoch is on its way; its frames and its news go out only after it is durable.
import type { LocalExchange } from "../broker/local-exchange.ts";
import type { Prepared } from "../connectors/contract.ts";
import type { Clock } from "../core/clock.ts";
import { toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import { CommitFailedError, PartitionFencedError, SessionEndedError } from "../core/partition-errors.ts";
import {
  type ChannelTrim,
  type CommitAnswer,
  ENDED_FIELD,
  type EpochCommit,
  type MetaField,
  type StateWrites,
} from "../core/ports/state-backend.ts";
import type { HeadHost } from "./head.ts";
import { type OpenPartition, PROCESSING_TIME_FIELD } from "./partition-opening.ts";
import { type SinkOperator, sinkTokenField } from "./sink-operator.ts";

/** Waits before a refused commit is sent again: from the first to the longest, doubling. */
const FIRST_RESEND_MS = 25;
const LAST_RESEND_MS = 1_000;

export interface EpochWriterParts {
  readonly partition: PartitionId;
  /** The partition frees memory by consuming: its commits are taken although Redis is full. */
  readonly drains: boolean;
  readonly clock: Clock;
  readonly exchange: LocalExchange;
  readonly host: HeadHost;
  /** @param told what sinks still do about this epoch and earlier ones */
  readonly onDurable: (final: boolean, told: readonly Promise<void>[]) => void;
  /** The store refuses writes for now; the commit is sent again by itself. */
  readonly onRefused: (reason: string) => void;
}

export class EpochWriter {
  readonly #open: OpenPartition;
  readonly #parts: EpochWriterParts;
  #seq: number;
  #inFlight = false;
  #preparing = false;
  #commits = 0;
  #refusals = 0;
  #cancelResend: (() => void) | undefined;
  /** What sinks still do about durable epochs: a later epoch may be told to them before they are done. */
  readonly #told = new Set<Promise<void>>();

  constructor(open: OpenPartition, parts: EpochWriterParts) {
    this.#open = open;
    this.#parts = parts;
    this.#seq = open.handle.attached.seq;
  }

  /** An epoch is on its way. */
  get isBusy(): boolean {
    return this.#inFlight;
  }

  /** Sinks still act on epochs that are durable. */
  get isTelling(): boolean {
    return this.#told.size > 0;
  }

  /** Sinks seal their part: until they have, the heap must stay as it is. */
  get isPreparing(): boolean {
    return this.#preparing;
  }

  /** Epochs made durable by this attempt. */
  get commits(): number {
    return this.#commits;
  }

  /** @param final the partition ends with this epoch */
  close(final: boolean): void {
    this.#inFlight = true;
    const prepared = this.#open.sinks.map((sink) => sink.prepare());
    if (!prepared.some((each) => each instanceof Promise)) {
      this.#commit(prepared as Prepared[], final);
      return;
    }
    this.#preparing = true;
    Promise.all(prepared).then(
      (done) =>
        this.#parts.host.post(() => {
          this.#preparing = false;
          this.#commit(done, final);
        }),
      (thrown: unknown) => this.#parts.host.fail(toError(thrown)),
    );
  }

  /** The attempt is over: nothing is sent again. */
  cancel(): void {
    this.#cancelResend?.();
  }

  #commit(prepared: readonly Prepared[], final: boolean): void {
    const { head, chain, clock, outbound, sinks } = this.#open;
    const meta: MetaField[] = [];
    const trims: ChannelTrim[] = [];
    head.collectProgress(meta, trims);
    const state: StateWrites[] = [];
    for (const operator of chain.stateful) operator.collectWrites(state);
    const outputs = outbound.seal(this.#parts.clock.monotonicMs());
    for (const [i, each] of prepared.entries())
      if (each.token !== undefined) meta.push([sinkTokenField(sinks[i]!.name), JSON.stringify(each.token)]);
    const processingTime = clock.takeHighest();
    if (processingTime !== undefined) meta.push([PROCESSING_TIME_FIELD, String(processingTime)]);
    if (final) meta.push([ENDED_FIELD, "1"]);
    const appends = prepared.flatMap((each) => each.appends ?? []);
    this.#send({ seq: ++this.#seq, drain: this.#parts.drains, outputs, state, trims, appends, meta }, final);
  }

  /** @param epoch the same object again after a refusal: its bytes are kept, whatever the heap became meanwhile */
  #send(epoch: EpochCommit, final: boolean): void {
    const answer = this.#open.handle.commit(epoch);
    if (answer instanceof Promise)
      void answer.then((settled) => this.#parts.host.post(() => this.#onAnswer(epoch, final, settled)));
    else this.#onAnswer(epoch, final, answer);
  }

  /** The table of protocol.md section 6.5. */
  #onAnswer(epoch: EpochCommit, final: boolean, answer: CommitAnswer): void {
    const { partition, host } = this.#parts;
    switch (answer.kind) {
      case "OK":
        this.#open.outbound.onLengths(epoch.outputs, answer.lengths);
        this.#onDurable(epoch, final);
        return;
      case "DUP":
        this.#onDurable(epoch, final);
        return;
      case "FENCED":
        host.fail(new PartitionFencedError(partition));
        return;
      case "HISTORY":
        host.fail(new SessionEndedError(new Error("the history of the Redis server changed")));
        return;
      case "ROLLBACK":
        host.fail(
          new CommitFailedError(partition, epoch.seq, new Error(`the stored epoch is ${answer.stored}`)),
        );
        return;
      case "REFUSED":
        this.#sendLater(epoch, final, answer.reason);
        return;
      case "LOST":
        host.fail(new SessionEndedError(answer.cause));
    }
  }

  /** Refused before the first write (memory, disk, replicas): only time helps; the open epoch fills up and then waits. */
  #sendLater(epoch: EpochCommit, final: boolean, reason: string): void {
    const { clock, host, onRefused } = this.#parts;
    onRefused(reason);
    const delayMs = Math.min(FIRST_RESEND_MS * 2 ** this.#refusals, LAST_RESEND_MS);
    this.#refusals++;
    this.#cancelResend = clock.after(delayMs, () => host.post(() => this.#send(epoch, final)));
  }

  #onDurable(epoch: EpochCommit, final: boolean): void {
    const { chain, head, sinks } = this.#open;
    this.#inFlight = false;
    this.#refusals = 0;
    this.#commits++;
    for (const operator of chain.stateful) operator.acknowledge();
    this.#parts.exchange.deliver(epoch.outputs);
    head.onCommitted(epoch.trims);
    for (const sink of sinks) this.#tell(sink);
    this.#parts.onDurable(final, [...this.#told]);
  }

  #tell(sink: SinkOperator): void {
    const acted = sink.committed();
    if (!(acted instanceof Promise)) return;
    this.#told.add(acted);
    acted.then(
      () => this.#told.delete(acted),
      () => {}, // stays, and fails whoever waits for it
    );
  }
}
