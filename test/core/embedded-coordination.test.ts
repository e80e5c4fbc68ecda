import { EmbeddedCoordination } from "../../src/core/embedded-coordination.ts";
import { EmbeddedStore } from "../../src/core/embedded-store.ts";
import { HeapStateBackend } from "../../src/state/heap-state-backend.ts";
import { describeCoordination } from "../conformance/coordination.ts";
import { epoch, request } from "../conformance/state-backend.ts";

describeCoordination("embedded", async () => {
  const store = new EmbeddedStore();
  const coordination = new EmbeddedCoordination("job", store);
  return {
    job: "job",
    one: coordination,
    two: coordination,
    end: async (partition) => {
      const handle = await new HeapStateBackend(store, "job").attach(request(partition));
      await handle.commit(epoch(1, { meta: [["end", "1"]] }));
    },
    wipe: async () => store.clear(),
    close: () => coordination.close(),
  };
});
