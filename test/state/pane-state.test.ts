// Panes against plain maps: three keys, a few panes each, records that are taken back, commits, and new owners.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { msgpackCodec } from "../../src/core/codec.ts";
import type { KeyedState } from "../../src/state/keyed-state.ts";
import { PaneCells } from "../../src/state/pane-state.ts";
import { collectWrites, createKeyedState } from "../support/keyed-state.ts";
import { ModelBackend } from "../support/model-backend.ts";

type Sum = { n: number };
/** Panes of each key by their start. */
type Model = Map<string, Map<number, Sum>>;

const key = fc.constantFrom("a", "b", "c");
const start = fc.constantFrom(-20, -10, 0, 10, 20, 2 ** 40);
const record = fc.record({
  kind: fc.constantFrom("set" as const, "change" as const, "drop" as const, "read" as const),
  key,
  start,
  n: fc.nat(9),
  fails: fc.boolean(),
});
const step = fc.oneof(
  { weight: 8, arbitrary: record },
  { weight: 2, arbitrary: fc.constant({ kind: "commit" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "newOwner" as const }) },
);

function open(
  journaling: boolean,
  encodesOnCommit: boolean,
  startsEmpty: boolean,
): { state: KeyedState; panes: PaneCells<Sum> } {
  const state = createKeyedState({ journaling, encodesOnCommit, startsEmpty, cacheEntries: 2 });
  const panes = state.addCellsOf((scope, empty) => new PaneCells<Sum>(scope, "panes", msgpackCodec, empty));
  return { state, panes };
}

describe("PaneCells", () => {
  test("S1 S2 read as plain maps, for any records, failures, commits, evictions and owners", () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.boolean(),
        fc.array(step, { maxLength: 60, size: "max" }),
        (journaling, encodes, steps) => {
          const backend = new ModelBackend(!encodes);
          const model: Model = new Map(["a", "b", "c"].map((each) => [each, new Map()]));
          let { state, panes } = open(journaling, encodes, true);
          const commit = (): void => {
            backend.stage(collectWrites(state));
            backend.apply();
            state.acknowledge();
          };
          for (const one of steps) {
            if (one.kind === "commit") commit();
            else if (one.kind === "newOwner") {
              commit();
              ({ state, panes } = open(journaling, encodes, false));
            } else {
              state.prepare();
              state.wantKey(one.key);
              const loads = state.takeLoads();
              backend.load(loads);
              state.supply(loads);
              state.enter(0);
              state.setKey(one.key);
              if (journaling) state.beginRecord();
              const plain = model.get(one.key) as Map<number, Sum>;
              const changed = perform(panes, plain, one);
              if (journaling && one.fails) state.rollback();
              else model.set(one.key, changed);
              const kept = [...(model.get(one.key) as Map<number, Sum>)].sort(([a], [b]) => a - b);
              expect(panes.panes().map((pane) => [pane.start, pane.value])).toEqual(kept);
              for (const [at, value] of kept) {
                panes.standOn(at);
                expect(panes.peek()).toEqual(value);
              }
              panes.standOn(one.start);
              expect(panes.peek()).toEqual(model.get(one.key)?.get(one.start));
              state.leave();
            }
          }
        },
      ),
      { numRuns: 250 },
    );
  });
});

/** @returns what the model holds afterwards; what it held before stays as it is */
function perform(
  panes: PaneCells<Sum>,
  before: ReadonlyMap<number, Sum>,
  { kind, start, n }: { kind: "set" | "change" | "drop" | "read"; start: number; n: number },
): Map<number, Sum> {
  const after = new Map([...before].map(([at, sum]) => [at, { ...sum }]));
  panes.standOn(start);
  if (kind === "set") {
    panes.set({ n });
    after.set(start, { n });
  } else if (kind === "change") {
    const sum = panes.get() ?? { n: 0 };
    sum.n += n;
    panes.set(sum);
    after.set(start, { n: (before.get(start)?.n ?? 0) + n });
  } else if (kind === "drop") {
    panes.dropBelow(start);
    for (const at of before.keys()) if (at < start) after.delete(at);
  }
  return after;
}
