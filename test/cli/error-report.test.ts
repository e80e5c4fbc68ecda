import { describe, expect, test } from "vitest";
import { errorObject, formatError, reportOf } from "../../src/cli/error-report.ts";
import * as cliErrors from "../../src/cli/errors.ts";
import { EXIT, exitCodeFor } from "../../src/cli/exit-codes.ts";
import { isEngineError } from "../../src/core/errors.ts";
import { UnknownOptionError } from "../../src/core/options.ts";
import { JobLostError, JobNotFoundError, SessionEndedError } from "../../src/core/partition-errors.ts";
import { InvalidJobError } from "../../src/dataflow/job-problem.ts";
import * as redisErrors from "../../src/redis/errors.ts";
import * as runtimeErrors from "../../src/runtime/errors.ts";

describe("error reports", () => {
  test("show code and message on one line; stacks with their causes only when asked for", () => {
    const cause = new TypeError("deep down");
    const report = reportOf(new cliErrors.JobFileError("a.ts", "loading it failed", cause));
    expect(formatError(report, { verbose: false })).toBe("weir: job file a.ts: loading it failed [JOB_FILE]");
    expect(formatError(report, { verbose: true })).toMatch(
      /\nJobFileError: .*\n[\s\S]*\ncaused by TypeError: deep down\n/,
    );
    expect(errorObject(report)).toEqual({
      error: {
        ...{ code: "JOB_FILE", message: "job file a.ts: loading it failed" },
        details: { path: "a.ts", problem: "loading it failed" },
      },
    });
  });

  test("recognise the errors of another copy of the package", () => {
    const foreign = Object.assign(new Error("from elsewhere"), {
      code: "INVALID_JOB",
      retry: "never",
      details: {},
    });
    expect(isEngineError(foreign)).toBe(true);
    expect(reportOf(foreign)).toMatchObject({ code: "INVALID_JOB", final: true });
    expect(isEngineError(Object.assign(new Error("of Node"), { code: "ENOENT" }))).toBe(false);
    expect(reportOf("just text")).toMatchObject({ code: "UNEXPECTED", message: "just text" });
  });

  test("say whether trying again is pointless", () => {
    expect(reportOf(new redisErrors.RedisUnreachableError("redis://x", new Error("no"))).final).toBe(false);
    expect(reportOf(new JobLostError("x")).final).toBe(true);
  });

  test("hold details that JSON cannot hold as text", () => {
    const circular: Record<string, unknown> = { big: 5n, inner: new Error("why") };
    const report = { ...reportOf(new Error("x")), details: circular };
    expect(errorObject(report)).toMatchObject({ error: { details: { big: "5", inner: "why" } } });
    circular["self"] = circular;
    expect(() => JSON.stringify(errorObject(report))).not.toThrow();
  });
});

describe("exit codes", () => {
  test.each([
    [new cliErrors.UsageError("x"), EXIT.usage],
    [new cliErrors.JobFileError("x", "y"), EXIT.usage],
    [new cliErrors.TypeScriptLoaderError("x", "20"), EXIT.usage],
    [new InvalidJobError("x", []), EXIT.usage],
    [new UnknownOptionError("x", "y", []), EXIT.usage],
    [new runtimeErrors.InvalidSettingError("x", 1, "y"), EXIT.usage],
    [new runtimeErrors.NeedsRedisError("x", "y"), EXIT.usage],
    [new runtimeErrors.NeedsOneProcessError("x", "y"), EXIT.usage],
    [new redisErrors.RedisUrlError("x", "y"), EXIT.usage],
    [new redisErrors.RedisUnreachableError("x", new Error()), EXIT.redis],
    [new redisErrors.RedisTooOldError("x", "Redis", "6.2", "7.0"), EXIT.redis],
    [new redisErrors.RedisEvictionPolicyError("x", "allkeys-lru"), EXIT.redis],
    [new SessionEndedError(new Error()), EXIT.redis],
    [new JobNotFoundError("x"), EXIT.job],
    [new JobLostError("x"), EXIT.job],
    [new runtimeErrors.JobOverError("x", "finished"), EXIT.job],
    [new runtimeErrors.JobGraphChangedError("x", []), EXIT.job],
    [new cliErrors.JobNotRunningError("x", "failed"), EXIT.job],
    [new runtimeErrors.JobFailedError("x", undefined), EXIT.failed],
    [new cliErrors.WorkersCrashedError("x", 1, "y"), EXIT.failed],
    [new Error("x"), EXIT.failed],
  ])("%s -> %d", (error, code) => {
    expect(exitCodeFor(reportOf(error).code)).toBe(code);
  });
});
