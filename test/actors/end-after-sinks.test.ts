// A partition that is known as ended is never opened again, so its sinks must have acted on everything before.
import { describe, expect, test } from "vitest";
import { collection } from "../../src/connectors/collection.ts";
import type { Sink } from "../../src/connectors/contract.ts";
import { defineJob } from "../../src/dataflow/job.ts";
import { connect } from "../../src/runtime/weir.ts";
import { type Step, scripted } from "../engine/scripted-source.ts";
import { waitFor } from "../support/wait-for.ts";

describe("the end of a partition with a sink", () => {
  test("comes after the sink has acted on the last commit, and the job ends after that", async () => {
    const steps: string[] = [];
    let act = (): void => {};
    const acted = new Promise<void>((resolve) => {
      act = resolve;
    });
    const sink: Sink<number> = {
      description: "slow to act",
      guarantee: "transactional",
      open: () => ({
        write: (records) => void steps.push(`write ${records.join(",")}`),
        prepare: () => ({}),
        committed: async () => {
          steps.push("committed");
          await acted;
        },
        close: (graceful) => void steps.push(`close ${graceful ? "gracefully" : "after a failure"}`),
      }),
    };
    const job = defineJob("end-after-sinks", (build) => {
      build.source("numbers", collection([1, 2, 3])).to("rows", sink);
    });
    const weir = await connect();
    const ended: string[] = [];
    const run = await weir.run(job, {
      parallelism: 1,
      onEvent: (event) => {
        if (event.kind === "partition-ended") ended.push(event.partition);
      },
    });
    let over = false;
    void run.finished.then(() => {
      over = true;
    });
    await waitFor(() => steps.includes("committed"), { describe: "the commit" });
    // Long enough for the leader to look several times.
    const looksAfter = performance.now() + 700;
    await waitFor(() => performance.now() > looksAfter, { describe: "a few rounds" });
    expect({ over, ended, steps }).toEqual({ over: false, ended: [], steps: ["write 1,2,3", "committed"] });
    act();
    expect(await run.finished).toMatchObject({ status: "finished" });
    expect(ended).toEqual(["numbers.0"]);
    expect(steps.at(-1)).toBe("close gracefully");
    await weir.close();
  });

  test("comes after the sink has acted on earlier commits too, when it has nothing to do about the last one", async () => {
    let commits = 0;
    let act = (): void => {};
    const acted = new Promise<void>((resolve) => {
      act = resolve;
    });
    const sink: Sink<number> = {
      description: "slow to act once",
      guarantee: "transactional",
      open: () => ({
        write() {},
        prepare: () => ({}),
        committed: () => (++commits === 1 ? acted : undefined),
        close() {},
      }),
    };
    const seen = (count: number): Step<number> => ({
      wait: () => waitFor(() => commits >= count, { describe: `commit ${count}` }),
    });
    const job = defineJob("end-after-earlier-commits", (build) => {
      build.source("numbers", scripted([[[1], seen(1), [2], seen(2), [3]]])).to("rows", sink);
    });
    const weir = await connect();
    const ended: string[] = [];
    const run = await weir.run(job, {
      parallelism: 1,
      onEvent: (event) => {
        if (event.kind === "partition-ended") ended.push(event.partition);
      },
    });
    await waitFor(() => commits >= 3, { describe: "an epoch per record" });
    const looksAfter = performance.now() + 300;
    await waitFor(() => performance.now() > looksAfter, { describe: "a few rounds" });
    expect(ended).toEqual([]);
    act();
    expect(await run.finished).toMatchObject({ status: "finished" });
    expect(ended).toEqual(["numbers.0"]);
    await weir.close();
  });
});
