// The known operators in a harness and in a job, with the same calls.
import { collect, defineJob, punctuated, type Stream } from "../../src/index.ts";
import {
  type HarnessSnapshot,
  manualSource,
  type OperatorHarness,
  operatorHarness,
  runTestJob,
  type TestJob,
  type TestJobOptions,
} from "../../src/testing/index.ts";
import { type Build, type Call, type Item, operators, takesTwo } from "./known-operators.ts";

export type Harness = OperatorHarness<Item, unknown, Item>;

interface Settings {
  readonly restore?: HarnessSnapshot;
  readonly cacheEntries?: number;
  readonly timerSlice?: number;
}

export function harnessOf(name: string, settings: Settings = {}): Harness {
  const build = operators[name] as Build;
  const options = { key: ({ key }: Item) => key, timestamp: ({ at }: Item) => at, ...settings };
  return takesTwo.has(name)
    ? operatorHarness({ ...options, build: (first, second: Stream<Item>) => build(first, second) })
    : (operatorHarness({ ...options, build: (first) => build(first, undefined as never) }) as Harness);
}

export function make(harness: Harness, name: string, call: Call): void {
  if (call.kind === "clock") harness.clock.advance(call.by);
  else if (call.kind === "watermark") harness.watermark(call.time);
  else if (call.input === 0 || !takesTwo.has(name)) harness.pushAll(call.items);
  else for (const item of call.items) harness.pushTo(1, item);
}

/** What has come out, late records marked. */
export function texts(harness: Harness): string[] {
  const output = harness.takeOutput().map(({ value }) => JSON.stringify(value));
  return [...output, ...harness.late().map(({ value }) => `late ${value.id}`)].sort();
}

/** A watermark among the items of a source. */
interface Mark {
  readonly mark: number;
}

export interface KnownJob {
  readonly test: TestJob;
  /** Makes the call and settles. @returns what has come out since the last call */
  make(call: Call): Promise<string[]>;
  /** @returns what has come out since the last call */
  finish(): Promise<string[]>;
  /** What has come out since the last call. */
  taken(): string[];
}

/** The operator in a job of its own, with the calls of a harness. */
export async function jobOf(name: string, options: TestJobOptions): Promise<KnownJob> {
  const sources = [manualSource<Item | Mark>(), manualSource<Item | Mark>()];
  const used = takesTwo.has(name) ? sources : sources.slice(0, 1);
  const out = collect<unknown>();
  const late = collect<Item>();
  const job = defineJob("law", (builder) => {
    const [first, second] = used.map((source, i) =>
      builder
        .source(`source-${i}`, source, {
          parallelism: 1,
          timestamp: (one) => ("mark" in one ? one.mark : one.at),
          watermarks: punctuated((one) => ("mark" in one ? one.mark : undefined)),
        })
        .filter((one): one is Item => !("mark" in one)),
    );
    const build = operators[name] as Build;
    if (first === undefined) return;
    const results = build(
      first.keyBy(({ key }) => key),
      second as never,
    );
    results.to("out", out);
    results.late?.().to("late", late);
  });
  const test = await runTestJob(job, options);
  let taken: readonly string[] = [];
  const news = (): string[] => {
    const all = [
      ...out.results.map((result) => JSON.stringify(result)),
      ...late.results.map(({ id }) => `late ${id}`),
    ].sort();
    const fresh = [...all];
    for (const text of taken) fresh.splice(fresh.indexOf(text), 1);
    taken = all;
    return fresh;
  };
  const push = async (input: number, items: readonly Item[]): Promise<void> => {
    const second = input === 1 ? used[1] : undefined;
    if (second === undefined) used[0]?.push(...items);
    // One by one, as pushTo does.
    else
      for (const item of items) {
        second.push(item);
        await test.settle();
      }
  };
  return {
    test,
    taken: news,
    async make(call) {
      if (call.kind === "clock") test.clock.advance(call.by);
      else if (call.kind === "watermark") for (const source of used) source.push({ mark: call.time });
      else await push(call.input, call.items);
      await test.settle();
      return news();
    },
    async finish() {
      await test.finish();
      return news();
    },
  };
}
