// GraphRecorder — collects what the calls inside `defineJob` describe, in their order, until the build function returns.
//
// Owns:      the list of nodes, derived names, problems that only a call can see.
// Does not:  judge the graph as a whole (validate.ts) or plan it (planner.ts).
import { InvalidJobError, type JobProblem } from "./job-problem.ts";
import type { LogicalGraph } from "./logical-graph.ts";
import type { GraphOwner } from "./nodes/graph-owner.ts";
import { isNamed, type LogicalNode } from "./nodes/logical-node.ts";

export class GraphRecorder {
  readonly owner: GraphOwner;
  readonly #nodes: LogicalNode[] = [];
  readonly #problems: JobProblem[] = [];
  readonly #names = new Set<string>();
  readonly #derived = new Map<string, number>();
  #closed = false;

  constructor(job: string) {
    this.owner = Object.freeze({ job });
  }

  /** What the calls themselves reported. */
  get problems(): readonly JobProblem[] {
    return this.#problems;
  }

  /** @throws {InvalidJobError} when the build function has returned already: the job would not contain the node */
  add<N extends LogicalNode>(node: N): N {
    if (this.#closed) {
      throw new InvalidJobError(this.owner.job, [
        {
          code: "INVALID_BUILD",
          subject: node.type,
          message:
            `a ${node.type} was added after the build function had returned; ` +
            "describe the whole job inside the function given to defineJob, without awaiting",
        },
      ]);
    }
    this.#nodes.push(node);
    if (isNamed(node)) this.#names.add(node.name);
    return node;
  }

  report(problem: JobProblem): void {
    this.#problems.push(problem);
  }

  /** `map-1`, `map-2`, ...: the next one that no earlier node has. */
  deriveName(kind: string): string {
    const prefix = kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (;;) {
      const number = (this.#derived.get(kind) ?? 0) + 1;
      this.#derived.set(kind, number);
      const name = `${prefix}-${number}`;
      if (!this.#names.has(name)) return name;
    }
  }

  /** Ends the recording: the same graph from now on. */
  close(): LogicalGraph {
    this.#closed = true;
    return Object.freeze({ job: this.owner.job, owner: this.owner, nodes: Object.freeze([...this.#nodes]) });
  }
}
