// defineJob — where a dataflow begins: the build function is called once, its calls become a frozen logical graph.
import type { Source } from "../connectors/contract.ts";
import { checkOptions } from "../core/options.ts";
import type { JobPlan } from "../plan/plan.ts";
import { GraphRecorder } from "./graph-recorder.ts";
import { InvalidJobError } from "./job-problem.ts";
import type { LogicalGraph } from "./logical-graph.ts";
import { createSourceNode } from "./nodes/source-node.ts";
import { planGraph } from "./planner.ts";
import { judgeParallelism } from "./rules/parallelism-rules.ts";
import { SourceStream } from "./stream.ts";
import type { PlanOptions, SourceOptions } from "./stream-options.ts";
import { findProblems } from "./validate.ts";

/** Also recognises jobs that come from another copy of this package, as command line tools load them. */
const JOB_BRAND: unique symbol = Symbol.for("weir.job");

/** A valid job: what to run, not where or how wide. Made by {@link defineJob}. */
export interface Job {
  readonly name: string;
  /** What the build function described. */
  readonly graph: LogicalGraph;
  /**
   * Cuts the job into stages. The same job and options give the same plan, with the same hash, in every process.
   *
   * @throws {InvalidJobError} when `parallelism` is not a whole number from 1 to 256
   */
  plan(options: PlanOptions): JobPlan;
}

/** Given to the build function of {@link defineJob}. */
export interface JobBuilder {
  /**
   * Where records enter the job. Their type comes from the source: from its schema, if it has one.
   *
   * @param name identity of the source's positions in stored state
   */
  source<T>(name: string, source: Source<T>, options?: SourceOptions<NoInfer<T>>): SourceStream<T>;
}

/**
 * Describes a job. `build` is called once, at once; it only describes, nothing runs before the job is started.
 *
 * @param name identity of the job: state is found again under it
 * @throws {InvalidJobError} with everything that is wrong with the job
 */
export function defineJob(name: string, build: (job: JobBuilder) => void): Job {
  const recorder = new GraphRecorder(name);
  const returned = callBuild(name, build, {
    source: (sourceName, source, options) =>
      new SourceStream(recorder, recorder.add(createSourceNode(recorder.owner, sourceName, source, options))),
  });
  const graph = recorder.close();
  if (isPromiseLike(returned)) {
    // It may still add to the recorder, and then fails; that error says the same as this one.
    returned.then(undefined, () => undefined);
    throw buildError(
      name,
      "the build function is async; describe the job synchronously and await before or after defineJob",
    );
  }
  const problems = [...recorder.problems, ...findProblems(graph)];
  if (problems.length > 0) throw new InvalidJobError(name, problems);
  return createJob(graph);
}

/** Whether a value, for example what a file exports, is a job. */
export function isJob(value: unknown): value is Job {
  return typeof value === "object" && value !== null && JOB_BRAND in value;
}

function createJob(graph: LogicalGraph): Job {
  const job: Job & { readonly [JOB_BRAND]: true } = {
    [JOB_BRAND]: true,
    name: graph.job,
    graph,
    plan(options) {
      const owner = `plan of job "${graph.job}"`;
      checkOptions(owner, options, ["parallelism"]);
      const problem = judgeParallelism(owner, options.parallelism);
      if (problem !== undefined) throw new InvalidJobError(graph.job, [problem]);
      return planGraph(graph, options.parallelism);
    },
  };
  return Object.freeze(job);
}

function callBuild(name: string, build: (job: JobBuilder) => void, builder: JobBuilder): unknown {
  if (typeof build !== "function")
    throw buildError(name, 'the second argument is no function; write defineJob("name", (job) => { ... })');
  return build(Object.freeze(builder)) as unknown;
}

function buildError(name: string, message: string): InvalidJobError {
  return new InvalidJobError(String(name), [{ code: "INVALID_BUILD", subject: "build", message }]);
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}
