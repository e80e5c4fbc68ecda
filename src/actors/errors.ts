// Errors of partitions.
import { EngineError } from "../core/errors.ts";
import type { PartitionId } from "../core/ids.ts";

/** The store refuses writes for now; nothing was written. The partition goes back to its last commit and tries again. */
export class CommitRefusedError extends EngineError<"COMMIT_REFUSED"> {
  constructor(partition: PartitionId, reason: string) {
    super(
      "COMMIT_REFUSED",
      `partition ${partition}: Redis refused the commit (${reason}); it is tried again; ` +
        "if this lasts, give Redis more memory or repair its persistence and replicas",
      { retry: "partition", details: { partition, reason } },
    );
  }
}
