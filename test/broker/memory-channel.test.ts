import { describeChannel } from "../conformance/channel.ts";
import { createHeapWorld } from "../support/state-worlds.ts";

describeChannel("memory", async () => createHeapWorld());
