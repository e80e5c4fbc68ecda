// PartitionLoop — what a partition that is open does, turn by turn: one unit of work (a batch, then time), then the
// decision whether the epoch closes. Steps 3 to 7 of the walk (ARCHITECTURE.md).
//
// Owns:      the order of things within a turn; the open epoch; when the partition is at its end.
// Does not:  take mail, or know the partition's life (PartitionActor); run operators (WorkRunner); commit (EpochWriter).
//
// Invariants
//   P1  A unit of work is taken only when the one before it is done; positions move with it. So an epoch never closes
//       between the taking of a batch and its processing.
//   P2  At most one commit is in flight; frames are handed to consumers only after it was acknowledged.
import { decideEpoch } from "../checkpoint/epoch-decision.ts";
import { MIN_WATERMARK } from "../core/batch.ts";
import type { Clock } from "../core/clock.ts";
import { toError } from "../core/errors.ts";
import type { ChannelId, PartitionId } from "../core/ids.ts";
import { Alarm } from "./alarm.ts";
import { EpochWriter } from "./epoch-writer.ts";
import type { HeadHost, HeadWork } from "./head.ts";
import { IntakeGate } from "./intake-gate.ts";
import type { PartitionEnvironment } from "./partition-environment.ts";
import type { OpenPartition } from "./partition-opening.ts";
import type { WaitReason } from "./time-account.ts";
import { WorkRunner } from "./work-runner.ts";

/** After so much work in a turn others get theirs before the epoch is encoded: that takes about as long again. */
const LONG_WORK_MS = 4;

export interface LoopParts
  extends Pick<PartitionEnvironment, "settings" | "clock" | "telemetry" | "memory" | "backlog" | "exchange"> {
  readonly partition: PartitionId;
  /** The partition reads a source. */
  readonly readsSource: boolean;
  readonly host: HeadHost;
  /** Asks for a turn. */
  readonly wake: () => void;
  readonly onRefused: (reason: string) => void;
  /** Everything is durable and the sinks have acted on it. */
  readonly onOver: (outcome: "ended" | "stopped") => void;
}

export class PartitionLoop {
  readonly #open: OpenPartition;
  readonly #parts: LoopParts;
  readonly #clock: Clock;
  readonly #gate: IntakeGate;
  readonly #runner: WorkRunner;
  readonly #writer: EpochWriter;
  /** For the open epoch: when it is old enough, or control facts may be told. */
  readonly #epochAlarm: Alarm;
  readonly #timerAlarm: Alarm;
  /** The unit of work at hand is the input's last. */
  #isLastWork = false;
  #isIdleWork = false;
  #full = false;
  #stopping = false;
  #inputEnded = false;
  /** All work is durable; sinks still act on it. */
  #settling = false;
  /** Sinks have acted on all work: the end may be told. */
  #settled = false;
  #moved = false;
  /** Whether the epoch closes is decided before anything else is done. */
  #decisionDue = false;
  #openedMs = 0;
  #isClosed = false;

  constructor(open: OpenPartition, parts: LoopParts) {
    const { partition, clock, exchange, host, wake } = parts;
    this.#open = open;
    this.#parts = parts;
    this.#clock = clock;
    this.#epochAlarm = new Alarm(clock, () => clock.monotonicMs(), wake);
    this.#timerAlarm = new Alarm(clock, () => open.clock.nowMs(), wake);
    this.#gate = new IntakeGate({
      outbound: open.outbound,
      bringsIn: parts.readsSource,
      memory: parts.memory,
      backlog: parts.backlog,
      exchange,
      wake,
    });
    this.#runner = new WorkRunner(open, {
      partition,
      host,
      clock,
      telemetry: parts.telemetry,
      timerSlice: parts.settings.timerSlice,
    });
    this.#writer = new EpochWriter(open, {
      partition,
      drains: !parts.readsSource,
      clock,
      exchange,
      host,
      onDurable: (final, told) => this.#onDurable(final, told),
      onRefused: parts.onRefused,
    });
  }

  /** Goes on where the attempt before stood. */
  begin(): void {
    // Timers up to the committed watermark may be left from a sliced firing; an ended input may have an open end.
    const { watermark, idle, ended } = this.#open.head;
    if (watermark > MIN_WATERMARK) this.#beginWork({ batch: undefined, input: 0, watermark, idle, ended });
  }

  /** All that has come is processed and durable, told to the sinks and to the consumers. */
  get isQuiet(): boolean {
    const { clock, head, outbound } = this.#open;
    const runner = this.#runner;
    const writer = this.#writer;
    const isWorking = runner.isBusy || runner.isLoading || runner.holdsRecords || this.#settling;
    const isCommitting = writer.isBusy || writer.isTelling || runner.isMaterial || this.#moved;
    const isTelling = outbound.bufferedRecords > 0 || outbound.nextControlMs() < Number.POSITIVE_INFINITY;
    return (
      !isWorking && !isCommitting && !isTelling && head.drained && runner.nextProcessingTime() > clock.nowMs()
    );
  }

  /** Records processed so far. */
  get records(): number {
    return this.#runner.records;
  }

  /** Epochs made durable so far. */
  get commits(): number {
    return this.#writer.commits;
  }

  /** Takes no more work: finishes and commits what is at hand, then it is over. */
  stop(): void {
    this.#stopping = true;
  }

  /** A consumer of this process has committed past `throughSeq`. */
  consumed(channel: ChannelId, throughSeq: number): void {
    this.#gate.onConsumed(channel, throughSeq);
  }

  /** Nothing is done any more. */
  close(): void {
    this.#isClosed = true;
    this.#epochAlarm.clear();
    this.#timerAlarm.clear();
    this.#writer.cancel();
    this.#gate.close();
  }

  /** One turn. @returns undefined when there is more to do, else why there is not */
  step(): WaitReason | undefined {
    if (this.#decisionDue) {
      this.#decisionDue = false;
      this.#considerCommit();
      return undefined;
    }
    const startMs = this.#clock.monotonicMs();
    this.#advanceAsync();
    const waiting = this.#runner.isBusy ? this.#continueWork() : this.#takeWork();
    if (this.#isClosed) return waiting;
    this.#decisionDue = this.#clock.monotonicMs() - startMs > LONG_WORK_MS;
    if (this.#decisionDue) return undefined;
    this.#considerCommit();
    return waiting;
  }

  #takeWork(): WaitReason | undefined {
    const runner = this.#runner;
    if (this.#stopping || this.#inputEnded) return "commitWait";
    // The input is over; requests are under way.
    if (this.#isLastWork) return "idle";
    if (this.#full || this.#writer.isPreparing) return "commitWait";
    if (runner.isLoading) return "stateWait";
    if (this.#gate.holdsBack() || runner.isFull) return "backpressured";
    this.#touch();
    if (runner.fireProcessingTime()) return runner.isLoading ? "stateWait" : undefined;
    const work = this.#open.head.next();
    if (work === undefined) return "idle";
    this.#beginWork(work);
    return this.#continueWork();
  }

  #beginWork(work: HeadWork): void {
    this.#touch();
    this.#moved = true;
    this.#isLastWork = work.ended;
    this.#isIdleWork = work.idle;
    this.#runner.begin(work);
  }

  #continueWork(): WaitReason | undefined {
    const runner = this.#runner;
    switch (runner.advance(this.#mayEmit && !runner.isFull)) {
      case "loading":
        return "stateWait";
      case "held":
        return runner.isFull ? "backpressured" : "commitWait";
      case "slice":
        return undefined;
      case "done":
        this.#concludeWork();
        return undefined;
    }
  }

  /** Between units of work: the epoch has room, and the heap need not stay as it is. */
  get #mayEmit(): boolean {
    return !this.#full && !this.#writer.isPreparing && !this.#stopping;
  }

  /** What requests have brought leaves in this turn. */
  #advanceAsync(): void {
    const runner = this.#runner;
    if (!runner.isAsyncDue || !this.#mayEmit || this.#inputEnded) return;
    this.#touch();
    this.#moved = true;
    runner.advanceAsync();
    if (!runner.isBusy) this.#concludeWork();
  }

  /** Records whose requests are under way are older than idleness and the end, which wait for them. */
  #concludeWork(): void {
    const { outbound } = this.#open;
    const holds = this.#runner.holdsRecords;
    outbound.setIdle(this.#isIdleWork && !holds);
    if (!this.#isLastWork || holds) return;
    this.#inputEnded = true;
    outbound.end();
  }

  /** The open epoch starts with its first change. */
  #touch(): void {
    if (!this.#runner.isMaterial && !this.#moved) this.#openedMs = this.#clock.monotonicMs();
  }

  #considerCommit(): void {
    const open = this.#open;
    const runner = this.#runner;
    // P1: positions have moved past a batch that is not processed yet.
    if (runner.isBeforeBatch || this.#writer.isPreparing || this.#settling) return;
    const { settings } = this.#parts;
    const monotonicMs = this.#clock.monotonicMs();
    const records = open.outbound.bufferedRecords;
    const controlMs = open.outbound.nextControlMs();
    const controlDue = controlMs <= monotonicMs;
    const closing = this.#inputEnded ? !runner.isBusy : this.#stopping;
    const verdict = decideEpoch(
      {
        inFlight: this.#writer.isBusy,
        material: runner.isMaterial || records > 0 || controlDue || runner.awaitsCommit,
        moved: this.#moved,
        ageMs: monotonicMs - this.#openedMs,
        bytes: records === 0 ? 0 : open.outbound.bufferedBytes,
        writes: this.#pendingWrites(),
        drained: !runner.isBusy && (open.head.drained || runner.awaitsCommit),
        closing,
      },
      settings,
    );
    this.#full = verdict.kind === "full";
    if (verdict.kind === "close") this.#closeEpoch();
    else if (verdict.kind === "grow")
      this.#lookAgainAt(Math.min(monotonicMs + (verdict.recheckMs ?? Number.POSITIVE_INFINITY), controlMs));
    this.#timerAlarm.setAt(runner.nextProcessingTime());
  }

  #pendingWrites(): number {
    let writes = 0;
    for (const operator of this.#open.chain.stateful) writes += operator.pendingWrites;
    return writes;
  }

  /** The answer of a commit on its way wakes the partition anyway. */
  #lookAgainAt(monotonicMs: number): void {
    if (!this.#writer.isBusy) this.#epochAlarm.setAt(monotonicMs);
  }

  /** Step 7. */
  #closeEpoch(): void {
    const open = this.#open;
    const isEmpty = !this.#runner.isMaterial && !this.#moved && open.outbound.bufferedRecords === 0;
    if (this.#stopping && !this.#inputEnded && isEmpty) {
      this.#parts.onOver("stopped");
      return;
    }
    this.#runner.clearMaterial();
    this.#moved = false;
    this.#epochAlarm.clear();
    const isLast = this.#inputEnded && !this.#runner.isBusy;
    // A partition that has ended is never opened again, and so are its sinks: the end is an epoch of its own, after them.
    this.#writer.close(isLast && (open.sinks.length === 0 || this.#settled));
  }

  /** @param told what sinks still do about this epoch and earlier ones */
  #onDurable(final: boolean, told: readonly Promise<void>[]): void {
    // What waited for this answer goes before it grows.
    this.#decisionDue ||= this.#full;
    this.#full = false;
    const acted = Promise.all(told);
    acted.catch((thrown: unknown) => this.#parts.host.fail(toError(thrown)));
    const isEmpty = !this.#runner.isMaterial && !this.#moved;
    if (final || (this.#stopping && !this.#inputEnded && isEmpty)) {
      this.#settling = true;
      acted.then(
        () => this.#parts.onOver(final ? "ended" : "stopped"),
        () => {},
      );
    } else if (this.#inputEnded && !this.#runner.isBusy && isEmpty) {
      this.#settling = true;
      acted.then(
        () =>
          this.#parts.host.post(() => {
            this.#settling = false;
            this.#settled = true;
          }),
        () => {},
      );
    } else {
      this.#parts.wake();
    }
  }
}
