import { onRedis } from "./engine.ts";
import { describeEngine } from "./engine-suite.ts";

describeEngine(onRedis);
