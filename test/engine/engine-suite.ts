// describeEngine — what a job does is the same embedded and on Redis: one suite, through the public API alone.
import { describe } from "vitest";
import { describeAsync } from "./async-suite.ts";
import type { Engine } from "./engine.ts";
import { describeFlow } from "./flow-suite.ts";
import { describeJoins } from "./join-suite.ts";
import { describeLife } from "./life-suite.ts";
import { describeOperators } from "./operator-suite.ts";
import { describePolicies } from "./policy-suite.ts";
import { describeRanking } from "./ranking-suite.ts";
import { describeRows } from "./row-suite.ts";
import { describeStrategies } from "./strategy-suite.ts";
import { describeTime } from "./time-suite.ts";
import { describeTopologies } from "./topology-suite.ts";
import { describeWindows } from "./window-suite.ts";

export function describeEngine(engine: Engine): void {
  describe(`the engine, ${engine.name}`, () => {
    describeOperators(engine);
    describeTopologies(engine);
    describeTime(engine);
    describeWindows(engine);
    describeStrategies(engine);
    describeJoins(engine);
    describeRows(engine);
    describeRanking(engine);
    describePolicies(engine);
    describeAsync(engine);
    describeLife(engine);
    describeFlow(engine);
  });
}
