// GraphOwner — says which job a node was made for, so that a stream of another job is noticed.

/** One per call of `defineJob`; compared by identity. */
export interface GraphOwner {
  readonly job: string;
}

/** What every logical node has. Nodes are frozen: a job is described once and never edited. */
export interface NodeBase {
  readonly owner: GraphOwner;
}

/**
 * A frozen copy of an options object, so that later changes by the caller change nothing.
 * What is not an object is kept as it is: validation names it.
 */
export function freezeOptions<O>(options: O | undefined): O {
  if (options === undefined) return Object.freeze({}) as O;
  if (typeof options !== "object" || options === null) return options;
  return Object.freeze({ ...options });
}
