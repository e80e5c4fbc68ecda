import { expect, test } from "vitest";
import { MemoryChannelReader } from "../../src/broker/memory-channel.ts";
import { msgpackCodec } from "../../src/core/codec.ts";
import {
  describeStateBackend,
  epoch,
  frameOf,
  output,
  request,
  writes,
} from "../conformance/state-backend.ts";
import { createHeapWorld } from "../support/state-worlds.ts";

describeStateBackend("heap", async () => createHeapWorld());

test("embedded answers come without a promise", async () => {
  const { backend } = createHeapWorld();
  const handle = await backend.attach(request("count.0"));
  const answer = handle.commit(epoch(1, { outputs: [output("x:0>0", 1, handle.attached.lineage)] }));
  expect(answer).toEqual({ kind: "OK", lengths: [1] });
  expect(handle.load([])).toBeUndefined();
  expect(handle.loadTimers("count", 0, 256)).toEqual([]);
});

test("an embedded frame and an embedded value are handed over by reference", async () => {
  const { store, backend } = createHeapWorld();
  const handle = await backend.attach(request("count.0"));
  const frame = frameOf(1, 2);
  const value = { big: "object" };
  await handle.commit(
    epoch(1, {
      outputs: [{ ...output("x:0>0", 1, handle.attached.lineage), frame, payload: undefined }],
      state: [writes(0, { scalars: [{ state: "v", codec: msgpackCodec, fields: ["sa"], values: [value] }] })],
    }),
  );
  const [entries] = new MemoryChannelReader(store).read([{ channel: "x:0>0", seq: 0, lineage: 0 }], 1);
  expect(entries?.[0]?.frame).toBe(frame);
  const load = { operator: "count", state: "v", shape: "scalar" as const, keyGroup: 0, codec: msgpackCodec };
  const wanted = { ...load, fields: ["sa"], results: [] as unknown[], outdated: [] };
  await handle.load([wanted]);
  expect(wanted.results[0]).toBe(value);
});

test("a closed embedded session answers LOST", async () => {
  const { backend } = createHeapWorld();
  const handle = await backend.attach(request("count.0"));
  backend.close();
  expect(handle.commit(epoch(1))).toMatchObject({ kind: "LOST" });
  await expect(backend.attach(request("count.0"))).rejects.toMatchObject({ code: "SESSION_ENDED" });
});

test("C4 an embedded commit with one wrong entry changes nothing at all", async () => {
  const { store, backend } = createHeapWorld();
  const handle = await backend.attach(request("count.0"));
  const { lineage } = handle.attached;
  const answer = handle.commit(
    epoch(1, {
      outputs: [output("x:0>0", 1, lineage), output("x:0>1", 1, lineage), output("x:0>0", 1, lineage)],
      meta: [["src", "1"]],
    }),
  );
  expect(answer).toMatchObject({ kind: "LOST", cause: { code: "INVARIANT" } });
  expect(store.channel("x:0>1").length).toBe(0);
  expect(store.partitions.get("count.0")).toMatchObject({ seq: 0, meta: new Map() });
});
