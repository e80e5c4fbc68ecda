// What every StateBackend must do. Run for the heap and for Redis; what only one of them can provoke stands in its file.
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createBatch, type Frame } from "../../src/core/batch.ts";
import { type Codec, msgpackCodec } from "../../src/core/codec.ts";
import {
  ChannelTornError,
  IncarnationError,
  LayoutsChangedError,
  PartitionFencedError,
  PartitionMissingError,
  StaleAssignmentError,
} from "../../src/core/partition-errors.ts";
import type { ChannelReader } from "../../src/core/ports/channel.ts";
import type {
  AttachRequest,
  EpochCommit,
  OutputFrame,
  PartitionHandle,
  StateBackend,
  StateLoad,
  StateShape,
  StateWrites,
  StoredTimer,
} from "../../src/core/ports/state-backend.ts";

/** One job in one store. Its partitions exist; more can be created. */
export interface StateBackendWorld {
  readonly backend: StateBackend;
  readonly reader: ChannelReader;
  /** A second session of the same job, as another worker has it. */
  anotherBackend(): Promise<StateBackend>;
  /** Adds an entry to a channel behind everybody's back. */
  tamperChannel(channel: string, seq: number, lineage: number): Promise<void>;
  /** Raises the registry of state layouts by one. */
  raiseLayouts(): Promise<void>;
  /** Deletes everything. */
  wipe(): Promise<void>;
  ended(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export const EMPTY_EPOCH: Omit<EpochCommit, "seq"> = {
  drain: false,
  outputs: [],
  state: [],
  trims: [],
  appends: [],
  meta: [],
};

export function epoch(seq: number, parts: Partial<EpochCommit> = {}): EpochCommit {
  return { ...EMPTY_EPOCH, ...parts, seq };
}

export function frameOf(...values: unknown[]): Frame {
  return {
    prevLineage: 0,
    watermark: 0,
    idle: false,
    end: false,
    barrier: undefined,
    batch: createBatch(values),
  };
}

/** A frame whose payload tells it apart on Redis. */
export function output(channel: string, seq: number, lineage: number, text = `frame ${seq}`): OutputFrame {
  return { channel, seq, lineage, frame: frameOf(text), payload: Buffer.from(text) };
}

export function writes(keyGroup: number, parts: Partial<StateWrites>): StateWrites {
  return {
    operator: "count",
    keyGroup,
    scalars: [],
    maps: [],
    lists: [],
    timerAdds: [],
    timerRemoves: [],
    ...parts,
  };
}

export function load(
  shape: StateShape,
  state: string,
  keyGroup: number,
  fields: readonly string[],
): StateLoad {
  return {
    operator: "count",
    state,
    shape,
    keyGroup,
    codec: msgpackCodec,
    fields,
    results: [],
    outdated: [],
  };
}

export function request(partition: string, parts: Partial<AttachRequest> = {}): AttachRequest {
  return {
    partition,
    assignmentVersion: 1,
    incarnation: 1,
    layoutSeq: 0,
    worker: "w1",
    outputs: [],
    ...parts,
  };
}

const codec = msgpackCodec;

/** @param open makes a world whose job has the partitions `count.0` and `count.1` */
export function describeStateBackend(name: string, open: () => Promise<StateBackendWorld>): void {
  describe(`state backend: ${name}`, () => {
    let world: StateBackendWorld;
    let handle: PartitionHandle;

    beforeEach(async () => {
      world = await open();
      handle = await world.backend.attach(request("count.0"));
    });
    afterEach(async () => {
      await world.close();
    });

    async function read(
      shape: StateShape,
      state: string,
      keyGroup: number,
      fields: readonly string[],
      from: PartitionHandle = handle,
    ): Promise<unknown[]> {
      const wanted = load(shape, state, keyGroup, fields);
      await from.load([wanted]);
      return wanted.results;
    }

    test("a new partition attaches with nothing committed", () => {
      expect(handle.attached.seq).toBe(0);
      expect([...handle.attached.meta]).toEqual([]);
      expect(handle.attached.lineage).toBeGreaterThan(0);
    });

    test("C4 a commit brings outputs, state, timers and facts together", async () => {
      const { lineage } = handle.attached;
      const answer = await handle.commit(
        epoch(1, {
          outputs: [output("x:0>0", 1, lineage), output("x:0>1", 1, lineage), output("x:0>0", 2, lineage)],
          state: [
            writes(7, {
              scalars: [{ state: "total", codec, fields: ["sa", "sb"], values: [{ n: 1 }, "two"] }],
              maps: [
                {
                  state: "seen",
                  codec,
                  field: "sa",
                  clear: false,
                  entries: new Map<string, unknown>([
                    ["nx", 1],
                    ["ny", [2]],
                  ]),
                },
              ],
              lists: [{ state: "log", codec, field: "sa", clear: false, appends: [1, "b", null] }],
              timerAdds: [
                { member: "late", time: 2000 },
                { member: "early", time: 1000 },
              ],
            }),
          ],
          meta: [["src", '{"offset":3}']],
        }),
      );
      expect(answer).toEqual({ kind: "OK", lengths: [2, 1] });
      expect(await read("scalar", "total", 7, ["sa", "sb", "sc"])).toEqual([{ n: 1 }, "two", undefined]);
      expect(await read("map", "seen", 7, ["sa", "sz"])).toEqual([
        new Map<string, unknown>([
          ["nx", 1],
          ["ny", [2]],
        ]),
        undefined,
      ]);
      expect(await read("list", "log", 7, ["sa", "sz"])).toEqual([[1, "b", null], undefined]);
      expect(await handle.loadTimers("count", 0, 256)).toEqual([
        [
          7,
          [
            { member: "early", time: 1000 },
            { member: "late", time: 2000 },
          ],
        ],
      ]);
      const again = await world.backend.attach(request("count.0", { outputs: ["x:0>0", "x:0>1"] }));
      expect(again.attached.seq).toBe(1);
      expect(again.attached.meta).toEqual(
        new Map([
          ["src", '{"offset":3}'],
          ["out:x:0>0", `2-${lineage}`],
          ["out:x:0>1", `1-${lineage}`],
        ]),
      );
      expect(again.attached.lineage).toBeGreaterThan(lineage);
    });

    test("later epochs change, delete and clear what earlier ones wrote", async () => {
      await handle.commit(
        epoch(1, {
          state: [
            writes(1, {
              scalars: [{ state: "total", codec, fields: ["sa", "sb"], values: [1, 2] }],
              maps: [
                {
                  state: "seen",
                  codec,
                  field: "sa",
                  clear: false,
                  entries: new Map([
                    ["n1", 1],
                    ["n2", 2],
                  ]),
                },
                { state: "seen", codec, field: "sb", clear: false, entries: new Map([["n1", 1]]) },
                { state: "seen", codec, field: "sc", clear: false, entries: new Map([["n1", 1]]) },
              ],
              lists: [
                { state: "log", codec, field: "sa", clear: false, appends: [1] },
                { state: "log", codec, field: "sb", clear: false, appends: [1, 2] },
              ],
              timerAdds: [
                { member: "a", time: 1 },
                { member: "b", time: 2 },
              ],
            }),
          ],
        }),
      );
      await handle.commit(
        epoch(2, {
          state: [
            writes(1, {
              scalars: [{ state: "total", codec, fields: ["sa", "sb"], values: [undefined, 3] }],
              maps: [
                {
                  state: "seen",
                  codec,
                  field: "sa",
                  clear: false,
                  entries: new Map([
                    ["n1", undefined],
                    ["n3", 3],
                  ]),
                },
                { state: "seen", codec, field: "sb", clear: false, entries: new Map([["n1", undefined]]) },
                { state: "seen", codec, field: "sc", clear: true, entries: new Map([["n9", 9]]) },
              ],
              lists: [
                { state: "log", codec, field: "sa", clear: false, appends: [2] },
                { state: "log", codec, field: "sb", clear: true, appends: [] },
              ],
              timerAdds: [{ member: "b", time: 5 }],
              timerRemoves: ["a", "b"],
            }),
          ],
        }),
      );
      expect(await read("scalar", "total", 1, ["sa", "sb"])).toEqual([undefined, 3]);
      expect(await read("map", "seen", 1, ["sa", "sb", "sc"])).toEqual([
        new Map([
          ["n2", 2],
          ["n3", 3],
        ]),
        undefined,
        new Map([["n9", 9]]),
      ]);
      expect(await read("list", "log", 1, ["sa", "sb"])).toEqual([[1, 2], undefined]);
      expect(await handle.loadTimers("count", 0, 2)).toEqual([[1, [{ member: "b", time: 5 }]]]);
    });

    test("states, operators, key groups and addresses do not mix", async () => {
      await handle.commit(
        epoch(1, {
          state: [
            writes(1, {
              scalars: [
                { state: "a", codec, fields: ["sb:c"], values: ["a of b:c"] },
                { state: "a2", codec, fields: ["sb:c"], values: ["a2"] },
              ],
            }),
            writes(2, { scalars: [{ state: "a", codec, fields: ["sb:c"], values: ["group 2"] }] }),
            {
              ...writes(1, { scalars: [{ state: "a", codec, fields: ["sb:c"], values: ["other"] }] }),
              operator: "other",
            },
          ],
        }),
      );
      expect(await read("scalar", "a", 1, ["sb:c", "sb", "s"])).toEqual(["a of b:c", undefined, undefined]);
      expect(await read("scalar", "a2", 1, ["sb:c"])).toEqual(["a2"]);
      expect(await read("scalar", "a", 2, ["sb:c"])).toEqual(["group 2"]);
      const other = { ...load("scalar", "a", 1, ["sb:c"]), operator: "other" };
      await handle.load([other]);
      expect(other.results).toEqual(["other"]);
    });

    test("infinite timers come back, and only those of the groups asked for", async () => {
      await handle.commit(
        epoch(1, {
          state: [
            writes(3, { timerAdds: [{ member: "end", time: Number.POSITIVE_INFINITY }] }),
            writes(4, { timerAdds: [{ member: "x", time: -5 }] }),
            writes(5, { timerAdds: [{ member: "y", time: 1 }] }),
          ],
        }),
      );
      expect(await handle.loadTimers("count", 3, 5)).toEqual([
        [3, [{ member: "end", time: Number.POSITIVE_INFINITY }]],
        [4, [{ member: "x", time: -5 }]],
      ]);
    });

    test("C5 the same commit twice answers DUP and changes nothing", async () => {
      const { lineage } = handle.attached;
      const commit = epoch(1, {
        outputs: [output("x:0>0", 1, lineage)],
        state: [writes(1, { lists: [{ state: "log", codec, field: "sa", clear: false, appends: [1] }] })],
      });
      expect(await handle.commit(commit)).toEqual({ kind: "OK", lengths: [1] });
      expect(await handle.commit(commit)).toEqual({ kind: "DUP" });
      expect(await read("list", "log", 1, ["sa"])).toEqual([[1]]);
      expect(await world.reader.lengths(["x:0>0"])).toEqual([1]);
    });

    test("a commit that skips an epoch answers ROLLBACK and changes nothing", async () => {
      expect(await handle.commit(epoch(3, { meta: [["src", "x"]] }))).toEqual({
        kind: "ROLLBACK",
        stored: 0,
      });
      const again = await world.backend.attach(request("count.0"));
      expect(again.attached).toMatchObject({ seq: 0, meta: new Map() });
    });

    test("C6 after a later attach, an earlier attempt commits, reads and releases nothing", async () => {
      const other = await world.anotherBackend();
      const newer = await other.attach(request("count.0", { assignmentVersion: 2, worker: "w2" }));
      expect(await handle.commit(epoch(1, { meta: [["src", "old"]] }))).toEqual({ kind: "FENCED" });
      await expect(read("scalar", "total", 1, ["sa"])).rejects.toThrow(PartitionFencedError);
      await handle.release();
      expect(await newer.commit(epoch(1, { meta: [["src", "new"]] }))).toMatchObject({ kind: "OK" });
      const last = await other.attach(request("count.0", { assignmentVersion: 2 }));
      expect(last.attached.meta.get("src")).toBe("new");
    });

    test("an attach with an older assignment is refused and fences nobody", async () => {
      const newer = await world.backend.attach(request("count.0", { assignmentVersion: 5 }));
      await expect(world.backend.attach(request("count.0", { assignmentVersion: 4 }))).rejects.toThrow(
        StaleAssignmentError,
      );
      expect(await newer.commit(epoch(1))).toMatchObject({ kind: "OK" });
    });

    test("an attach for another incarnation is refused", async () => {
      await expect(world.backend.attach(request("count.0", { incarnation: 2 }))).rejects.toThrow(
        IncarnationError,
      );
    });

    test("V1 once the registry of layouts is raised, nobody attaches by the old one, and nobody reads by it", async () => {
      const old = await world.backend.attach(request("count.0"));
      await world.raiseLayouts();
      await expect(world.backend.attach(request("count.0"))).rejects.toThrow(LayoutsChangedError);
      await expect(world.backend.attach(request("count.0", { layoutSeq: 2 }))).rejects.toThrow(
        LayoutsChangedError,
      );
      // Who was refused has fenced nobody: what was read in time is still finished.
      expect(await old.commit(epoch(1))).toMatchObject({ kind: "OK" });
      const newer = await world.backend.attach(request("count.0", { layoutSeq: 1 }));
      const codec: Codec<unknown> = { ...msgpackCodec, version: 2 };
      const total = writes(3, { scalars: [{ state: "total", codec, fields: ["sa"], values: [1] }] });
      expect(await newer.commit(epoch(2, { state: [total] }))).toMatchObject({ kind: "OK" });
      await expect(read("scalar", "total", 3, ["sa"], old)).rejects.toThrow(PartitionFencedError);
    });

    test("a partition that was never created is missing", async () => {
      await expect(world.backend.attach(request("count.9"))).rejects.toThrow(PartitionMissingError);
    });

    test("after everything was deleted nothing is created again", async () => {
      await world.wipe();
      expect(await handle.commit(epoch(1))).toMatchObject({ kind: "LOST" });
      await expect(world.backend.attach(request("count.0"))).rejects.toThrow(PartitionMissingError);
    });

    test("an output channel that ends elsewhere than recorded is torn", async () => {
      const { lineage } = handle.attached;
      await handle.commit(epoch(1, { outputs: [output("x:0>0", 1, lineage)] }));
      await world.tamperChannel("x:0>0", 2, lineage);
      await expect(world.backend.attach(request("count.0", { outputs: ["x:0>0"] }))).rejects.toThrow(
        ChannelTornError,
      );
    });

    test("a released partition refuses its last owner and takes the next", async () => {
      await handle.release();
      expect(await handle.commit(epoch(1))).toEqual({ kind: "FENCED" });
      const next = await world.backend.attach(request("count.0"));
      expect(await next.commit(epoch(1))).toMatchObject({ kind: "OK" });
    });

    test("trims remove what was consumed and leave a rewritten entry of the same number (H2)", async () => {
      const { lineage } = handle.attached;
      const outputs = [1, 2, 3, 4].map((seq) => output("x:0>0", seq, lineage));
      await handle.commit(epoch(1, { outputs }));
      const consumer = await world.backend.attach(request("count.1"));
      await consumer.commit(epoch(1, { trims: [{ channel: "x:0>0", throughSeq: 2, lineage }] }));
      expect(await world.reader.lengths(["x:0>0"])).toEqual([2]);
      await world.tamperChannel("x:0>0", 4, lineage + 5);
      await consumer.commit(epoch(2, { trims: [{ channel: "x:0>0", throughSeq: 4, lineage }] }));
      const [left] = await world.reader.read([{ channel: "x:0>0", seq: 4, lineage }], 10);
      expect(left).toMatchObject([{ seq: 4, lineage: lineage + 5 }]);
      await consumer.commit(epoch(3, { trims: [{ channel: "x:0>0", throughSeq: 4 }] }));
      expect(await world.reader.lengths(["x:0>0"])).toEqual([0]);
    });

    test("the last epoch of an ended partition makes it known as ended", async () => {
      expect(await world.ended()).toEqual([]);
      await handle.commit(epoch(1, { meta: [["end", "1"]] }));
      expect(await world.ended()).toEqual(["count.0"]);
    });

    test("the caller may change its objects once commit has returned", async () => {
      const fields = ["sa"];
      const values: unknown[] = [1];
      const entries = new Map<string, unknown>([["n1", 1]]);
      const answer = handle.commit(
        epoch(1, {
          state: [
            writes(1, {
              scalars: [{ state: "total", codec, fields, values }],
              maps: [{ state: "seen", codec, field: "sa", clear: false, entries }],
            }),
          ],
        }),
      );
      fields.length = 0;
      values[0] = 99;
      entries.clear();
      expect(await answer).toMatchObject({ kind: "OK" });
      expect(await read("scalar", "total", 1, ["sa"])).toEqual([1]);
      expect(await read("map", "seen", 1, ["sa"])).toEqual([new Map([["n1", 1]])]);
    });

    test("commits that follow each other without waiting are applied in order", async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          handle.commit(
            epoch(i + 1, {
              state: [
                writes(1, { lists: [{ state: "log", codec, field: "sa", clear: false, appends: [i] }] }),
              ],
            }),
          ),
        ),
      );
      expect(answers.every((answer) => answer.kind === "OK")).toBe(true);
      expect(await read("list", "log", 1, ["sa"])).toEqual([Array.from({ length: 50 }, (_, i) => i)]);
    });

    test("one epoch may change tens of thousands of fields, timers, entries and facts", async () => {
      const count = 12_345;
      const names = Array.from({ length: count }, (_, i) => `n${i}`);
      const timers: StoredTimer[] = names.map((member, i) => ({ member, time: i }));
      const answer = await handle.commit(
        epoch(1, {
          state: [
            writes(1, {
              scalars: [{ state: "total", codec, fields: names, values: names.map((_, i) => i) }],
              maps: [
                {
                  state: "seen",
                  codec,
                  field: "sa",
                  clear: false,
                  entries: new Map(names.map((n, i) => [n, i])),
                },
              ],
              lists: [{ state: "log", codec, field: "sa", clear: false, appends: names }],
              timerAdds: timers,
            }),
          ],
          meta: names.map((name) => [`fact:${name}`, name] as const),
        }),
      );
      expect(answer).toEqual({ kind: "OK", lengths: [] });
      expect(await read("scalar", "total", 1, names)).toEqual(names.map((_, i) => i));
      expect((await read("map", "seen", 1, ["sa"]))[0]).toEqual(new Map(names.map((n, i) => [n, i])));
      expect(await read("list", "log", 1, ["sa"])).toEqual([names]);
      expect(await handle.loadTimers("count", 1, 2)).toEqual([[1, timers]]);
      const after = await handle.commit(
        epoch(2, {
          state: [
            writes(1, {
              scalars: [{ state: "total", codec, fields: names, values: names.map(() => undefined) }],
              maps: [
                {
                  state: "seen",
                  codec,
                  field: "sa",
                  clear: false,
                  entries: new Map(names.map((n) => [n, undefined])),
                },
              ],
              lists: [{ state: "log", codec, field: "sa", clear: true, appends: [] }],
              timerRemoves: names,
            }),
          ],
        }),
      );
      expect(after).toEqual({ kind: "OK", lengths: [] });
      expect(await read("scalar", "total", 1, names.slice(0, 3))).toEqual([undefined, undefined, undefined]);
      expect(await read("map", "seen", 1, ["sa"])).toEqual([undefined]);
      expect(await handle.loadTimers("count", 0, 256)).toEqual([]);
      const again = await world.backend.attach(request("count.0"));
      expect(again.attached.meta.size).toBe(count);
    });

    test("C4 stored state is the fold of the committed epochs, for any sequence of changes", async () => {
      const change = fc.record({
        keyGroup: fc.integer({ min: 0, max: 2 }),
        field: fc.constantFrom("sa", "sb", "s\u00e9\u4e16"),
        scalar: fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined }),
        clear: fc.boolean(),
        entries: fc.array(
          fc.tuple(fc.constantFrom("n1", "n2", "n3"), fc.option(fc.integer(), { nil: undefined })),
          {
            maxLength: 4,
          },
        ),
        appends: fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
          const mine = await world.backend.attach(request("count.1"));
          const model = new Map<string, { scalar: unknown; map: Map<string, unknown>; list: unknown[] }>();
          let seq = mine.attached.seq;
          // Whatever an earlier run of this property left behind is cleared first.
          for (const keyGroup of [0, 1, 2])
            for (const field of ["sa", "sb", "s\u00e9\u4e16"]) {
              model.set(`${keyGroup}${field}`, { scalar: undefined, map: new Map(), list: [] });
              await mine.commit(
                epoch(++seq, {
                  state: [
                    writes(keyGroup, {
                      scalars: [{ state: "v", codec, fields: [field], values: [undefined] }],
                      maps: [{ state: "m", codec, field, clear: true, entries: new Map() }],
                      lists: [{ state: "l", codec, field, clear: true, appends: [] }],
                    }),
                  ],
                }),
              );
            }
          for (const { keyGroup, field, scalar, clear, entries, appends } of changes) {
            const expected = model.get(`${keyGroup}${field}`)!;
            expected.scalar = scalar;
            if (clear) {
              expected.map.clear();
              expected.list.length = 0;
            }
            const delta = new Map<string, unknown>(entries);
            for (const [entry, value] of delta) {
              if (value === undefined) expected.map.delete(entry);
              else expected.map.set(entry, value);
            }
            expected.list.push(...appends);
            const answer = await mine.commit(
              epoch(++seq, {
                state: [
                  writes(keyGroup, {
                    scalars: [{ state: "v", codec, fields: [field], values: [scalar] }],
                    maps: [{ state: "m", codec, field, clear, entries: delta }],
                    lists: [{ state: "l", codec, field, clear, appends }],
                  }),
                ],
              }),
            );
            expect(answer).toEqual({ kind: "OK", lengths: [] });
          }
          for (const [where, { scalar, map, list }] of model) {
            const keyGroup = Number(where[0]);
            const field = where.slice(1);
            expect(await read("scalar", "v", keyGroup, [field], mine)).toEqual([scalar]);
            expect(await read("map", "m", keyGroup, [field], mine)).toEqual([map.size > 0 ? map : undefined]);
            expect(await read("list", "l", keyGroup, [field], mine)).toEqual([
              list.length > 0 ? list : undefined,
            ]);
          }
        }),
        { numRuns: 15 },
      );
    });
  });
}
