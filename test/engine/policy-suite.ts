// Bad input and throwing functions: fail names the operator and the record, skip counts, deadLetter keeps.
import { describe, expect, test } from "vitest";
import {
  collect,
  collection,
  type DeadLetter,
  type ErrorPolicy,
  emits,
  type JobBuilder,
  type OperatorStream,
  type SourceStream,
  type StageReport,
  value,
} from "../../src/index.ts";
import { type Engine, newJob, runToEnd, runToFailure, sorted, withWeir } from "./engine.ts";
import { type Sale, SMALL, sales } from "./sales.ts";
import { scripted } from "./scripted-source.ts";

/** A place where input can be bad, and a job that meets it at the sale with id 13 and nowhere else. */
interface Place {
  readonly where: string;
  readonly operator: string;
  /** What the failure's message shows of the record. */
  readonly shows: string;
  build(job: JobBuilder, prefix: string, onError: ErrorPolicy): SourceStream<number> | OperatorStream<number>;
  /** The record of the dead letter. */
  readonly dead: unknown;
}

const INPUT = sales(40, 5);
const UNLUCKY = INPUT[13] as Sale;

function explodeAt(sale: { readonly id: number }): void {
  if (sale.id === UNLUCKY.id) throw new RangeError(`no sale ${sale.id}`);
}

const places: readonly Place[] = [
  {
    where: "decoding in a source",
    operator: "sales",
    shows: "line 13",
    build: (job, prefix, onError) => {
      const failure = { error: new SyntaxError("not a sale"), raw: "{bro", where: "sales.txt line 13" };
      const ids = INPUT.map((sale) => sale.id).filter((id) => id !== UNLUCKY.id);
      return job.source(`${prefix}sales`, scripted<number>([[ids, { failures: [failure] }]]), { onError });
    },
    dead: "{bro",
  },
  {
    where: "the timestamp of a source",
    operator: "sales",
    shows: '"id":13',
    build: (job, prefix, onError) =>
      job.source(`${prefix}sales`, collection(INPUT), {
        timestamp: (sale) => (sale.id === UNLUCKY.id ? Number.NaN : sale.id),
        onError,
      }) as unknown as SourceStream<number>,
    dead: UNLUCKY,
  },
  {
    where: "map",
    operator: "ids",
    shows: '"id":13',
    build: (job, prefix, onError) =>
      job.source(`${prefix}sales`, collection(INPUT)).map(
        `${prefix}ids`,
        (sale) => {
          explodeAt(sale);
          return sale.id;
        },
        { onError },
      ),
    dead: UNLUCKY,
  },
  {
    where: "flatMap, after it yielded",
    operator: "ids",
    shows: '"id":13',
    build: (job, prefix, onError) =>
      job.source(`${prefix}sales`, collection(INPUT)).flatMap(
        `${prefix}ids`,
        function* (sale) {
          yield sale.id;
          explodeAt(sale);
        },
        { onError },
      ),
    dead: UNLUCKY,
  },
  {
    where: "a keyed process, after it wrote and emitted",
    operator: "ids",
    shows: '"id":13',
    build: (job, prefix, onError) =>
      job
        .source(`${prefix}sales`, collection(INPUT), { parallelism: 1 })
        .keyBy(() => "all")
        .process(
          `${prefix}ids`,
          {
            state: { seen: value({ default: 0 }) },
            emits: emits<number>(),
            onRecord(sale, context) {
              const { seen } = context.state;
              seen.set(seen.get() + 1);
              context.emit(sale.id);
              explodeAt(sale);
              // Whatever the failed record wrote was taken back.
              const expected = sale.id < UNLUCKY.id ? sale.id + 1 : sale.id;
              if (seen.get() !== expected) throw new Error(`${seen.get()} seen, not ${expected}`);
            },
          },
          { onError },
        ),
    dead: UNLUCKY,
  },
  {
    where: "a timer",
    operator: "ids",
    shows: "13",
    build: (job, prefix, onError) =>
      job
        .source(`${prefix}sales`, collection(INPUT), { timestamp: (sale) => sale.id })
        .keyBy((sale) => sale.id)
        .process(
          `${prefix}ids`,
          {
            emits: emits<number>(),
            onRecord(_sale, { timers }) {
              timers.event(1_000);
            },
            onTimer(_timer, context) {
              context.emit(context.key);
              explodeAt({ id: context.key });
            },
          },
          { onError },
        ),
    dead: { key: 13, timer: { kind: "event", time: 1_000 } },
  },
];

const idsOf = (results: readonly unknown[]): unknown[] =>
  results.map((each) => (typeof each === "object" ? (each as Sale).id : each));
const LUCKY = INPUT.map((sale) => sale.id).filter((id) => id !== UNLUCKY.id);

export function describePolicies(engine: Engine): void {
  describe.concurrent("error policies", () => {
    for (const place of places) {
      // How a failure becomes the job's end is the same for all; a job on Redis takes half a second to begin.
      const worthIt = engine.name === "embedded" || place.where.startsWith("a ");
      if (worthIt)
        test(`fail: ${place.where} ends the job with the operator and the record`, async () => {
          const error = await runToFailure(engine, (job) =>
            place.build(job, "", "fail").to("out", collect()),
          );
          expect(error).toMatchObject({ name: "JobFailedError", code: "JOB_FAILED" });
          expect(error.message).toContain(place.operator);
          expect(error.message).toContain(place.shows);
        });

      test(`skip counts and deadLetter keeps what fails: ${place.where}`, async () => {
        const [skipped, kept] = [collect<unknown>(), collect<unknown>()];
        const letters = collect<DeadLetter>();
        const { stages } = await runToEnd(
          engine,
          (job) => {
            place.build(job, "skip-", "skip").to("skipped", skipped);
            const stream = place.build(job, "keep-", "deadLetter");
            stream.to("kept", kept);
            // Behind an edge: what is dead must be encodable too.
            stream
              .deadLetters()
              .rebalance()
              .map("pass", (letter) => letter)
              .to("letters", letters);
          },
          { settings: SMALL },
        );
        expect(sorted(idsOf(skipped.results))).toEqual(sorted(LUCKY));
        expect(sorted(idsOf(kept.results))).toEqual(sorted(LUCKY));
        expect(letters.results).toEqual([
          {
            error: {
              name: expect.any(String),
              message: expect.any(String),
              code: letters.results[0]?.error.code,
            },
            operator: `keep-${place.operator}`,
            record: place.dead,
            position: expect.any(String),
          },
        ]);
        const total = (of: (stage: StageReport) => number): number =>
          stages.reduce((sum, stage) => sum + of(stage), 0);
        expect([total((stage) => stage.skipped), total((stage) => stage.deadLetters)]).toEqual([1, 1]);
      });
    }

    for (const parallelism of [1, 3])
      test(`a throwing keyBy ends the job with the edge and the record, on ${parallelism} partitions`, async () => {
        const error = await runToFailure(
          engine,
          (job) =>
            job
              .source("sales", collection(INPUT))
              .keyBy((sale) => {
                explodeAt(sale);
                return sale.shop;
              })
              .reduce("last", (_a, b) => b)
              .to("out", collect()),
          { parallelism },
        );
        expect(error).toMatchObject({ code: "JOB_FAILED", details: { code: "KEY_SELECTOR" } });
        expect(error.message).toContain("sales-to-last");
        expect(error.message).toContain('"id":13');
      });

    for (const [what, key] of [
      ["an object", { shop: "a" }],
      ["undefined", undefined],
      ["not a number", Number.NaN],
    ] as const)
      test(`a key that is ${what} ends the job with the remedy`, async () => {
        const error = await runToFailure(
          engine,
          (job) =>
            job
              .source("sales", collection(INPUT))
              .keyBy(() => key as unknown as string)
              .reduce("last", (_a, b) => b)
              .to("out", collect()),
          { parallelism: 1 },
        );
        expect(error.details).toMatchObject({ code: "UNSUPPORTED_KEY" });
        expect(error.message).toMatch(/keyCodec/);
      });

    test("a state value that cannot be stored ends the job with operator, state and remedy", async () => {
      class Account {
        readonly balance = 5;
      }
      const error = await runToFailure(engine, (job) =>
        job
          .source("sales", collection(INPUT))
          .keyBy((sale) => sale.shop)
          .process("accounts", {
            state: { account: value<Account>() },
            emits: emits<number>(),
            onRecord(_sale, { state }) {
              state.account.set(new Account());
            },
          })
          .to("out", collect()),
      );
      expect(error.details).toMatchObject({ code: "NOT_SERIALISABLE" });
      expect(error.message).toContain('operator "accounts", state "account"');
      expect(error.message).toContain("class Account");
    });

    test("a function that returns a promise ends the job whatever its policy is", async () => {
      const error = await runToFailure(engine, (job) =>
        job
          .source("sales", collection(INPUT))
          .map("later", (sale) => Promise.resolve(sale), { onError: "skip" })
          .to("out", collect()),
      );
      expect(error.details).toMatchObject({ code: "ASYNC_FUNCTION" });
      expect(error.message).toContain('"later"');
    });

    test("the report of a failed job still tells what happened before", async () => {
      const job = newJob((builder) =>
        builder
          .source("sales", scripted([[[INPUT[0] as Sale], [UNLUCKY]]]))
          .map("explode", (sale) => explodeAt(sale))
          .to("out", collect()),
      );
      await withWeir(engine, job.name, async (weir) => {
        const run = await weir.run(job, { parallelism: 1 });
        await expect(run.finished).rejects.toMatchObject({ code: "JOB_FAILED" });
        expect(run.stages()[0]).toMatchObject({ stage: "sales", recordsIn: 1 });
      });
    });
  });
}
