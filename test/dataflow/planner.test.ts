import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explain } from "../../src/dataflow/explain.ts";
import { defineJob, type JobBuilder } from "../../src/dataflow/job.ts";
import { InvalidJobError } from "../../src/dataflow/job-problem.ts";
import type { Stream } from "../../src/dataflow/stream.ts";
import { count, sum } from "../../src/operators/aggregates.ts";
import { emits } from "../../src/operators/keyed-process.ts";
import { sideTag } from "../../src/operators/side-tag.ts";
import type { JobPlan, OperatorPlan } from "../../src/plan/plan.ts";
import { map } from "../../src/state/descriptors.ts";
import { InvalidTimestampError } from "../../src/time/watermarks.ts";
import { tumbling } from "../../src/time/windows.ts";
import { type Bid, testSink, testSource } from "./fixtures.ts";

function planOf(build: (job: JobBuilder) => void, parallelism = 4): JobPlan {
  return defineJob("test", build).plan({ parallelism });
}

/** Stages as `id×partitions: operator operator`, edges as `from>to kind`. */
function shapeOf(plan: JobPlan): { stages: readonly string[]; edges: readonly string[] } {
  return {
    stages: plan.stages.map((stage) =>
      `${stage.id}×${stage.partitions}: ${stage.operators.map((operator) => operator.name).join(" ")}`.trimEnd(),
    ),
    edges: plan.edges.map((edge) => `${edge.id} ${edge.partitioning.kind}`),
  };
}

const bids = (job: JobBuilder, parallelism?: number) =>
  job.source("bids", testSource<Bid>(), { timestamp: (bid) => bid.at, parallelism });

describe("chaining", () => {
  test("stateless operators and sinks run in the stage of their source", () => {
    const plan = planOf((job) => {
      const cents = bids(job).map("cents", (bid) => bid.price * 100);
      cents.filter("some", (price) => price > 5).to("out", testSink());
      cents.flatMap("twice", (price) => [price, price]).to("out-2", testSink());
    });
    expect(shapeOf(plan)).toEqual({ stages: ["bids×4: cents some out twice out-2"], edges: [] });
    expect(plan.stages[0]?.operators.map((operator) => [operator.name, operator.input])).toEqual([
      ["cents", { kind: "head" }],
      ["some", { kind: "operator", operator: "cents", tag: undefined }],
      ["out", { kind: "operator", operator: "some", tag: undefined }],
      ["twice", { kind: "operator", operator: "cents", tag: undefined }],
      ["out-2", { kind: "operator", operator: "twice", tag: undefined }],
    ]);
  });

  test("side outputs and dead letters are chained behind their operator, those of a source behind the source", () => {
    const tag = sideTag<string>("cheap");
    const plan = planOf((job) => {
      const source = job.source("bids", testSource<Bid>(), { onError: "deadLetter" });
      const mapped = source.map("parse", (bid) => bid, { onError: "deadLetter" });
      mapped.to("out", testSink());
      mapped.sideOutput(tag).to("cheap", testSink());
      mapped.deadLetters().to("letters", testSink());
      source.deadLetters().to("unread", testSink());
    });
    expect(plan.stages[0]?.source?.onError).toBe("deadLetter");
    expect(plan.stages[0]?.operators.slice(2).map((operator) => [operator.name, operator.input])).toEqual([
      ["cheap", { kind: "operator", operator: "parse", tag: "cheap" }],
      ["letters", { kind: "operator", operator: "parse", tag: "$dead-letter" }],
      ["unread", { kind: "operator", operator: "bids", tag: "$dead-letter" }],
    ]);
  });
});

describe("keyBy", () => {
  test("cuts, and what follows is chained behind the keyed operator", () => {
    const plan = planOf((job) => {
      bids(job, 2)
        .keyBy((bid) => bid.auction)
        .window(tumbling("1m"))
        .aggregate(
          "total",
          sum((bid: Bid) => bid.price),
        )
        .map("round", (result) => result.value)
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×2:", "total×4: total round out"],
      edges: ["bids-to-total key"],
    });
    expect(plan.edges[0]?.reason).toBe("keyBy: records with the same key must meet in one partition");
    expect(plan.stages.map((stage) => [stage.inputs, stage.outputs])).toEqual([
      [[], ["bids-to-total"]],
      [["bids-to-total"], []],
    ]);
  });

  test("two operators of one KeyedStream share a stage and an edge", () => {
    const plan = planOf((job) => {
      const keyed = bids(job).keyBy((bid) => bid.auction);
      keyed.aggregate("number", count()).to("numbers", testSink());
      keyed.reduce("best", (a, b) => (a.price > b.price ? a : b)).to("bests", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×4:", "number×4: number numbers best bests"],
      edges: ["bids-to-number key"],
    });
  });

  test("operators of one KeyedStream with different parallelism do not", () => {
    const plan = planOf((job) => {
      const keyed = bids(job).keyBy((bid) => bid.auction);
      keyed.aggregate("number", count(), { parallelism: 2 }).to("numbers", testSink());
      keyed.aggregate("again", count()).to("again-out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×4:", "number×2: number numbers", "again×4: again again-out"],
      edges: ["bids-to-number key", "bids-to-again key"],
    });
  });

  test("a union before it becomes several edges into one stage", () => {
    const plan = planOf((job) => {
      const other = job.source("other", testSource<Bid>(), { parallelism: 1 });
      const source = bids(job);
      source
        .union(other, other.filter("dear", (bid) => bid.price > 100).union())
        .keyBy((bid) => bid.auction)
        .aggregate("number", count())
        .to("out", testSink());
    }, 3);
    expect(shapeOf(plan).edges).toEqual(["bids-to-number key", "other-to-number key", "dear-to-number key"]);
  });

  test("a rebalance before it is dropped, and the reason says so", () => {
    const plan = planOf((job) => {
      bids(job)
        .rebalance()
        .keyBy((bid) => bid.auction)
        .aggregate("number", count())
        .to("out", testSink());
    });
    expect(shapeOf(plan).stages).toEqual(["bids×4:", "number×4: number out"]);
    expect(plan.edges[0]?.reason).toMatch(/; the rebalance before it changes nothing$/);
  });

  test("the key of an edge is the user's key, or its text when there is a codec", () => {
    const plan = planOf((job) => {
      bids(job)
        .keyBy((bid) => bid.auction)
        .aggregate("plain", count())
        .to("out", testSink());
      job
        .source("more", testSource<Bid>())
        .keyBy((bid) => [bid.auction, bid.bidder], {
          keyCodec: { encode: JSON.stringify, decode: JSON.parse },
        })
        .aggregate("coded", count())
        .to("out-2", testSink());
    });
    const keys = plan.edges.map(({ partitioning }) =>
      partitioning.kind === "key" ? partitioning.keyOf({ auction: 7, bidder: "b" } as never) : undefined,
    );
    expect(keys).toEqual([7, '[7,"b"]']);
  });
});

describe("rebalance, broadcast and parallelism", () => {
  test("rebalance spreads a narrow source over the job's parallelism", () => {
    const plan = planOf((job) => {
      job
        .source("file", testSource<Bid>({ maxParallelism: 1 }))
        .rebalance()
        .map("parse", (bid) => bid)
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["file×1:", "parse×4: parse out"],
      edges: ["file-to-parse rebalance"],
    });
    expect(plan.edges[0]?.reason).toBe("rebalance: asked for, batches are dealt out in turn");
  });

  test("readers of one rebalance share its stage", () => {
    const plan = planOf((job) => {
      const spread = bids(job).rebalance();
      spread.map("a", (bid) => bid).to("out-a", testSink());
      spread.map("b", (bid) => bid).to("out-b", testSink());
      spread.map("c", (bid) => bid, { parallelism: 2 }).to("out-c", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×4:", "a×4: a out-a b out-b", "c×2: c out-c"],
      edges: ["bids-to-a rebalance", "bids-to-c rebalance"],
    });
  });

  test("broadcast may meet another stream in a union", () => {
    const plan = planOf((job) => {
      const rules = job.source("rules", testSource<Bid>({ maxParallelism: 1 })).broadcast();
      bids(job)
        .union(rules)
        .map("apply", (bid) => bid)
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["rules×1:", "bids×4:", "apply×4: apply out"],
      edges: ["bids-to-apply forward", "rules-to-apply broadcast"],
    });
  });

  test("an operator with another parallelism than its input gets a stage of its own", () => {
    const plan = planOf((job) => {
      bids(job, 2)
        .map("wide", (bid) => bid, { parallelism: 8 })
        .map("still", (bid) => bid)
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×2:", "wide×8: wide still out"],
      edges: ["bids-to-wide rebalance"],
    });
    expect(plan.edges[0]?.reason).toBe("parallelism: asked for, from 2 partitions to 8");
  });

  test("asking for the parallelism that the input has changes nothing", () => {
    const plan = planOf((job) =>
      bids(job, 2)
        .map("same", (bid) => bid, { parallelism: 2 })
        .to("out", testSink()),
    );
    expect(shapeOf(plan).stages).toEqual(["bids×2: same out"]);
  });

  test("a sink that allows one partition is cut off behind a wider stage", () => {
    const plan = planOf((job) => {
      bids(job).to("out", testSink({ maxParallelism: 1, description: "file out.ndjson" }));
    });
    expect(shapeOf(plan)).toEqual({ stages: ["bids×4:", "out×1: out"], edges: ["bids-to-out rebalance"] });
    expect(plan.edges[0]?.reason).toBe(
      "parallelism: file out.ndjson allows at most 1 partition, from 4 partitions to 1",
    );
  });

  test("and chained when its input is narrow enough", () => {
    const plan = planOf((job) => bids(job, 1).to("out", testSink({ maxParallelism: 1 })));
    expect(shapeOf(plan)).toEqual({ stages: ["bids×1: out"], edges: [] });
  });

  test("a source is no wider than it can be", () => {
    const plan = planOf((job) => {
      job.source("file", testSource({ maxParallelism: 3 })).to("out", testSink());
    }, 8);
    expect(shapeOf(plan).stages).toEqual(["file×3: out"]);
  });

  test.each([0, 257, 2.5, "4"])("a plan with parallelism %j is refused", (parallelism) => {
    const job = defineJob("test", (builder) => bids(builder).to("out", testSink()));
    expect(() => job.plan({ parallelism: parallelism as number })).toThrow(InvalidJobError);
    expect(() => job.plan({ parallelism: parallelism as number })).toThrow(
      /give a whole number from 1 to 256/,
    );
  });
});

describe("operators with two inputs", () => {
  const pair = (a: Bid, b: Bid): readonly Bid[] => [a, b];

  test("have a stage of their own, with an edge per input, although others read the same keyed streams", () => {
    const plan = planOf((job) => {
      const byAuction = bids(job).keyBy((bid) => bid.auction);
      const others = job.source("others", testSource<Bid>(), { timestamp: (bid) => bid.at, parallelism: 2 });
      const byBidder = others.keyBy((bid) => bid.price);
      byAuction.aggregate("number", count()).to("numbers", testSink());
      byAuction.intervalJoin("near", byBidder, { lower: 0, upper: "1s" }, pair).to("out", testSink());
      byAuction.join("all", byBidder, {}, pair, { parallelism: 3 }).to("out-2", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×4:", "others×2:", "number×4: number numbers", "near×4: near out", "all×3: all out-2"],
      edges: [
        "bids-to-number key",
        "bids-to-near key",
        "others-to-near-2 key",
        "bids-to-all key",
        "others-to-all-2 key",
      ],
    });
    expect(plan.edges.map(({ input }) => input)).toEqual([0, 0, 1, 0, 1]);
    const keyOf = (id: string) => {
      const partitioning = plan.edges.find((edge) => edge.id === id)?.partitioning;
      return partitioning?.kind === "key"
        ? partitioning.keyOf({ auction: 1, bidder: "b", price: 2, at: 3 } as never)
        : undefined;
    };
    expect([keyOf("bids-to-near"), keyOf("others-to-near-2")]).toEqual([1, 2]);
  });

  test("a stream may stand on both sides: under one key, or under two", () => {
    const plan = planOf((job) => {
      const all = bids(job);
      const keyed = all.keyBy((bid) => bid.auction);
      keyed.join("self", keyed, {}, pair).to("out", testSink());
      keyed
        .join(
          "cross",
          all.keyBy((bid) => bid.price),
          {},
          pair,
        )
        .to("out-2", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×4:", "self×4: self out", "cross×4: cross out-2"],
      edges: ["bids-to-self key", "bids-to-self-2 key", "bids-to-cross key", "bids-to-cross-2 key"],
    });
  });

  test("a union on either side becomes several edges of that input", () => {
    const plan = planOf((job) => {
      const both = bids(job).union(job.source("more", testSource<Bid>()));
      const keyed = both.keyBy((bid) => bid.auction);
      keyed.join("self", keyed, {}, pair).to("out", testSink());
    });
    expect(plan.edges.map(({ id, input }) => [id, input])).toEqual([
      ["bids-to-self", 0],
      ["more-to-self", 0],
      ["bids-to-self-2", 1],
      ["more-to-self-2", 1],
    ]);
  });

  test("a broadcast second input goes to every partition", () => {
    const plan = planOf((job) => {
      const rules = job.source("rules", testSource<Bid>({ maxParallelism: 1 }));
      bids(job)
        .keyBy((bid) => bid.auction)
        .connect(rules.broadcast())
        .process("apply", {
          broadcast: { rules: map<number, Bid>() },
          emits: emits<Bid>(),
          onRecord: (bid, context) => context.emit(bid),
          onBroadcast: (rule, context) => context.broadcast.rules.set(rule.auction, rule),
        })
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["rules×1:", "bids×4:", "apply×4: apply out"],
      edges: ["bids-to-apply key", "rules-to-apply-2 broadcast"],
    });
    expect(explain(plan)).toContain(
      [
        "stage apply × 4",
        "  from bids, first input: key, 16 channels",
        "    keyBy: records with the same key must meet in one partition",
        "  from rules, second input: broadcast, 4 channels",
        "    broadcast: every partition gets every record of the second input",
        "  apply: broadcast process, state rules (map, msgpack 1)",
        "    out: sink, test sink, append",
      ].join("\n"),
    );
  });

  test("swapping the inputs is another plan", () => {
    const hashOf = (swapped: boolean) =>
      planOf((job) => {
        const a = bids(job).keyBy((bid) => bid.auction);
        const b = job.source("b", testSource<Bid>()).keyBy((bid) => bid.auction);
        (swapped ? b.join("both", a, {}, pair) : a.join("both", b, {}, pair)).to("out", testSink());
      }).hash;
    expect(hashOf(true)).not.toBe(hashOf(false));
    expect(hashOf(true)).toBe(hashOf(true));
  });
});

describe("union", () => {
  test("of stages as wide as each other goes forward, partition by partition", () => {
    const plan = planOf((job) => {
      const other = job.source("other", testSource<Bid>());
      bids(job)
        .union(other)
        .map("both", (bid) => bid)
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["other×4:", "bids×4:", "both×4: both out"],
      edges: ["bids-to-both forward", "other-to-both forward"],
    });
    expect(plan.edges[0]?.reason).toBe("union: bids and other come together");
  });

  test("is as wide as its widest input; narrower ones are rebalanced", () => {
    const plan = planOf((job) => {
      const other = job.source("other", testSource<Bid>(), { parallelism: 2 });
      bids(job, 6).union(other).to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["other×2:", "bids×6:", "out×6: out"],
      edges: ["bids-to-out forward", "other-to-out rebalance"],
    });
    expect(plan.edges[1]?.reason).toBe("union: bids and other come together, from 2 partitions to 6");
  });

  test("of two branches of one stage is cut as well: each branch has watermarks of its own", () => {
    const plan = planOf((job) => {
      const source = bids(job);
      const cheap = source.filter("cheap", (bid) => bid.price < 5);
      source
        .filter("dear", (bid) => bid.price > 100)
        .union(cheap)
        .map("both", (bid) => bid)
        .to("out", testSink());
    });
    expect(shapeOf(plan)).toEqual({
      stages: ["bids×4: cheap dear", "both×4: both out"],
      edges: ["dear-to-both forward", "cheap-to-both forward"],
    });
  });
});

describe("ids", () => {
  test("edges of side outputs carry the tag, and two edges between the same stages differ", () => {
    const tag = sideTag<Bid>("late");
    const plan = planOf((job) => {
      const mapped = bids(job).map("parse", (bid) => bid);
      mapped
        .union(mapped.sideOutput(tag))
        .keyBy((bid) => bid.auction)
        .aggregate("number", count())
        .to("out", testSink());
    });
    expect(plan.edges.map((edge) => edge.id)).toEqual(["parse-to-number", "parse-late-to-number"]);
  });

  test("long names and names that look like edges give distinct, valid ids", () => {
    const long = "n".repeat(100);
    const plan = planOf((job) => {
      const a = job.source("a", testSource<Bid>());
      const b = job.source("a-to-b", testSource<Bid>());
      a.keyBy((bid) => bid.auction)
        .aggregate("b-to-c", count())
        .to("out", testSink());
      b.keyBy((bid) => bid.auction)
        .aggregate("c", count())
        .to("out-2", testSink());
      a.keyBy((bid) => bid.auction)
        .aggregate(long, count())
        .to("out-3", testSink());
    });
    const ids = plan.edges.map((edge) => edge.id);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/);
  });
});

describe("the source of a stage", () => {
  const sourceOf = (timestamp: (bid: Bid) => Date | number) =>
    planOf((job) =>
      job
        .source("bids", testSource<Bid>(), { timestamp, outOfOrderness: "5s", idleAfter: "1m" })
        .to("out", testSink()),
    ).stages[0]?.source;

  test("has its durations in milliseconds and its timestamps in epoch ms, from a Date or a number", () => {
    const source = sourceOf((bid) => new Date(bid.at));
    expect(source).toMatchObject({
      watermarks: { description: "out of order by 5s" },
      idleAfterMs: 60_000,
      onError: "fail",
    });
    expect(source?.timestamp?.({ at: 1234 } as never)).toBe(1234);
    expect(sourceOf((bid) => bid.at)?.timestamp?.({ at: 77 } as never)).toBe(77);
  });

  test.each([Number.NaN, undefined, "2001-01-01", new Date("nonsense")])(
    "refuses %s for a timestamp",
    (given) => {
      const source = sourceOf(() => given as number);
      expect(() => source?.timestamp?.({} as never)).toThrow(InvalidTimestampError);
      expect(() => source?.timestamp?.({} as never)).toThrow(/^source "bids": the timestamp of a record is /);
    },
  );
});

describe("laws of a plan", () => {
  /** One step of building a job: which stream it reads (modulo their number) and what it does with it. */
  const step = fc.record({
    reads: fc.nat(100),
    with: fc.nat(100),
    does: fc.constantFrom(
      "map",
      "keyed",
      "twoKeyed",
      "union",
      "unionKeyed",
      "joined",
      "selfJoined",
      "ruled",
      "rebalance",
      "broadcast",
      "narrow",
    ),
    parallelism: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
  });
  type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

  function build(job: JobBuilder, steps: readonly Step[]): void {
    const streams: Stream<unknown>[] = [
      job.source("s0", testSource<unknown>({ maxParallelism: 1 })),
      job.source("s1", testSource<unknown>()),
    ];
    steps.forEach(({ reads, with: second, does, parallelism }, index) => {
      const input = streams[reads % streams.length] as Stream<unknown>;
      const other = streams[second % streams.length] as Stream<unknown>;
      const name = `o${index}`;
      const id = (record: unknown): unknown => record;
      const key = (record: unknown): string => String(record);
      // A pass-through in front of routing keeps routings apart from each other and from keys.
      if (does === "map") streams.push(input.map(name, id, { parallelism }));
      else if (does === "keyed") streams.push(input.keyBy(key).aggregate(name, count(), { parallelism }));
      else if (does === "twoKeyed") {
        const keyed = input.keyBy(key);
        streams.push(keyed.aggregate(name, count()), keyed.aggregate(`${name}b`, count(), { parallelism }));
      } else if (does === "union" || does === "unionKeyed") {
        const both = input.map(`${name}l`, id).union(other.map(`${name}r`, id));
        if (does === "union") streams.push(both.map(name, id, { parallelism }));
        else streams.push(both.keyBy(key).aggregate(name, count(), { parallelism }));
      } else if (does === "joined" || does === "selfJoined") {
        const keyed = input.keyBy(key);
        const right = does === "joined" ? other.keyBy(key) : keyed;
        streams.push(keyed.join(name, right, {}, (left, right) => [left, right], { parallelism }));
      } else if (does === "ruled") {
        const definition = {
          broadcast: { rules: map<string, unknown>() },
          emits: emits<unknown>(),
          onRecord: () => {},
          onBroadcast: () => {},
        };
        const rules = other.map(`${name}r`, id).broadcast();
        streams.push(input.keyBy(key).connect(rules).process(name, definition, { parallelism }));
      } else if (does === "narrow") input.to(name, testSink({ maxParallelism: 1 }));
      else streams.push(input[does]().map(name, id, { parallelism }));
    });
    for (const [index, stream] of streams.entries()) stream.to(`end${index}`, testSink());
  }

  test("L1 L2 L3 L4 hold for any graph", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer({ min: 1, max: 8 }), (steps, parallelism) => {
        const job = defineJob("random", (builder) => build(builder, steps));
        const plan = job.plan({ parallelism });
        const stageAt = new Map(plan.stages.map((stage, at) => [stage.id, at]));
        const partitions = new Map(plan.stages.map((stage) => [stage.id, stage.partitions]));
        const edges = new Map(plan.edges.map((edge) => [edge.id, edge]));
        expect(stageAt.size).toBe(plan.stages.length);
        expect(edges.size).toBe(plan.edges.length);

        // L1: each named node once, behind what it reads; every stage has a head.
        const placed = plan.stages.flatMap((stage) => [
          ...(stage.source === undefined ? [] : [stage.id]),
          ...stage.operators.map((operator) => operator.name),
        ]);
        const named = job.graph.nodes.flatMap((node) => ("name" in node ? [node.name] : []));
        expect([...placed].sort()).toEqual([...named].sort());
        for (const stage of plan.stages) {
          expect(stage.source === undefined).toBe(stage.inputs.length > 0);
          const before = new Set(stage.source === undefined ? [] : [stage.id]);
          for (const operator of stage.operators) {
            if (operator.input.kind === "operator") expect(before).toContain(operator.input.operator);
            before.add(operator.name);
          }
          // L2
          for (const operator of stage.operators as readonly OperatorPlan[]) {
            if (operator.type !== "keyed") continue;
            expect(operator.input).toEqual({ kind: "head" });
            for (const id of stage.inputs)
              expect(edges.get(id)?.input === 1 ? ["key", "broadcast"] : ["key"]).toContain(
                edges.get(id)?.partitioning.kind,
              );
          }
          for (const id of stage.inputs) expect(edges.get(id)?.to).toBe(stage.id);
          for (const id of stage.outputs) expect(edges.get(id)?.from).toBe(stage.id);
        }
        for (const edge of plan.edges) {
          // L3
          if (edge.partitioning.kind === "forward")
            expect(partitions.get(edge.from)).toBe(partitions.get(edge.to));
          // L4
          expect(stageAt.get(edge.from)).toBeLessThan(stageAt.get(edge.to) as number);
        }
      }),
    );
  });

  test("L5 the same job gives the same plan and hash, every time", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const plan = (): JobPlan =>
          defineJob("random", (builder) => build(builder, steps)).plan({ parallelism: 3 });
        expect(plan().hash).toBe(plan().hash);
        expect(shapeOf(plan())).toEqual(shapeOf(plan()));
      }),
      { numRuns: 30 },
    );
  });
});
