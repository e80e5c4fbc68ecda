// KillableStateBackend — storage at whose steps an attempt may die: on attaching, and before and after each commit.
import type { PartitionId } from "../core/ids.ts";
import type {
  AttachRequest,
  Awaitable,
  CommitAnswer,
  EpochCommit,
  PartitionHandle,
  StateBackend,
  StateLoad,
  StoredTimer,
} from "../core/ports/state-backend.ts";
import type { KillSwitch } from "./kill-switch.ts";

export class KillableStateBackend implements StateBackend {
  readonly #inner: StateBackend;
  readonly #kills: KillSwitch;

  constructor(inner: StateBackend, kills: KillSwitch) {
    this.#inner = inner;
    this.#kills = kills;
  }

  async attach(request: AttachRequest): Promise<PartitionHandle> {
    const handle = await this.#inner.attach(request);
    this.#kills.reach("afterAttach", request.partition);
    return new KillablePartition(handle, request.partition, this.#kills);
  }
}

class KillablePartition implements PartitionHandle {
  readonly attached: PartitionHandle["attached"];
  readonly #inner: PartitionHandle;
  readonly #partition: PartitionId;
  readonly #kills: KillSwitch;

  constructor(inner: PartitionHandle, partition: PartitionId, kills: KillSwitch) {
    this.#inner = inner;
    this.#partition = partition;
    this.#kills = kills;
    this.attached = inner.attached;
  }

  load(loads: readonly StateLoad[]): Awaitable<void> {
    return this.#inner.load(loads);
  }

  loadTimers(operator: string, first: number, end: number): Awaitable<[number, StoredTimer[]][]> {
    return this.#inner.loadTimers(operator, first, end);
  }

  /** What is thrown here costs the attempt, as a process that dies there would. */
  commit(epoch: EpochCommit): Awaitable<CommitAnswer> {
    this.#kills.reach("beforeCommit", this.#partition);
    const answer = this.#inner.commit(epoch);
    this.#kills.reach("afterCommit", this.#partition);
    return answer;
  }

  release(): Awaitable<void> {
    return this.#inner.release();
  }
}
