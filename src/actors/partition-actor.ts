// PartitionActor — step 3 of the walk, the spine: one partition of one stage, from attach to its last commit.
//
// Owns:      the order of things: control mail, then one unit of work per turn (batch, then time), then the decision
//            whether the epoch closes; the commit in flight; the life cycle.
// Does not:  know where work comes from (Head), what operators do, or how a commit is stored (StateBackend).
//
// Invariants
//   P1  A unit of work is taken only when the one before it is done; positions move with it. So an epoch never closes
//       between the taking of a batch and its processing.
//   P2  At most one commit is in flight; frames are handed to consumers only after it was acknowledged.
//   P3  Crash-only: after any doubt the attempt is dropped with its heap; a new attempt reads the committed state.

import type { InboundMail } from "../broker/inbound.ts";
import { decideEpoch } from "../checkpoint/epoch-decision.ts";
import { MIN_WATERMARK } from "../core/batch.ts";
import { toError } from "../core/errors.ts";
import { type ChannelId, type PartitionId, partitionId } from "../core/ids.ts";
import type { LifecycleState } from "../core/lifecycle.ts";
import type { StagePlan } from "../plan/plan.ts";
import { Alarm } from "./alarm.ts";
import { EpochWriter } from "./epoch-writer.ts";
import type { HeadWork } from "./head.ts";
import { IntakeGate } from "./intake-gate.ts";
import type { Dispatcher, Turnable, TurnResult } from "./kernel/dispatcher.ts";
import { Mailbox } from "./kernel/mailbox.ts";
import type { PartitionEnvironment, PartitionEvents } from "./partition-environment.ts";
import { type PartitionState, partitionLifecycle } from "./partition-lifecycle.ts";
import type { PartitionMetrics } from "./partition-metrics.ts";
import { type OpenPartition, openPartition } from "./partition-opening.ts";
import { TimeAccount, type WaitReason } from "./time-account.ts";
import { WorkRunner } from "./work-runner.ts";

export class PartitionActor implements Turnable {
  readonly id: PartitionId;
  readonly stage: StagePlan;
  readonly index: number;
  readonly #env: PartitionEnvironment;
  readonly #events: PartitionEvents;
  readonly #dispatcher: Dispatcher;
  readonly #life: LifecycleState<PartitionState>;
  readonly #account: TimeAccount;
  readonly #mailbox: Mailbox<() => void, InboundMail>;
  #open: OpenPartition | undefined;
  #writer: EpochWriter | undefined;

  #runner: WorkRunner | undefined;
  #gate: IntakeGate | undefined;
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
  #openedMs = 0;
  /** For the open epoch: when it is old enough, or control facts may be told. */
  readonly #epochAlarm: Alarm;
  readonly #timerAlarm: Alarm;
  #onStopped: (() => void)[] = [];

  constructor(env: PartitionEnvironment, events: PartitionEvents, stage: StagePlan, index: number) {
    this.id = partitionId(stage.id, index);
    this.stage = stage;
    this.index = index;
    this.#env = env;
    this.#events = events;
    this.#dispatcher = env.dispatcher;
    this.#life = partitionLifecycle.create(this.id, "created");
    const { clock } = env;
    const wake = (): void => this.#wake();
    this.#account = new TimeAccount(clock.monotonicMs());
    this.#epochAlarm = new Alarm(clock, () => clock.monotonicMs(), wake);
    this.#timerAlarm = new Alarm(clock, () => clock.nowMs(), wake);
    this.#mailbox = new Mailbox(env.settings.mailboxFrames);
  }

  get state(): PartitionState {
    return this.#life.current;
  }

  /** All that has come is processed and durable, told to the sinks and to the consumers. */
  get isQuiet(): boolean {
    if (this.#life.current === "ended") return true;
    if (this.#life.current !== "running") return false;
    const { head, outbound } = this.#open!;
    const runner = this.#runner!;
    const writer = this.#writer!;
    const isWorking = runner.isBusy || runner.isLoading || runner.holdsRecords || this.#settling;
    const isCommitting = writer.isBusy || writer.isTelling || runner.isMaterial || this.#moved;
    const isTelling = outbound.bufferedRecords > 0 || outbound.nextControlMs() < Number.POSITIVE_INFINITY;
    return (
      !isWorking &&
      !isCommitting &&
      !isTelling &&
      head.drained &&
      runner.nextProcessingTime() > this.#env.clock.nowMs()
    );
  }

  /** Attaches and opens everything; the outcome comes through the events. @param assignmentVersion from the coordinator */
  async start(assignmentVersion: number): Promise<void> {
    this.#life.to("restoring");
    try {
      const host = {
        post: (action: () => void) => this.#post(action),
        fail: (error: Error) => this.#fail(error),
        consumed: (channel: ChannelId, throughSeq: number) => this.#gate?.onConsumed(channel, throughSeq),
      };
      const open = await openPartition(
        this.#env,
        this.stage,
        this.index,
        assignmentVersion,
        host,
        this.#mailbox,
      );
      if (this.#isOver) {
        await open.discard();
        return;
      }
      this.#open = open;
      this.#gate = new IntakeGate({
        outbound: open.outbound,
        bringsIn: this.stage.source !== undefined,
        memory: this.#env.memory,
        backlog: this.#env.backlog,
        exchange: this.#env.exchange,
        wake: () => this.#wake(),
      });
      this.#runner = new WorkRunner(open, {
        partition: this.id,
        host,
        clock: this.#env.clock,
        telemetry: this.#env.telemetry,
        timerSlice: this.#env.settings.timerSlice,
      });
      this.#writer = new EpochWriter(open, {
        partition: this.id,
        drains: this.stage.source === undefined,
        clock: this.#env.clock,
        exchange: this.#env.exchange,
        host,
        onDurable: (final, told) => this.#onDurable(final, told),
        onRefused: (reason) => this.#events.onCommitRefused(this.id, reason),
      });
      if (open.alreadyEnded) {
        await this.#finish("ended");
        return;
      }
      // Timers up to the committed watermark may be left from a sliced firing; an ended input may have an open end.
      if (open.head.watermark > MIN_WATERMARK)
        this.#beginWork({
          batch: undefined,
          input: 0,
          watermark: open.head.watermark,
          idle: open.head.idle,
          ended: open.head.ended,
        });
      this.#life.to("running");
      this.#events.onRunning(this.id);
      this.#wake();
    } catch (thrown) {
      this.#fail(toError(thrown));
    }
  }

  /**
   * Drains: finishes the unit of work, commits, gives the partition back.
   * Resolves when the partition is stopped, ended or failed.
   */
  async stop(): Promise<void> {
    if (this.#isOver) return;
    const stopped = new Promise<void>((resolve) => this.#onStopped.push(resolve));
    if (this.#life.current === "running") this.#life.to("draining");
    this.#stopping = true;
    if (this.#life.current === "restoring" || this.#life.current === "created") await this.#finish("stopped");
    else this.#wake();
    await stopped;
  }

  /** Drops the attempt at once, as if the process had died. */
  abandon(): void {
    if (this.#isOver) return;
    this.#life.to("failed");
    void this.#cleanUp(false);
  }

  turn(): TurnResult {
    const { clock } = this.#env;
    this.#account.onTurnStart(clock.monotonicMs());
    let reason: WaitReason | undefined;
    try {
      reason = this.#step();
    } catch (thrown) {
      this.#fail(toError(thrown));
      reason = "idle";
    }
    this.#account.onTurnEnd(clock.monotonicMs(), reason ?? "idle");
    return reason === undefined ? "again" : "wait";
  }

  metrics(): PartitionMetrics {
    const open = this.#open;
    let recordsOut = 0;
    let unconsumed = 0;
    for (const channel of open?.outbound.channels ?? []) {
      recordsOut += channel.recordsOut;
      unconsumed += channel.unconsumedEntries;
    }
    return {
      partition: this.id,
      stage: this.stage.id,
      state: this.#life.current,
      recordsIn: this.#runner?.records ?? 0,
      recordsOut,
      watermark: open?.head.watermark ?? MIN_WATERMARK,
      hold: this.#life.current === "ended" ? undefined : open?.head.hold,
      backlogEntries: unconsumed,
      mailboxEntries: this.#mailbox.dataCount,
      commits: this.#writer?.commits ?? 0,
      time: this.#account.read(this.#env.clock.monotonicMs()),
      operators: Object.fromEntries(open?.metrics ?? []),
    };
  }

  get #isOver(): boolean {
    const state = this.#life.current;
    return state === "ended" || state === "stopped" || state === "failed";
  }

  #wake(): void {
    if (!this.#isOver) this.#dispatcher.wake(this);
  }

  #post(action: () => void): void {
    if (this.#isOver) return;
    this.#mailbox.post(action);
    this.#wake();
  }

  /** One turn. @returns undefined when there is more to do, else why there is not */
  #step(): WaitReason | undefined {
    for (let mail = this.#mailbox.takeControl(); mail !== undefined; mail = this.#mailbox.takeControl())
      mail();
    const state = this.#life.current;
    if (state !== "running" && state !== "draining") return "idle";
    this.#advanceAsync();
    const waiting = this.#runner!.isBusy ? this.#continueWork() : this.#takeWork();
    if (!this.#isOver) this.#considerCommit();
    return waiting;
  }

  #takeWork(): WaitReason | undefined {
    const runner = this.#runner!;
    if (this.#stopping || this.#inputEnded) return "commitWait";
    // The input is over; requests are under way.
    if (this.#isLastWork) return "idle";
    if (this.#full || this.#writer!.isPreparing) return "commitWait";
    if (runner.isLoading) return "stateWait";
    if (this.#gate!.holdsBack() || runner.isFull) return "backpressured";
    this.#touch();
    if (runner.fireProcessingTime()) return runner.isLoading ? "stateWait" : undefined;
    const work = this.#open!.head.next();
    if (work === undefined) return "idle";
    this.#beginWork(work);
    return this.#continueWork();
  }

  #beginWork(work: HeadWork): void {
    this.#touch();
    this.#moved = true;
    this.#isLastWork = work.ended;
    this.#isIdleWork = work.idle;
    this.#runner!.begin(work);
  }

  #continueWork(): WaitReason | undefined {
    const runner = this.#runner!;
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
    return !this.#full && !this.#writer!.isPreparing && !this.#stopping;
  }

  /** What requests have brought leaves in this turn. */
  #advanceAsync(): void {
    const runner = this.#runner!;
    if (!runner.isAsyncDue || !this.#mayEmit || this.#inputEnded) return;
    this.#touch();
    this.#moved = true;
    runner.advanceAsync();
    if (!runner.isBusy) this.#concludeWork();
  }

  /** Records whose requests are under way are older than idleness and the end, which wait for them. */
  #concludeWork(): void {
    const { outbound } = this.#open!;
    const holds = this.#runner!.holdsRecords;
    outbound.setIdle(this.#isIdleWork && !holds);
    if (!this.#isLastWork || holds) return;
    this.#inputEnded = true;
    outbound.end();
  }

  /** The open epoch starts with its first change. */
  #touch(): void {
    if (!this.#runner!.isMaterial && !this.#moved) this.#openedMs = this.#env.clock.monotonicMs();
  }

  #considerCommit(): void {
    const open = this.#open!;
    const runner = this.#runner!;
    // P1: positions have moved past a batch that is not processed yet.
    if (runner.isBeforeBatch || this.#writer!.isPreparing || this.#settling) return;
    const { settings, clock } = this.#env;
    const monotonicMs = clock.monotonicMs();
    const records = open.outbound.bufferedRecords;
    const controlMs = open.outbound.nextControlMs();
    const controlDue = controlMs <= monotonicMs;
    const closing = this.#inputEnded ? !runner.isBusy : this.#stopping;
    const verdict = decideEpoch(
      {
        inFlight: this.#writer!.isBusy,
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
    for (const operator of this.#open!.chain.stateful) writes += operator.pendingWrites;
    return writes;
  }

  /** The answer of a commit on its way wakes the partition anyway. */
  #lookAgainAt(monotonicMs: number): void {
    if (!this.#writer!.isBusy) this.#epochAlarm.setAt(monotonicMs);
  }

  /** Step 7. */
  #closeEpoch(): void {
    const open = this.#open!;
    const isEmpty = !this.#runner!.isMaterial && !this.#moved && open.outbound.bufferedRecords === 0;
    if (this.#stopping && !this.#inputEnded && isEmpty) {
      void this.#finish("stopped");
      return;
    }
    this.#runner!.clearMaterial();
    this.#moved = false;
    this.#epochAlarm.clear();
    const isLast = this.#inputEnded && !this.#runner!.isBusy;
    // A partition that has ended is never opened again, and so are its sinks: the end is an epoch of its own, after them.
    this.#writer!.close(isLast && (open.sinks.length === 0 || this.#settled));
  }

  /** @param told what sinks still do about this epoch and earlier ones */
  #onDurable(final: boolean, told: readonly Promise<void>[]): void {
    this.#full = false;
    const acted = Promise.all(told);
    acted.catch((thrown: unknown) => this.#fail(toError(thrown)));
    const isEmpty = !this.#runner!.isMaterial && !this.#moved;
    if (final || (this.#stopping && !this.#inputEnded && isEmpty)) {
      this.#settling = true;
      acted.then(
        () => this.#finish(final ? "ended" : "stopped"),
        () => {},
      );
    } else if (this.#inputEnded && !this.#runner!.isBusy && isEmpty) {
      this.#settling = true;
      acted.then(
        () =>
          this.#post(() => {
            this.#settling = false;
            this.#settled = true;
          }),
        () => {},
      );
    } else {
      this.#wake();
    }
  }

  async #finish(outcome: "ended" | "stopped"): Promise<void> {
    if (this.#isOver) return;
    this.#life.to(outcome);
    await this.#cleanUp(true);
    if (outcome === "ended") this.#events.onEnded(this.id);
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#life.to("failed");
    void this.#cleanUp(false);
    this.#events.onFailed(this.id, error);
  }

  async #cleanUp(graceful: boolean): Promise<void> {
    this.#epochAlarm.clear();
    this.#timerAlarm.clear();
    this.#writer?.cancel();
    this.#gate?.close();
    this.#dispatcher.remove(this);
    this.#mailbox.clear();
    const open = this.#open;
    if (open !== undefined) {
      if (graceful) await open.close();
      else await open.discard();
    }
    for (const resolve of this.#onStopped.splice(0)) resolve();
  }
}
