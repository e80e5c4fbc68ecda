import { MemoryChannelReader } from "../../src/broker/memory-channel.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import { HeapStateBackend } from "../../src/state/heap-state-backend.ts";
import { describeChannel } from "../conformance/channel.ts";
import { frameOf } from "../conformance/state-backend.ts";

describeChannel("memory", async () => {
  const store = new EmbeddedStore();
  for (const partition of ["count.0", "count.1"]) store.createPartition(partition);
  const backend = new HeapStateBackend(store, "job");
  return {
    backend,
    reader: new MemoryChannelReader(store),
    anotherBackend: async () => backend,
    tamperChannel: async (channel, seq, lineage) =>
      store.channel(channel).append(seq, lineage, frameOf("tampered")),
    wipe: async () => store.clear(),
    ended: async () => [...store.ended],
    close: async () => backend.close(),
  };
});
