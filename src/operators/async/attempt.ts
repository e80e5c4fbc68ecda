// Attempt — one try of one call to the outside, from its beginning until nothing that its promise does counts any more.

export class Attempt<T = unknown> {
  readonly item: T;
  /** From 1. */
  readonly number: number;
  readonly deadlineMs: number;
  /** Neighbours in the order of their beginning, while under way. */
  before: Attempt<T> | undefined = undefined;
  after: Attempt<T> | undefined = undefined;
  /** Nothing that its promise does counts any more. */
  isOver = false;
  /** What has come of it: the result, or what was thrown. */
  outcome: unknown = undefined;
  failed = false;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  constructor(item: T, number: number, deadlineMs: number) {
    this.item = item;
    this.number = number;
    this.deadlineMs = deadlineMs;
  }

  /** Aborted when the attempt is given up. Made when somebody asks: most functions never do. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  giveUp(reason: Error): void {
    this.isOver = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
