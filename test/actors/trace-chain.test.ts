// One traced record from the source to the sink: every step's span has the span of the step before as its parent.
import { describe, expect, test } from "vitest";
import type { TraceMark } from "../../src/core/batch.ts";
import type { Telemetry, TracedStep } from "../../src/core/ports/telemetry.ts";
import { collect, emits, type Source, value } from "../../src/index.ts";
import { type Engine, embedded, groupBy, newJob, onRedis, sorted } from "../engine/engine.ts";
import { newStart, runShared } from "../support/two-workers.ts";

const RECORDS = 30;
const ROOT = "00f067aa0ba902b7";
/** Records 1, 11, 21: marked by the source. */
const isMarked = (n: number): boolean => n % 10 === 1;
/** Records 0, 5, 10, ...: sampled by the engine. */
const isSampled = (n: number): boolean => n % 5 === 0;

for (const engine of [embedded, onRedis])
  describe(`a traced record, ${engine.name}`, () => {
    test("has a chain of spans source -> stage -> stage -> sink, and its copies share a parent", async () => {
      const spans = new SpanRecorder();
      const out = await run(engine, spans);

      expect(sorted(out)).toEqual(
        sorted(Array.from({ length: RECORDS }, (_, n) => (n % 10 === 0 ? [n, n] : [n])).flat()),
      );
      const traced = Array.from({ length: RECORDS }, (_, n) => n).filter((n) => isMarked(n) || isSampled(n));
      const traces = groupBy(spans.steps, ({ mark }) => mark.traceId);
      expect(sorted([...traces.keys()])).toEqual(sorted(traced.map(traceIdOf)));
      for (const n of traced) {
        const steps = traces.get(traceIdOf(n)) ?? [];
        const copies = n % 10 === 0 ? 2 : 1;
        const at = (stage: string): RecordedStep[] =>
          steps.filter(({ partition }) => partition.startsWith(`${stage}.`));
        const [numbers] = at("numbers");
        const [first] = at("first");
        expect(steps.length).toBe(2 + 2 * copies);
        expect(numbers?.mark.spanId).toBe(ROOT);
        expect(first?.mark.spanId).toBe(numbers?.id);
        // The flat map is the end of the first stage: two records made from one have one parent and spans of their own.
        expect(at("second").map(({ mark }) => mark.spanId)).toEqual(new Array(copies).fill(first?.id));
        expect(sorted(at("same").map(({ mark }) => mark.spanId))).toEqual(
          sorted(at("second").map(({ id }) => id)),
        );
      }
      const byId = new Map(spans.steps.map((step) => [step.id, step]));
      for (const { mark, startMs } of spans.steps) {
        const parent = byId.get(mark.spanId);
        if (parent === undefined) continue;
        expect(mark.emittedMs).toBe(parent.endMs);
        expect(startMs).toBeGreaterThanOrEqual(parent.endMs);
      }
    });

    test("keeps the parent it had where a step was not recorded", async () => {
      const spans = new SpanRecorder((partition) => !partition.startsWith("first."));
      await run(engine, spans);
      const sources = new Set(
        spans.steps.filter(({ partition }) => partition.startsWith("numbers.")).map(({ id }) => id),
      );
      const seconds = spans.steps.filter(({ partition }) => partition.startsWith("second."));
      expect(seconds.length).toBeGreaterThan(0);
      for (const { mark } of seconds) expect(sources.has(mark.spanId)).toBe(true);
    });
  });

interface RecordedStep extends TracedStep {
  readonly id: string;
}

function traceIdOf(n: number): string {
  return n.toString(16).padStart(32, "0");
}

function markOf(n: number, index: number, emittedMs: number): TraceMark {
  return { index, traceId: traceIdOf(n), spanId: ROOT, flags: 1, emittedMs };
}

/** Marks every tenth record itself, in batches with others that the engine may sample. */
function numbers(started: Promise<void>): Source<number> {
  return {
    description: "numbers",
    bounded: true,
    replayable: true,
    splits: () => [{ id: "all" }],
    open: (_split, position) => {
      let next = (position as number | undefined) ?? 0;
      return {
        async read() {
          await started;
          const first = next;
          next = Math.min(RECORDS, first + 7);
          const records = Array.from({ length: next - first }, (_, i) => first + i);
          const traces = records.flatMap((n, index) => (isMarked(n) ? [markOf(n, index, Date.now())] : []));
          return {
            records,
            traces: traces.length === 0 ? undefined : traces,
            position: next,
            end: next === RECORDS,
          };
        },
        close() {},
      };
    },
  };
}

class SpanRecorder implements Telemetry {
  readonly steps: RecordedStep[] = [];
  readonly #records: (partition: string) => boolean;
  /** Number of the next record that the source did not mark. */
  #next = 0;
  #spans = 0;

  constructor(records: (partition: string) => boolean = () => true) {
    this.#records = records;
  }

  sample(_partition: string, recordCount: number, nowMs: number): TraceMark[] | undefined {
    const marks: TraceMark[] = [];
    for (let index = 0; index < recordCount; this.#next++) {
      if (isMarked(this.#next)) continue;
      if (isSampled(this.#next)) marks.push(markOf(this.#next, index, nowMs));
      index++;
    }
    return marks.length === 0 ? undefined : marks;
  }

  step(step: TracedStep): string | undefined {
    if (!this.#records(step.partition)) return undefined;
    const id = (++this.#spans).toString(16).padStart(16, "0");
    this.steps.push({ ...step, id });
    return id;
  }
}

async function run(engine: Engine, telemetry: Telemetry): Promise<readonly number[]> {
  const out = collect<number>();
  const { started, start } = newStart();
  const job = newJob((builder) =>
    builder
      .source("numbers", numbers(started), { parallelism: 1 })
      .keyBy((n) => n % 4)
      .process("first", {
        state: { seen: value({ default: 0 }) },
        emits: emits<number>(),
        onRecord(n, context) {
          context.state.seen.set(context.state.seen.get() + 1);
          context.emit(n);
        },
      })
      .flatMap("twice", (n) => (n % 10 === 0 ? [n, n] : [n]))
      .keyBy((n) => n)
      .reduce("second", (_, n) => n)
      .rebalance()
      .map("same", (n) => n)
      .to("out", out),
  );
  await runShared(engine, job, { parallelism: 2, telemetry }, start);
  return out.results;
}
