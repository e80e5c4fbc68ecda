// The commit protocol, tried in every interleaving of a small world (docs/protocols/model.md).
//
// The protocol as built must hold in all of them. Each protection switched off must be *caught*: a model in which
// the controls pass would prove nothing about the protocol.
//
//   WEIR_MODEL_FAILOVERS=2   a larger world for the runs that must pass (default 1)
//   WEIR_MODEL_SESSIONS=3    one more zombie per actor (default 2; too large together with client resends)
//   WEIR_MODEL_RESENDS=2     more commits that the client doubles (default 1)
//   WEIR_MODEL_POSITIONS=3   a longer input (default 2)

import { afterAll, describe, expect, test } from "vitest";
import {
  type Exploration,
  explore,
  type Judges,
  protocolAsBuilt,
  type Variant,
} from "./commit-protocol-model.ts";
import type { Bound } from "./protocol-state.ts";
import type { Step } from "./protocol-trace.ts";

const smallest: Bound = { positions: 2, failovers: 1, sessions: 2, resends: 1 };
const bound: Bound = {
  positions: fromEnvironment("WEIR_MODEL_POSITIONS", 2),
  failovers: fromEnvironment("WEIR_MODEL_FAILOVERS", 1),
  sessions: fromEnvironment("WEIR_MODEL_SESSIONS", 2),
  resends: fromEnvironment("WEIR_MODEL_RESENDS", 1),
};
const everyJudge: Judges = { ownership: true, resumable: true };
const report: string[] = [];

afterAll(() => console.info(`commit protocol model\n${report.join("\n")}`));

describe("the commit protocol as built, in every interleaving", { timeout: 1_800_000 }, () => {
  test("consumes every record exactly once, across takeovers, lost replies and failovers", () => {
    const run = exploreNamed("as built", {}, bound, everyJudge);
    expectHolds(run);
    // With the history bound, one history never shows a session a sequence it does not expect.
    expect(run.answers.ROLLBACK).toBe(0);
    expect(run.answers.DUP).toBe(0);
  });

  test("needs no gap check at the consumer for that: the gap check only finds what must not happen", () => {
    expectHolds(exploreNamed("as built, no gap check", { gapCheck: false }, bound, everyJudge));
  });

  test("consumes every record exactly once when the client library sends commits again", () => {
    const run = exploreNamed("as built, client resends", { clientResends: true }, bound, everyJudge);
    expectHolds(run);
    expect(run.answers.DUP).toBeGreaterThan(0);
  });

  test("a counter as fence is held up by the history binding alone", () => {
    expectHolds(
      exploreNamed("counter fence, bound to the history", { fence: "counter" }, smallest, everyJudge),
    );
  });
});

describe("each protection switched off", () => {
  test("no history binding: an entry read from the lost future is committed onto the restored past", () => {
    const run = exploreNamed("no history binding, no gap check", { historyBinding: false, gapCheck: false });
    expectLostFuture(run);
  });

  test("no history binding: a gap check does not help, because nothing is missing behind the cursor", () => {
    const run = exploreNamed("no history binding", { historyBinding: false });
    expectLostFuture(run);
  });

  test("no history binding: the job is beyond repair from the moment that commit is accepted", () => {
    const changes = { historyBinding: false };
    const { trace, reason } = caught(
      exploreNamed("no history binding, resumption judged", changes, smallest, { resumable: true }),
    );
    expect(reason, told(trace)).toBe("new sessions could not consume the whole input");
    expect(trace.at(-1)).toMatchObject({ kind: "commit", session: "C1", verdict: "OK", history: 1 });
  });

  test("no sequence: a commit that is sent again is applied twice", () => {
    const { trace, reason } = caught(
      exploreNamed("no sequence, client resends", { sequence: false, clientResends: true }),
    );
    expect(reason, told(trace)).toBe("C has consumed a record twice, or one too early");
    const entries = trace
      .filter((step) => step.session === "P1" && step.verdict === "OK")
      .map((step) => step.entry);
    expect(entries, told(trace)).toEqual([
      { id: 1, records: "records 0" },
      { id: 2, records: "records 0" },
    ]);
    expect(trace.some((step) => step.kind === "resend")).toBe(true);
  });

  test("no fence: a zombie's commit is taken for the owner's", () => {
    const { trace, reason } = caught(exploreNamed("no fence", { fence: "none" }));
    expect(reason, told(trace)).toBe("nothing is left to do, but record 1 was never consumed");
    expect(trace.some((step) => step.session === "P1" && step.verdict === "OK")).toBe(true);
    expect(trace.some((step) => step.session === "P2" && step.verdict === "DUP")).toBe(true);
    expect(trace.some((step) => step.kind === "failover")).toBe(false);
  });

  test("a counter as fence: a rollback takes the counter back and hands it out twice", () => {
    const { trace, reason } = caught(
      exploreNamed("counter fence, no history binding", { fence: "counter", historyBinding: false }),
    );
    expect(reason, told(trace)).toBe("nothing is left to do, but record 1 was never consumed");

    const owner = caught(
      exploreNamed(
        "counter fence, no history binding, ownership judged",
        { fence: "counter", historyBinding: false },
        smallest,
        { ownership: true },
      ),
    );
    expect(owner.reason, told(owner.trace)).toBe("a commit of a session that is not the owner was accepted");
    const attaches = owner.trace.filter((step) => step.kind === "attach");
    expect(attaches.map((step) => [step.session, step.history])).toEqual([
      ["P1", 0],
      ["P2", 1],
    ]);
    expect(owner.trace.at(-1)).toMatchObject({ kind: "commit", session: "P1", verdict: "OK", history: 1 });
  });

  test("a counter as the only protection", () => {
    caught(
      exploreNamed("counter fence only", {
        fence: "counter",
        sequence: false,
        historyBinding: false,
        gapCheck: false,
      }),
    );
  });

  test("a random fence as the only protection, with client resends", () => {
    caught(
      exploreNamed("random fence only, client resends", {
        sequence: false,
        historyBinding: false,
        gapCheck: false,
        clientResends: true,
      }),
    );
  });
});

/** Runs one variant of the protocol as built and notes its numbers for the table at the end. */
function exploreNamed(
  name: string,
  changes: Partial<Variant>,
  within: Bound = smallest,
  judges: Judges = {},
): Exploration {
  const run = explore({ ...protocolAsBuilt, ...changes }, within, judges);
  const verdict = run.violation === undefined ? "holds" : `violated after ${run.depth} steps`;
  report.push(`${name.padEnd(52)}${run.states.toLocaleString("en").padStart(11)} states  ${verdict}`);
  return run;
}

function expectHolds(run: Exploration): void {
  if (run.violation !== undefined) expect.fail(`${run.violation.reason}\n${told(run.violation.trace)}`);
  expect(run.restores).toBe(0);
  // The world was hostile enough to mean something, and calm enough to finish.
  expect(run.finished).toBeGreaterThan(0);
  expect(run.lostCommits).toBeGreaterThan(0);
  expect(run.answers.FENCED).toBeGreaterThan(0);
  expect(run.answers.HISTORY).toBeGreaterThan(0);
}

function caught(run: Exploration): { readonly reason: string; readonly trace: readonly Step[] } {
  if (run.violation === undefined) expect.fail(`${run.states} states, and none of them is wrong`);
  return run.violation;
}

/**
 * P commits entry 1; C reads it and has its commit in flight; failover to a replica without entry 1; C's commit is
 * accepted, as its own fence and sequence never changed; P writes a different entry 1, which C never reads.
 */
function expectLostFuture(run: Exploration): void {
  const { trace, reason } = caught(run);
  const at = (what: Partial<Step>): number =>
    trace.findIndex((step) =>
      Object.entries(what).every(([name, value]) => step[name as keyof Step] === value),
    );
  const written = at({ kind: "commit", session: "P1", verdict: "OK", history: 0 });
  const read = at({ kind: "read", session: "C1", history: 0 });
  const failover = at({ kind: "failover" });
  const committed = at({ kind: "commit", session: "C1", verdict: "OK", history: 1 });
  const rewritten = at({ kind: "commit", session: "P2", verdict: "OK", history: 1 });

  expect(reason, told(trace)).toBe("nothing is left to do, but record 1 was never consumed");
  expect(
    [0 <= written, written < read, read < failover, failover < committed, failover < rewritten],
    told(trace),
  ).toEqual([true, true, true, true, true]);
  expect(trace[read]?.entry, told(trace)).toEqual(trace[written]?.entry);
  expect(trace[written]?.entry, told(trace)).toEqual({ id: 1, records: "records 0" });
  expect(trace[rewritten]?.entry, told(trace)).toEqual({ id: 1, records: "records 0,1" });
  expect(
    trace.filter((step) => step.kind === "read"),
    told(trace),
  ).toHaveLength(1);
}

function told(trace: readonly Step[]): string {
  return trace.map((step, index) => `${String(index + 1).padStart(4)}  ${step.text}`).join("\n");
}

function fromEnvironment(name: string, otherwise: number): number {
  const text = process.env[name] ?? String(otherwise);
  if (!/^[1-9]$/.test(text))
    throw new RangeError(`${name} is ${JSON.stringify(text)}; give a whole number from 1 to 9`);
  return Number(text);
}
