import { describeStateBackend } from "../conformance/state-backend.ts";
import { createRedisWorld } from "../support/state-worlds.ts";

describeStateBackend("redis", () => createRedisWorld("state-backend"));
