import fc from "fast-check";
import { expect, test } from "vitest";
import type { PriceRank } from "../../../src/nexmark/queries/query-parts.ts";
import type { Novelty } from "../../../src/nexmark/queries/rank-counts.ts";
import {
  areMany,
  auctionBit,
  bidderBit,
  moveToMany,
  noIds,
  seeAmongFew,
  seeAmongMany,
} from "../../../src/nexmark/queries/seen-ids.ts";
import { map } from "../../../src/state/descriptors.ts";
import { createKeyedState } from "../../support/keyed-state.ts";

test("who was met in which ranks is told exactly, among few, among many, and across the move", () => {
  const id = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(2 ** 31, 2 ** 53 - 1, 2 ** 53 - 2));
  const meeting = fc.record({
    id,
    kind: fc.constantFrom(bidderBit, auctionBit),
    rank: fc.constantFrom<PriceRank>(1, 2, 3),
  });
  const meetings = fc.array(meeting, { maxLength: 600, size: "max" });
  let moves = 0;
  fc.assert(
    fc.property(meetings, (all) => {
      const state = createKeyedState();
      const ids = state.addAll({ bidders: map<number, number>(), auctions: map<number, number>() });
      state.enter(0);
      state.setKey("channel");
      const met = new Set<string>();
      let few: number[] | null = noIds.slice();
      for (const { id, kind, rank } of all) {
        const isNew = !met.has(`${kind} ${id}`);
        const isNewHere = !met.has(`${kind} ${id} ${rank}`);
        const expected: Novelty = isNew ? 2 : isNewHere ? 1 : 0;
        met.add(`${kind} ${id}`).add(`${kind} ${id} ${rank}`);
        const told: Novelty =
          few === null
            ? seeAmongMany(id, rank, kind === bidderBit ? ids.bidders : ids.auctions)
            : seeAmongFew(id, kind, rank, few);
        expect(told).toBe(expected);
        if (few === null || !areMany(few)) continue;
        moveToMany(few, ids);
        few = null;
        moves++;
      }
    }),
    { numRuns: 100 },
  );
  expect(moves, "runs that met many").toBeGreaterThan(0);
});
