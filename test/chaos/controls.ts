// Controls that change one thing about a worker's commits. The larger one has a file of its own: unprotected.ts.
import type {
  AttachRequest,
  ChannelTrim,
  CommitAnswer,
  EpochCommit,
  MetaField,
  PartitionHandle,
  StateBackend,
} from "../../src/core/ports/state-backend.ts";

/**
 * Positions follow one commit behind the work: what a client does that stores its offsets after its results. The last
 * epoch brings everything, so without a fault nothing is wrong.
 */
export function withLatePositions(backend: StateBackend): StateBackend {
  return withCommits(backend, () => {
    let heldMeta: MetaField[] = [];
    let heldTrims: ChannelTrim[] = [];
    return (epoch) => {
      const positions = epoch.meta.filter(([name]) => isPosition(name));
      const others = epoch.meta.filter(([name]) => !isPosition(name));
      const final = epoch.meta.some(([name]) => name === "end");
      const meta = [...others, ...heldMeta, ...(final ? positions : [])];
      const trims = [...heldTrims, ...(final ? epoch.trims : [])];
      heldMeta = positions;
      heldTrims = [...epoch.trims];
      return { ...epoch, meta, trims };
    };
  });
}

/** What is asked of the outside is not stored, as if only the positions of the input counted. */
export function withForgottenRequests(backend: StateBackend): StateBackend {
  return withCommits(backend, () => (epoch) => ({
    ...epoch,
    state: epoch.state.filter(({ operator }) => operator !== "ask"),
  }));
}

/** Nobody may write while memory is short, not even those whose commits would free some. */
export function withAllDenied(backend: StateBackend): StateBackend {
  return withCommits(backend, () => (epoch) => ({ ...epoch, drain: false }));
}

const isPosition = (name: string): boolean => /^(in|inw|src):|^wm$/.test(name);

/** @param change made anew for every attach; what it returns is committed instead */
function withCommits(backend: StateBackend, change: () => (epoch: EpochCommit) => EpochCommit): StateBackend {
  return {
    async attach(request: AttachRequest): Promise<PartitionHandle> {
      const handle = await backend.attach(request);
      const changed = change();
      return {
        attached: handle.attached,
        load: (loads) => handle.load(loads),
        loadTimers: (operator, first, end) => handle.loadTimers(operator, first, end),
        commit: (epoch: EpochCommit): CommitAnswer | Promise<CommitAnswer> => handle.commit(changed(epoch)),
        release: () => handle.release(),
      };
    },
  };
}
