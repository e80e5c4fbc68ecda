// What can go wrong between a partition and where its state lives. The backends throw these; supervisors read `retry`.
import { EngineError } from "./errors.ts";
import type { ChannelId, PartitionId } from "./ids.ts";

/** The partition's record is gone: the store was emptied, or the job was never created. Nothing may start from zero. */
export class PartitionMissingError extends EngineError<"PARTITION_MISSING"> {
  constructor(partition: PartitionId, job: string) {
    super(
      "PARTITION_MISSING",
      `partition ${partition} of job "${job}" has no record: its data was deleted or the job was never created; ` +
        "restore the job from a snapshot, or create it again to start from the beginning of its inputs",
      { details: { partition, job } },
    );
  }
}

/** A later assignment of this partition exists; this worker must not take it. */
export class StaleAssignmentError extends EngineError<"STALE_ASSIGNMENT"> {
  constructor(partition: PartitionId, offered: number, stored: number) {
    super(
      "STALE_ASSIGNMENT",
      `partition ${partition}: assignment version ${offered} is older than the stored ${stored}; another worker was given it since`,
      { details: { partition, offered, stored } },
    );
  }
}

/** The job was restored or rescaled since this worker looked. */
export class IncarnationError extends EngineError<"INCARNATION"> {
  constructor(partition: PartitionId, expected: number, stored: number) {
    super(
      "INCARNATION",
      `partition ${partition}: incarnation ${expected} of the job is over, the current one is ${stored}; start the worker again`,
      { details: { partition, expected, stored } },
    );
  }
}

/** The job's registry of state layouts is not the one that this worker goes by: it may not read state any more. */
export class LayoutsChangedError extends EngineError<"LAYOUTS_CHANGED"> {
  /** @param subject the job or partition */
  constructor(subject: string, own: number, stored: number) {
    super(
      "LAYOUTS_CHANGED",
      `${subject}: state layouts were raised since this worker joined (${own} times when it joined, ${stored} times now), so it ` +
        "leaves the job to workers of the newer version; start this one again with that version",
      { details: { subject, own, stored } },
    );
  }
}

/** The partition's record and state are laid out as another version of Weir does it. */
export class PartitionFormatError extends EngineError<"PARTITION_FORMAT"> {
  constructor(partition: PartitionId, stored: string, own: string) {
    super(
      "PARTITION_FORMAT",
      `partition ${partition} is stored in format ${stored}, this version of Weir reads format ${own}; ` +
        "run the job with the version that created it, or start it with fresh",
      { details: { partition, stored, own } },
    );
  }
}

/** An output channel does not end where the partition's record says: entries were deleted or added by somebody else. */
export class ChannelTornError extends EngineError<"CHANNEL_TORN"> {
  constructor(partition: PartitionId, channel: ChannelId, recorded: string, found: string) {
    super(
      "CHANNEL_TORN",
      `partition ${partition}: channel ${channel} should end at entry ${recorded}, but ${found}; ` +
        "restore the job from a snapshot",
      { details: { partition, channel, recorded, found } },
    );
  }
}

/** A commit was begun that never ended: a script stopped half-way, or half a transaction was loaded from a torn file. */
export class PartitionTornError extends EngineError<"PARTITION_TORN"> {
  constructor(partition: PartitionId, begun: number, ended: number) {
    super(
      "PARTITION_TORN",
      `partition ${partition}: ${begun} commits were begun and ${ended} were ended, so one was applied in part; ` +
        "restore the job from a snapshot",
      { details: { partition, begun, ended } },
    );
  }
}

/** A newer attempt owns this partition; whatever we still hold is void. */
export class PartitionFencedError extends EngineError<"PARTITION_FENCED"> {
  constructor(partition: PartitionId) {
    super(
      "PARTITION_FENCED",
      `partition ${partition} was taken over by another attempt; what this one holds is void`,
      {
        details: { partition },
      },
    );
  }
}

/** The link to the store is over. Every partition that used it must attach again over a new one. */
export class SessionEndedError extends EngineError<"SESSION_ENDED"> {
  constructor(cause: Error) {
    super(
      "SESSION_ENDED",
      `the session with the store has ended (${cause.message}); partitions must attach again`,
      {
        retry: "job",
        cause,
      },
    );
  }
}

/** One epoch is larger than any sensible one; the caller must split it. */
export class OversizedCommitError extends EngineError<"OVERSIZED_COMMIT"> {
  constructor(partition: PartitionId, what: string, found: number, limit: number) {
    super(
      "OVERSIZED_COMMIT",
      `partition ${partition}: one epoch has ${found} ${what}, at most ${limit} are allowed; close epochs earlier`,
      { details: { partition, what, found, limit } },
    );
  }
}

/** A commit was refused by the store for a reason that is none of the known ones; it may be applied in part. */
export class CommitFailedError extends EngineError<"COMMIT_FAILED"> {
  constructor(partition: PartitionId, seq: number, cause: Error) {
    super(
      "COMMIT_FAILED",
      `partition ${partition}: epoch ${seq} failed in a way that may have left it half applied (${cause.message}); ` +
        "the next attach decides; if it reports a torn partition, restore the job from a snapshot",
      { retry: "partition", details: { partition, seq }, cause },
    );
  }
}

/** The job's record vanished while workers were running: its store was emptied or it was deleted. */
export class JobLostError extends EngineError<"JOB_LOST"> {
  constructor(job: string) {
    super(
      "JOB_LOST",
      `job "${job}" was here and is gone: its data was deleted (FLUSHALL, an emptied server, another database); ` +
        "nothing is started from zero by itself: restore it from a snapshot or run it anew",
      { details: { job } },
    );
  }
}

/** Another job has the name of the one that this process knows: that one was deleted, and the name used again. */
export class JobReplacedError extends EngineError<"JOB_REPLACED"> {
  /** @param found incarnation of the job that is there now, where it was told */
  constructor(job: string, known: number, found?: number) {
    super(
      "JOB_REPLACED",
      `job "${job}" was deleted and created anew since this process read it; what it knows of its graph, splits and ` +
        "state is of the one that is gone: start it again to take part in the new one",
      { details: { job, known, found } },
    );
  }
}

/** Nobody has created the job yet, or it was deleted before this worker came. */
export class JobNotFoundError extends EngineError<"JOB_NOT_FOUND"> {
  constructor(job: string) {
    super(
      "JOB_NOT_FOUND",
      `there is no job "${job}" here; run it first, or check its name and the database`,
      {
        details: { job },
      },
    );
  }
}

/** A job cannot be created over the remains of an earlier one. */
export class JobLeftoversError extends EngineError<"JOB_LEFTOVERS"> {
  constructor(job: string, pattern: string) {
    super(
      "JOB_LEFTOVERS",
      `job "${job}" has no record but its partitions have: it was deleted in part; delete all keys ${pattern} to start anew`,
      { details: { job, pattern } },
    );
  }
}
