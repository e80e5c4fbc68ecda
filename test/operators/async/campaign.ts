// What law tests of asynchronous operators share: an outside that answers when it is told to, and what may happen.
import fc from "fast-check";
import { MIN_WATERMARK } from "../../../src/core/batch.ts";
import { msgpackCodec } from "../../../src/core/codec.ts";
import type { AnyAsyncFunction, AsyncMapDefinition } from "../../../src/operators/async/async-map.ts";
import type { AsyncHarness, Input } from "./async-harness.ts";

export const TIMEOUT_MS: number = 1_000;

export function definition(
  fn: AnyAsyncFunction,
  changes: Partial<AsyncMapDefinition> = {},
): AsyncMapDefinition {
  const retry = { attempts: 1, backoffMs: 0, maxBackoffMs: 0, when: undefined };
  return {
    fn,
    flat: false,
    order: "ordered",
    start: "immediately",
    limits: { concurrency: 100, timeoutMs: TIMEOUT_MS, retry },
    codec: msgpackCodec,
    ...changes,
  };
}

export interface Request {
  readonly record: number;
  readonly id: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly lineage: number;
  answer(): void;
  refuse(): void;
}

/** Answers when it is told to; remembers everything that it was asked. */
export class Outside {
  readonly asked: Request[] = [];
  pending: Request[] = [];
  readonly #lineage: () => number;

  constructor(lineage: () => number = () => 0) {
    this.#lineage = lineage;
  }

  readonly ask: AnyAsyncFunction = (record: number, { id, attempt, signal }) =>
    new Promise<number>((resolve, reject) => {
      const request: Request = {
        record,
        id,
        attempt,
        signal,
        lineage: this.#lineage(),
        answer: () => resolve(record),
        refuse: () => reject(new Error(`refused ${record}`)),
      };
      this.asked.push(request);
      this.pending.push(request);
      signal.addEventListener("abort", () => this.#drop(request));
    });

  take(choice: number): Request | undefined {
    if (this.pending.length === 0) return undefined;
    const request = this.pending[choice % this.pending.length]!;
    this.#drop(request);
    return request;
  }

  #drop(request: Request): void {
    this.pending = this.pending.filter((other) => other !== request);
  }
}

export type Step =
  | { readonly kind: "feed" | "begin-commit" | "end-commit" | "crash" | "crash-landed" }
  | { readonly kind: "answer" | "refuse"; readonly choice: number }
  | { readonly kind: "time"; readonly byMs: number };

export const inputs: fc.Arbitrary<Input[]> = fc
  .array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant("batch" as const), size: fc.integer({ min: 1, max: 5 }) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant("mark" as const), by: fc.integer({ min: 0, max: 3 }) }),
      },
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((events): Input[] => {
    let watermark = 0;
    return events.map((event) => {
      if (event.kind === "batch") return event;
      watermark += event.by;
      return { kind: "watermark", watermark };
    });
  });

const choice = fc.nat(1_000);
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constant<Step>({ kind: "feed" }) },
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant("answer" as const), choice }) as fc.Arbitrary<Step>,
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("refuse" as const), choice }) as fc.Arbitrary<Step>,
    },
    { weight: 3, arbitrary: fc.constant<Step>({ kind: "begin-commit" }) },
    { weight: 3, arbitrary: fc.constant<Step>({ kind: "end-commit" }) },
    { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: "crash" }, { kind: "crash-landed" }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("time" as const),
        byMs: fc.integer({ min: 1, max: 700 }),
      }) as fc.Arbitrary<Step>,
    },
  ),
  { maxLength: 80 },
);

/** @param crashed called before the next owner begins */
export async function play(
  step: Step,
  harness: AsyncHarness,
  outside: Outside,
  crashed: () => void,
): Promise<void> {
  switch (step.kind) {
    case "feed":
      harness.feed();
      break;
    case "answer":
      outside.take(step.choice)?.answer();
      break;
    case "refuse":
      outside.take(step.choice)?.refuse();
      break;
    case "time":
      harness.clock.advance(step.byMs);
      break;
    case "begin-commit":
      harness.beginCommit();
      break;
    case "end-commit":
      harness.endCommit();
      break;
    case "crash":
    case "crash-landed":
      crashed();
      outside.pending = [];
      harness.crash(step.kind === "crash-landed");
  }
  await harness.settle();
}

/** Goes on until all has left and is committed. */
export async function finish(harness: AsyncHarness, run: (step: Step) => Promise<void>): Promise<void> {
  for (let turn = 0; !harness.isOver; turn++) {
    if (turn > 2_000) throw new Error("the input does not come to its end");
    for (const kind of ["feed", "begin-commit", "end-commit"] as const) await run({ kind });
    await run({ kind: "answer", choice: turn });
    await run({ kind: "time", byMs: 20 });
  }
  // One may be on its way that was sent before the last results.
  harness.endCommit();
  harness.beginCommit();
  harness.endCommit();
}

/** The last watermark before each record of the input, and the one at its end. */
export function watermarksBefore(input: readonly Input[]): { before: number[]; last: number } {
  const before: number[] = [];
  let last = MIN_WATERMARK;
  for (const event of input) {
    if (event.kind === "watermark") last = Math.max(last, event.watermark);
    else before.push(...new Array<number>(event.size).fill(last));
  }
  return { before, last };
}
