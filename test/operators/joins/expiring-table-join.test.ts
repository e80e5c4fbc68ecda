import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_WATERMARK } from "../../../src/core/batch.ts";
import type { Change, ChangeOp } from "../../../src/operators/change.ts";
import { MissingJoinTimestampError } from "../../../src/operators/joins/join-time.ts";
import { tableJoinOperator } from "../../../src/operators/joins/table-join.ts";
import { emitsChanges, type TableJoinKind } from "../../../src/operators/joins/table-join-base.ts";
import { KeyedHarness } from "../../support/keyed-harness.ts";
import {
  anyLife,
  harnessOptions,
  type Life,
  lifeModel,
  liveThrough,
  undisturbed,
} from "../../support/operator-life.ts";
import { arrivals, type Event, events, give, type Item, live } from "./two-input-life.ts";

const RUNS = 100;

interface Tables {
  readonly kind: TableJoinKind;
  readonly leftKeyed: boolean;
  readonly rightKeyed: boolean;
  readonly ttlMs: number;
}

const tables: fc.Arbitrary<Tables> = fc.record({
  kind: fc.constantFrom<TableJoinKind>("inner", "left", "right", "full", "semi", "anti"),
  leftKeyed: fc.boolean(),
  rightKeyed: fc.boolean(),
  ttlMs: fc.constantFrom(3, 10, 40),
});

const primaryKey = (item: Item): number => item.id % 3;

const definitionOf = ({ kind, leftKeyed, rightKeyed, ttlMs }: Tables, time: "event" | "processing") => ({
  kind,
  leftKey: leftKeyed ? primaryKey : undefined,
  rightKey: rightKeyed ? primaryKey : undefined,
  ttl: { ttlMs, time },
  join: (left: Item | undefined, right: Item | undefined) => `${left?.id} ${right?.id}`,
});

const OPS: readonly ChangeOp[] = ["-D", "-U", "+I", "+U"];

function opOf({ leftKeyed, rightKeyed }: Tables, item: Item): ChangeOp | undefined {
  return (item.input === 0 ? leftKeyed : rightKeyed) ? OPS[item.drawn] : undefined;
}

function recordOf(chosen: Tables): (item: Item) => unknown {
  return (item) => {
    const op = opOf(chosen, item);
    return op === undefined ? item : { op, row: item };
  };
}

/** One row from its coming to its end, and what the result holds of it. */
interface Version {
  readonly item: Item;
  readonly id: string;
  readonly time: number;
  readonly met: Set<Version>;
  /** Taken away or replaced while it lived. */
  ended: boolean;
  /** Another row has its place since it expired: what is in the result stays as it is. */
  displaced: boolean;
}

/** The meaning of a join with a time to live, with nothing forgotten. */
class Model {
  readonly #chosen: Tables;
  readonly #versions: Version[] = [];

  constructor(chosen: Tables) {
    this.#chosen = chosen;
  }

  take(item: Item, now: number): void {
    const { leftKeyed, rightKeyed, ttlMs } = this.#chosen;
    const keyed = item.input === 0 ? leftKeyed : rightKeyed;
    const id = `${item.input} ${typeof item.key} ${item.key} ${keyed ? primaryKey(item) : `#${item.id}`}`;
    const before = this.#versions.find((each) => each.id === id && !each.ended && !each.displaced);
    const found = before !== undefined && now < before.time + ttlMs ? before : undefined;
    const others = this.#versions.filter(
      (each) =>
        each.item.input !== item.input &&
        each.item.key === item.key &&
        !each.ended &&
        !each.displaced &&
        now < each.time + ttlMs,
    );
    if (found !== undefined) {
      found.ended = true;
      for (const other of others) {
        found.met.delete(other);
        other.met.delete(found);
      }
    }
    const op = opOf(this.#chosen, item);
    if (op === "-D" || op === "-U") return;
    if (found === undefined && before !== undefined) before.displaced = true;
    const version = { item, id, time: now, met: new Set<Version>(), ended: false, displaced: false };
    this.#versions.push(version);
    for (const other of others) {
      if (Math.abs(other.time - now) >= ttlMs) continue;
      version.met.add(other);
      other.met.add(version);
    }
  }

  result(): string[] {
    const { kind } = this.#chosen;
    const result: string[] = [];
    for (const { item, met, ended } of this.#versions) {
      const isLeft = item.input === 0;
      if (kind === "semi" || kind === "anti") {
        if (isLeft && !ended && met.size > 0 === (kind === "semi")) result.push(`${item.id} undefined`);
        continue;
      }
      // A row that was taken away may still be met by rows that had expired then.
      if (isLeft) for (const other of met) result.push(`${item.id} ${other.item.id}`);
      const outer = kind === "full" || kind === (isLeft ? "left" : "right");
      if (outer && !ended && met.size === 0)
        result.push(isLeft ? `${item.id} undefined` : `undefined ${item.id}`);
    }
    return result.sort();
  }
}

/** Applies changes to an empty multiset. @throws when one takes away what is not there */
function apply(chosen: Tables, emitted: readonly unknown[]): string[] {
  const rows = new Map<string, number>();
  const changes = emitsChanges(definitionOf(chosen, "event"))
    ? (emitted as Change<string>[])
    : (emitted as string[]).map((row) => ({ op: "+I" as const, row }));
  for (const { op, row } of changes) {
    const count = (rows.get(row) ?? 0) + (op === "+I" || op === "+U" ? 1 : -1);
    if (count < 0) throw new Error(`${op} of ${row}, which is not there`);
    rows.set(row, count);
  }
  return [...rows].flatMap(([row, count]) => new Array<string>(count).fill(row)).sort();
}

const BEFORE_ALL = -1_000;

function checkEventTime(chosen: Tables, drawn: readonly Event[], lived: Life): void {
  const all: readonly Event[] = [{ kind: "watermark", watermark: BEFORE_ALL, limit: 1 }, ...drawn];
  const harness = live(tableJoinOperator(definitionOf(chosen, "event")), all, lived, {
    recordOf: recordOf(chosen),
    onStep(harness, position) {
      const model = new Model(chosen);
      for (const { item, watermark } of arrivals(all.slice(0, position)))
        model.take(item, Math.max(item.timestamp, watermark));
      expect(apply(chosen, harness.emitted())).toEqual(model.result());
    },
  });
  expect(harness.backend.contents()).toEqual({});
}

type Step =
  | { readonly kind: "batch"; readonly input: 0 | 1; readonly items: readonly Item[] }
  | { readonly kind: "clock"; readonly byMs: number };

const steps = events.map((all) =>
  all.map((event): Step => {
    if (event.kind === "batch") return event;
    return { kind: "clock", byMs: event.watermark === MAX_WATERMARK ? 1 : event.limit * 2 };
  }),
);

/** The clock never goes back: nothing is repeated. */
const forwards = fc.record({
  ...lifeModel,
  afterwards: fc.array(fc.constantFrom("nothing", "commit", "commitAndCrash"), {
    minLength: 1,
    maxLength: 6,
  }),
}) as fc.Arbitrary<Life>;

describe("tableJoinOperator with a time to live", () => {
  test("J7 in event time, for any kind, keys, interleaving and watermarks", () => {
    fc.assert(
      fc.property(tables, events, (chosen, all) => checkEventTime(chosen, all, undisturbed)),
      { numRuns: RUNS },
    );
  });

  test("J7 in event time, with commits and crashes anywhere, tiny caches and shared storage", () => {
    fc.assert(fc.property(tables, events, anyLife, checkEventTime), { numRuns: RUNS });
  });

  test("J7 in processing time", () => {
    fc.assert(
      fc.property(tables, steps, forwards, (chosen, all, lived) => {
        const harness = new KeyedHarness(
          tableJoinOperator(definitionOf(chosen, "processing")),
          harnessOptions(lived),
        );
        const model = new Model(chosen);
        liveThrough(
          harness,
          all,
          lived,
          (step) => {
            if (step.kind === "clock") harness.advanceClock(step.byMs, 3);
            else {
              give(harness, step.input, step.items, recordOf(chosen));
              for (const item of step.items) model.take(item, harness.clock.nowMs());
            }
            return true;
          },
          { onStep: () => expect(apply(chosen, harness.emitted())).toEqual(model.result()) },
        );
        const emitted = harness.emitted().length;
        harness.advanceClock(chosen.ttlMs + Math.ceil(chosen.ttlMs / 16), 3);
        harness.commit();
        expect(harness.emitted()).toHaveLength(emitted);
        expect(harness.backend.contents()).toEqual({});
      }),
      { numRuns: RUNS },
    );
  });

  const changesOf = (harness: KeyedHarness): string[] =>
    harness.emitted().map((change) => Object.values(change as object).join(" "));
  const at = (id: number, timestamp: number, drawn = 4): Item => ({ id, key: "k", timestamp, drawn }) as Item;

  test("results of an expired row stay; a left row stands alone again only when no pair of it is left", () => {
    const chosen: Tables = { kind: "left", leftKeyed: true, rightKeyed: true, ttlMs: 10 };
    const harness = new KeyedHarness(tableJoinOperator(definitionOf(chosen, "event")));
    const given = (input: 0 | 1, item: Item): void => {
      give(harness, input, [{ ...item, input } as Item], recordOf(chosen));
    };
    given(0, at(1, 100));
    given(1, at(2, 105));
    given(1, at(3, 108));
    given(1, at(3, 109, 0));
    // The pair with 2 is still there, so 1 does not come back alone; at 115 nobody lives who could take it back.
    given(1, at(2, 115, 0));
    given(1, at(4, 115));
    expect(changesOf(harness)).toEqual(["+I 1 undefined", "-D 1 undefined", "+I 1 2", "+I 1 3", "-D 1 3"]);
    harness.advance(130);
    harness.commit();
    expect(harness.backend.contents()).toEqual({});
    expect(changesOf(harness)).toHaveLength(5);
  });

  test("a row without any time is an error that says so; one without a timestamp stands at the watermark", () => {
    const chosen: Tables = { kind: "inner", leftKeyed: false, rightKeyed: false, ttlMs: 10 };
    const harness = new KeyedHarness(tableJoinOperator(definitionOf(chosen, "event")));
    harness.operator.fromInput?.(0);
    expect(() => harness.records(["k", at(1, 0)])).toThrow(MissingJoinTimestampError);
    const timed = new KeyedHarness(tableJoinOperator(definitionOf(chosen, "event")));
    timed.advance(50);
    timed.operator.fromInput?.(0);
    timed.records(["k", { id: 1 }]);
    timed.operator.fromInput?.(1);
    timed.records(["k", { id: 2 }, 59]);
    timed.records(["k", { id: 3 }, 60]);
    expect(timed.emitted()).toEqual(["1 2"]);
  });
});
