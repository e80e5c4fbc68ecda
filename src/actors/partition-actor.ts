// PartitionActor — step 3 of the walk, the spine: one partition of one stage, from attach to its last commit.
//
// Owns:      its life cycle; the order of things: control mail first, then one turn of its work (PartitionLoop).
// Does not:  know where work comes from (Head), what operators do, or how a commit is stored (StateBackend).
//
// Invariants
//   P3  Crash-only: after any doubt the attempt is dropped with its heap; a new attempt reads the committed state.
import type { InboundMail } from "../broker/inbound.ts";
import { MIN_WATERMARK } from "../core/batch.ts";
import { toError } from "../core/errors.ts";
import { type ChannelId, type PartitionId, partitionId } from "../core/ids.ts";
import type { LifecycleState } from "../core/lifecycle.ts";
import type { StagePlan } from "../plan/plan.ts";
import type { Dispatcher, Turnable, TurnResult } from "./kernel/dispatcher.ts";
import { Mailbox } from "./kernel/mailbox.ts";
import type { PartitionEnvironment, PartitionEvents } from "./partition-environment.ts";
import { type PartitionState, partitionLifecycle } from "./partition-lifecycle.ts";
import { PartitionLoop } from "./partition-loop.ts";
import type { PartitionMetrics } from "./partition-metrics.ts";
import { type OpenPartition, openPartition } from "./partition-opening.ts";
import { TimeAccount, type WaitReason } from "./time-account.ts";

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
  #loop: PartitionLoop | undefined;
  #onStopped: (() => void)[] = [];

  constructor(env: PartitionEnvironment, events: PartitionEvents, stage: StagePlan, index: number) {
    this.id = partitionId(stage.id, index);
    this.stage = stage;
    this.index = index;
    this.#env = env;
    this.#events = events;
    this.#dispatcher = env.dispatcher;
    this.#life = partitionLifecycle.create(this.id, "created");
    this.#account = new TimeAccount(env.clock.monotonicMs());
    this.#mailbox = new Mailbox(env.settings.mailboxFrames);
  }

  get state(): PartitionState {
    return this.#life.current;
  }

  /** All that has come is processed and durable, told to the sinks and to the consumers. */
  get isQuiet(): boolean {
    if (this.#life.current === "ended") return true;
    return this.#life.current === "running" && this.#loop!.isQuiet;
  }

  /** Attaches and opens everything; the outcome comes through the events. @param assignmentVersion from the coordinator */
  async start(assignmentVersion: number): Promise<void> {
    this.#life.to("restoring");
    try {
      const host = {
        post: (action: () => void) => this.#post(action),
        fail: (error: Error) => this.#fail(error),
        consumed: (channel: ChannelId, throughSeq: number) => this.#loop?.consumed(channel, throughSeq),
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
      if (open.alreadyEnded) {
        await this.#finish("ended");
        return;
      }
      this.#loop = new PartitionLoop(open, {
        ...this.#env,
        partition: this.id,
        readsSource: this.stage.source !== undefined,
        host,
        wake: () => this.#wake(),
        onRefused: (reason) => this.#events.onCommitRefused(this.id, reason),
        onOver: (outcome) => void this.#finish(outcome),
      });
      this.#loop.begin();
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
    this.#loop?.stop();
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
      recordsIn: this.#loop?.records ?? 0,
      recordsOut,
      watermark: open?.head.watermark ?? MIN_WATERMARK,
      hold: this.#life.current === "ended" ? undefined : open?.head.hold,
      backlogEntries: unconsumed,
      mailboxEntries: this.#mailbox.dataCount,
      commits: this.#loop?.commits ?? 0,
      time: this.#account.read(this.#env.clock.monotonicMs()),
      operators: Object.fromEntries(open?.metrics ?? []),
      requests: open?.chain.async.map((operator) => operator.requests),
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
    return this.#loop!.step();
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
    this.#loop?.close();
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
