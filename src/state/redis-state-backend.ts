// RedisStateBackend — partitions whose state and outputs live in Redis. docs/protocols/checkpoint.md.
//
// Owns:      attaching, reading state, sending commits in order and saying what became of them.
// Does not:  retry what may have been applied; keep anything of a partition's state.
//
// Laws (docs/laws.md)
//   C4  A commit is applied whole or not at all (one script).
//   C5  Repeating a commit answers DUP and changes nothing (expected sequence).
//   C6  After a later attach, no commit of an earlier attempt changes anything (random fence).
//   C7  No commit of one history of the server changes another history (master_replid in every commit).
import { toError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";
import {
  ChannelTornError,
  CommitFailedError,
  IncarnationError,
  LayoutsChangedError,
  PartitionFormatError,
  PartitionMissingError,
  PartitionTornError,
  StaleAssignmentError,
} from "../core/partition-errors.ts";
import type {
  Attached,
  AttachRequest,
  CommitAnswer,
  EpochCommit,
  PartitionHandle,
  StateBackend,
  StateLoad,
  StoredTimer,
} from "../core/ports/state-backend.ts";
import { classifyReply, HistoryChangedError } from "../redis/errors.ts";
import { type IncarnationKeys, JobKeys } from "../redis/keys.ts";
import { type AttachReply, attachCall, attachScript } from "../redis/scripts/attach.ts";
import { STATE_FORMAT } from "../redis/scripts/job.ts";
import { releaseCall, releaseScript } from "../redis/scripts/release.ts";
import { isErrorReply, type RedisSession } from "../redis/session.ts";
import { CommitEncoder, type EncodedCommit } from "./commit-encoder.ts";
import { readTimers, StateReader } from "./redis-state-reader.ts";

/** One per job and session. */
export class RedisStateBackend implements StateBackend {
  readonly #session: RedisSession;
  readonly #job: JobKeys;
  /** One encoder per incarnation: it keeps the names of keys. */
  readonly #encoders = new Map<number, CommitEncoder>();

  constructor(session: RedisSession, job: string) {
    this.#session = session;
    this.#job = new JobKeys(job);
  }

  async attach(request: AttachRequest): Promise<PartitionHandle> {
    const { partition, incarnation } = request;
    const session = this.#session;
    const keys = this.#job.incarnation(incarnation);
    const metaKey = keys.meta(partition);
    const { args, fence } = attachCall(this.#job, {
      metaKey,
      channelKeys: request.outputs.map((channel) => keys.channel(channel)),
      channels: request.outputs,
      replid: session.history,
      assignmentVersion: request.assignmentVersion,
      incarnation,
      layoutSeq: request.layoutSeq,
      worker: request.worker,
    });
    const reply = (await session.run(attachScript, args)) as AttachReply;
    const attached = this.#judge(request, reply);
    let encoder = this.#encoders.get(incarnation);
    if (encoder === undefined) {
      encoder = new CommitEncoder(this.#job, keys);
      this.#encoders.set(incarnation, encoder);
    }
    return new RedisPartition(session, encoder, keys, {
      job: this.#job.job,
      partition,
      metaKey,
      fence,
      attached,
      bell: this.#job.bell,
    });
  }

  #judge(request: AttachRequest, reply: AttachReply): Attached {
    const { partition } = request;
    switch (reply[0]) {
      case "OK": {
        const meta = new Map<string, string>();
        for (let i = 0; i < reply[2].length; i += 2) meta.set(reply[2][i]!, reply[2][i + 1]!);
        const seq = Number(meta.get("seq"));
        for (const own of BACKEND_FIELDS) meta.delete(own);
        return { seq, lineage: Number(reply[1]), meta };
      }
      case "HISTORY":
        this.#session.end(new HistoryChangedError(this.#session.url, this.#session.history, reply[1]));
        throw this.#session.ended!;
      case "MISSING":
        throw new PartitionMissingError(partition, this.#job.job);
      case "INCARNATION":
        throw new IncarnationError(partition, request.incarnation, Number(reply[1]));
      case "LAYOUTS":
        throw new LayoutsChangedError(`partition ${partition}`, request.layoutSeq, Number(reply[1]));
      case "FORMAT":
        throw new PartitionFormatError(partition, reply[1], STATE_FORMAT);
      case "STALE":
        throw new StaleAssignmentError(partition, request.assignmentVersion, Number(reply[1]));
      case "TORN-CHANNEL":
        throw new ChannelTornError(partition, reply[1], reply[2], reply[3]);
      case "TORN":
        throw new PartitionTornError(partition, Number(reply[1]), Number(reply[2]));
    }
  }
}

/** Facts of the record that belong to the backend, not to the partition. */
const BACKEND_FIELDS = ["fence", "av", "owner", "seq", "begun", "fmt"];

interface PartitionParts {
  readonly job: string;
  readonly partition: PartitionId;
  readonly metaKey: string;
  readonly fence: string;
  readonly attached: Attached;
  readonly bell: string;
}

/** A commit that was sent, kept for the commit that is sent behind it. */
interface SentCommit {
  readonly seq: number;
  readonly answer: Promise<CommitAnswer>;
}

class RedisPartition implements PartitionHandle {
  readonly attached: Attached;
  readonly #session: RedisSession;
  readonly #encoder: CommitEncoder;
  readonly #reader: StateReader;
  readonly #keys: IncarnationKeys;
  readonly #parts: PartitionParts;
  /** Epochs that were refused, with the bytes that were sent for them. */
  readonly #refused = new Map<EpochCommit, EncodedCommit>();
  #last: SentCommit | undefined;
  #failed: CommitFailedError | undefined;

  constructor(session: RedisSession, encoder: CommitEncoder, keys: IncarnationKeys, parts: PartitionParts) {
    this.attached = parts.attached;
    this.#session = session;
    this.#encoder = encoder;
    this.#keys = keys;
    this.#parts = parts;
    this.#reader = new StateReader(session, keys);
  }

  load(loads: readonly StateLoad[]): Promise<void> {
    const { partition, metaKey, fence } = this.#parts;
    return this.#reader.load(loads, partition, metaKey, fence);
  }

  loadTimers(operator: string, first: number, end: number): Promise<[number, StoredTimer[]][]> {
    return readTimers(this.#session, this.#keys, operator, first, end);
  }

  commit(epoch: EpochCommit): Promise<CommitAnswer> {
    const over = this.#failed ?? this.#session.ended;
    if (over !== undefined) return Promise.resolve({ kind: "LOST", cause: over });
    const { partition, metaKey, fence } = this.#parts;
    const encoded =
      this.#refused.get(epoch) ??
      this.#encoder.encode(partition, metaKey, fence, this.#session.history, epoch);
    this.#refused.delete(epoch);
    const answer = this.#send(epoch, encoded, this.#last);
    this.#last = { seq: epoch.seq, answer };
    return answer;
  }

  async release(): Promise<void> {
    const { metaKey, fence, bell } = this.#parts;
    try {
      await this.#session.run(releaseScript, releaseCall(metaKey, fence, bell));
    } catch {
      // The session is over or the server refuses: the next owner attaches all the same, the lease has no clock.
    }
  }

  async #send(
    epoch: EpochCommit,
    encoded: EncodedCommit,
    before: SentCommit | undefined,
  ): Promise<CommitAnswer> {
    for (;;) {
      const reloadsBefore = this.#session.scriptReloads;
      let answer: CommitAnswer;
      try {
        answer = this.#judge(await this.#session.run(encoded.script, encoded.args));
      } catch (error) {
        answer = this.#classify(epoch.seq, toError(error));
      }
      if (answer.kind === "ROLLBACK" && before?.seq === epoch.seq - 1) {
        // The epoch before may have been overtaken: it was refused, or had to be sent again with the script's source.
        const earlier = await before.answer;
        if (earlier.kind === "REFUSED") answer = { kind: "REFUSED", reason: earlier.reason };
        else if (earlier.kind === "OK" && this.#session.scriptReloads !== reloadsBefore) continue;
      }
      if (answer.kind === "REFUSED") this.#refused.set(epoch, encoded);
      return answer;
    }
  }

  #judge(reply: unknown): CommitAnswer {
    const words = reply as readonly [string, ...(string | number)[]];
    switch (words[0]) {
      case "OK":
        return { kind: "OK", lengths: words.slice(1) as number[] };
      case "DUP":
        return { kind: "DUP" };
      case "FENCED":
        return { kind: "FENCED" };
      case "ROLLBACK":
        return { kind: "ROLLBACK", stored: Number(words[1]) };
      case "HISTORY":
        this.#session.end(
          new HistoryChangedError(this.#session.url, this.#session.history, String(words[1])),
        );
        return { kind: "HISTORY" };
      default:
        return { kind: "LOST", cause: new PartitionMissingError(this.#parts.partition, this.#parts.job) };
    }
  }

  /** Every way in which a commit can come back without an answer: the table in docs/protocols/checkpoint.md. */
  #classify(seq: number, error: Error): CommitAnswer {
    if (!isErrorReply(error)) return { kind: "LOST", cause: error };
    switch (classifyReply(error.message)) {
      case "refused":
        return { kind: "REFUSED", reason: error.message };
      case "session":
      case "permission":
        this.#session.end(error);
        return { kind: "LOST", cause: this.#session.ended! };
      default:
        this.#failed = new CommitFailedError(this.#parts.partition, seq, error);
        return { kind: "LOST", cause: this.#failed };
    }
  }
}
