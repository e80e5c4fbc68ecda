// Taps between a worker and its store: what a process did is told, and it can be killed at any step of the protocol.
//
// The engine knows nothing of this: a backend, a handle and a reader are wrapped where the worker is put together.
import type { ChannelCursor, ChannelEntry, ChannelReader } from "../../src/core/ports/channel.ts";
import type {
  AttachRequest,
  CommitAnswer,
  EpochCommit,
  PartitionHandle,
  StateBackend,
  StateLoad,
} from "../../src/core/ports/state-backend.ts";
import { CRASH_STEPS, type CrashStep } from "./worker-config.ts";

/** Kills this process at the n-th time that a step is reached. */
export class CrashPoint {
  readonly #step: CrashStep | undefined;
  #left: number;

  /** @param text `<step>:<n>` */
  constructor(text: string | undefined) {
    const [step, times = "1"] = (text ?? "").split(":");
    if (text !== undefined && !CRASH_STEPS.includes(step as CrashStep))
      throw new Error(`WEIR_CRASH_AT=${text}: the step is none of ${CRASH_STEPS.join(", ")}`);
    this.#step = text === undefined ? undefined : (step as CrashStep);
    this.#left = Number(times);
  }

  reach(step: CrashStep): void {
    if (step !== this.#step || --this.#left > 0) return;
    process.kill(process.pid, "SIGKILL");
    // The signal is on its way to ourselves: nothing of what follows may happen.
    for (;;);
  }

  awaits(step: CrashStep): boolean {
    return step === this.#step && this.#left === 1;
  }
}

export interface TapListener {
  onAttached(partition: string): void;
  onAnswer(partition: string, epoch: EpochCommit, answer: CommitAnswer): void;
}

export function tapBackend(backend: StateBackend, crash: CrashPoint, listener: TapListener): StateBackend {
  return {
    async attach(request: AttachRequest): Promise<PartitionHandle> {
      crash.reach("before-attach");
      const handle = await backend.attach(request);
      crash.reach("attached");
      listener.onAttached(request.partition);
      return tapHandle(handle, request.partition, crash, listener);
    },
  };
}

function tapHandle(
  handle: PartitionHandle,
  partition: string,
  crash: CrashPoint,
  listener: TapListener,
): PartitionHandle {
  return {
    attached: handle.attached,
    async load(loads: readonly StateLoad[]): Promise<void> {
      crash.reach("before-load");
      await handle.load(loads);
      crash.reach("prefetched");
    },
    loadTimers: (operator, first, end) => handle.loadTimers(operator, first, end),
    async commit(epoch: EpochCommit): Promise<CommitAnswer> {
      crash.reach("before-commit");
      const pending = handle.commit(epoch);
      if (crash.awaits("commit-sent")) await written();
      crash.reach("commit-sent");
      const answer = await pending;
      crash.reach("after-commit");
      listener.onAnswer(partition, epoch, answer);
      return answer;
    },
    async release(): Promise<void> {
      crash.reach("before-release");
      await handle.release();
      crash.reach("released");
    },
  };
}

/** The client writes at the end of the current turn of the event loop. */
function written(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

export function tapReader(reader: ChannelReader, crash: CrashPoint): ChannelReader {
  return {
    async read(cursors: readonly ChannelCursor[], maxEntries: number): Promise<ChannelEntry[][]> {
      crash.reach("before-read");
      const entries = await reader.read(cursors, maxEntries);
      if (entries.some((found) => found.length > 0)) crash.reach("read");
      return entries;
    },
    lengths: (channels) => reader.lengths(channels),
    watch: (cursors, onReady) => reader.watch(cursors, onReady),
  };
}
