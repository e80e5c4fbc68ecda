import { embedded } from "./engine.ts";
import { describeEngine } from "./engine-suite.ts";

describeEngine(embedded);
