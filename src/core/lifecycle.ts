// defineLifecycle — a state machine is a table: checked by the compiler where it is written, at run time where it runs.
import { EngineError } from "./errors.ts";

/** A state machine was asked for a move that its table does not have: a defect in Weir. */
export class IllegalTransitionError extends EngineError<"ILLEGAL_TRANSITION"> {
  constructor(machine: string, subject: string, from: string, to: string, allowed: readonly string[]) {
    super(
      "ILLEGAL_TRANSITION",
      `${machine} ${subject}: cannot go from ${from} to ${to}; from ${from} it may go to ${allowed.join(", ") || "nothing"}`,
      { details: { machine, subject, from, to, allowed } },
    );
  }
}

/** The edges of a state machine; `create` starts one instance. */
export interface Lifecycle<S extends string> {
  readonly machine: string;
  readonly edges: { readonly [From in S]: readonly S[] };
  allows(from: S, to: S): boolean;
  /** @param subject names the instance in errors. */
  create(subject: string, initial: S): LifecycleState<S>;
}

/** One instance of a state machine. */
export interface LifecycleState<S extends string> {
  readonly current: S;
  /** @throws {IllegalTransitionError} when the table has no such edge */
  to(next: S): void;
}

export function defineLifecycle<S extends string>(
  machine: string,
  edges: { readonly [From in S]: readonly NoInfer<S>[] },
): Lifecycle<S> {
  const allows = (from: S, to: S): boolean => (edges[from] as readonly S[]).includes(to);
  return {
    machine,
    edges,
    allows,
    create(subject, initial) {
      let current = initial;
      return {
        get current() {
          return current;
        },
        to(next) {
          if (!allows(current, next))
            throw new IllegalTransitionError(machine, subject, current, next, edges[current]);
          current = next;
        },
      };
    },
  };
}
