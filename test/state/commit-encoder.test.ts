import fc from "fast-check";
import { Unpackr } from "msgpackr";
import { describe, expect, test } from "vitest";
import { msgpackCodec as codec } from "../../src/core/codec.ts";
import { JobKeys } from "../../src/redis/keys.ts";
import { MAX_UNPACKED } from "../../src/redis/scripts/commit.ts";
import { CommitEncoder } from "../../src/state/commit-encoder.ts";
import { PackBuffer } from "../../src/state/pack-buffer.ts";
import { epoch, output, writes } from "../conformance/state-backend.ts";

const unpack = (bytes: Uint8Array): unknown => new Unpackr({ useRecords: false }).unpack(bytes);

describe("PackBuffer", () => {
  test("what is packed is MessagePack of the same values, for any texts and numbers", () => {
    const pack = new PackBuffer();
    const item = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 100 }),
      fc.string({ unit: "binary-ascii", maxLength: 100 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(item, { maxLength: 40 }), { maxLength: 40 }), (lists) => {
        pack.array(lists.length);
        for (const list of lists) {
          const mark = pack.openArray();
          for (const value of list) {
            if (typeof value === "number") pack.integer(value);
            else pack.prefixed([...value].slice(0, 3).join(""), [...value].slice(3).join(""));
          }
          pack.closeArray(mark, list.length);
        }
        expect(unpack(pack.take())).toEqual(lists);
      }),
    );
  });

  test("bytes of any length come back, across slabs, and earlier parts stay as they were", () => {
    const pack = new PackBuffer();
    const parts: { part: Buffer; sizes: number[] }[] = [];
    for (const sizes of [[0, 31, 32, 1000], [70_000, 900_000], [500_000, 500_000, 5], [3_000_000], [1]]) {
      const mark = pack.openArray();
      for (const size of sizes) pack.bytes(Buffer.alloc(size, size % 251));
      pack.closeArray(mark, sizes.length);
      parts.push({ part: pack.take(), sizes });
    }
    for (const { part, sizes } of parts) {
      // Strings of MessagePack, whose headers are all that differs from the bytes put in.
      let at = 5;
      for (const size of sizes) {
        at += size < 32 ? 1 : 5;
        expect(part.subarray(at, at + size).equals(Buffer.alloc(size, size % 251))).toBe(true);
        at += size;
      }
      expect(part.length).toBe(at);
    }
  });

  test("what is discarded is gone", () => {
    const pack = new PackBuffer();
    pack.text("gone");
    pack.discard();
    pack.text("here");
    expect(unpack(pack.take())).toBe("here");
  });
});

describe("CommitEncoder", () => {
  const keys = new JobKeys("j");
  const encoder = new CommitEncoder(keys, keys.incarnation(1));

  /** Keys, the unpacked plan and the payloads of a call. */
  function encode(parts: Parameters<typeof epoch>[1]) {
    const { args } = encoder.encode("p.0", "{weir:j}:1:a:p.0", "fence", "history", epoch(5, parts));
    const count = Number(args[2]);
    const [fence, history, seq, plan, ...payloads] = args.slice(3 + count);
    expect([fence, history, seq]).toEqual(["fence", "history", "5"]);
    const [channels, outputs, appends, list, drops, trims, ended, meta] = unpack(
      plan as Buffer,
    ) as unknown[][];
    return {
      keys: args.slice(3, 3 + count),
      channels,
      outputs,
      appends,
      list,
      drops,
      trims,
      ended,
      meta,
      payloads,
    };
  }

  test("an empty epoch is the epoch number alone", () => {
    expect(encode({})).toEqual({
      keys: ["{weir:j}:1:a:p.0"],
      channels: 0,
      outputs: [],
      appends: [],
      list: [],
      drops: [],
      trims: [],
      ended: [],
      meta: [["seq", "5"]],
      payloads: [],
    });
  });

  test("channels come first, payloads stay plain, their ends are recorded, and seq is last", () => {
    const found = encode({
      outputs: [output("e:0>0", 1, 9, "a"), output("e:0>1", 4, 9, "b"), output("e:0>0", 2, 9, "c")],
      trims: [
        { channel: "d:1>0", throughSeq: 7, lineage: 3 },
        { channel: "d:2>0", throughSeq: 8 },
      ],
      meta: [
        ["src", "s"],
        ["out:e:0>0", "what the caller says does not count"],
        ["end", "1"],
      ],
    });
    expect(found).toEqual({
      keys: [
        "{weir:j}:1:a:p.0",
        "{weir:j}:1:x:e:0>0",
        "{weir:j}:1:x:e:0>1",
        "{weir:j}:1:x:d:1>0",
        "{weir:j}:1:x:d:2>0",
        "{weir:j}:1:ended",
      ],
      channels: 2,
      outputs: [2, "1-9", 3, "4-9", 2, "2-9"],
      appends: [],
      list: [],
      drops: [],
      trims: [4, "7-4", 5, "9-0"],
      ended: [6, "p.0", "{weir:j}:bell"],
      meta: [["src", "s", "end", "1", "out:e:0>0", "2-9", "out:e:0>1", "4-9", "seq", "5"]],
      payloads: ["a", "b", "c"].map((text) => Buffer.from(text)),
    });
  });

  test("maps and lists are found through the directory in the hash of their key group", () => {
    const map = (field: string, clear: boolean, ...entries: [string, unknown][]) => ({
      state: "m",
      codec,
      field,
      clear,
      entries: new Map(entries),
    });
    const list = (field: string, clear: boolean, ...appends: unknown[]) => ({
      state: "l",
      codec,
      field,
      clear,
      appends,
    });
    const found = encode({
      state: [
        writes(3, {
          maps: [
            map("grows", false, ["n1", 1], ["n2", undefined]),
            map("shrinks", false, ["n1", undefined]),
            map("goes", true, ["n1", undefined]),
            map("new", true, ["n1", 1]),
          ],
          lists: [list("grows", false, 1), list("goes", true), list("same", false)],
        }),
      ],
    });
    const m = (field: string) => found.keys.indexOf(`{weir:j}:1:m:count:3:m:${field}`) + 1;
    const l = (field: string) => found.keys.indexOf(`{weir:j}:1:l:count:3:l:${field}`) + 1;
    expect(found.list).toEqual([
      ...["HSET", 2, ["@m:m:grows", "", "@m:m:new", "", "@l:l:grows", ""]],
      ...["HDEL", 2, ["@m:m:goes", "@l:l:goes"]],
      ...["HSET", m("grows"), ["n1", "\u0001\u0001"], "HDEL", m("grows"), ["n2"]],
      ...["HDEL", m("shrinks"), ["n1"]],
      ...["UNLINK", m("goes"), []],
      ...["UNLINK", m("new"), [], "HSET", m("new"), ["n1", "\u0001\u0001"]],
      ...["RPUSH", l("grows"), ["\u0001\u0001"]],
      ...["UNLINK", l("goes"), []],
    ]);
    expect(found.drops).toEqual([m("shrinks"), 2, "@m:m:shrinks"]);
    expect(found.keys.some((key) => String(key).endsWith(":same"))).toBe(false);
  });

  test("no list is longer than Lua can unpack, whatever the size of the epoch", () => {
    for (const count of [1, 1999, 2000, 2001, 4000, 4001, 9999]) {
      const names = Array.from({ length: count }, (_, i) => `n${i}`);
      const entries = new Map<string, unknown>(names.map((name, i) => [name, i % 3 === 0 ? undefined : i]));
      const found = encode({
        state: [
          writes(1, {
            scalars: [
              {
                state: "a",
                codec,
                fields: names,
                values: names.map((_, i) => (i % 2 === 0 ? i : undefined)),
              },
              { state: "b", codec, fields: names, values: names },
            ],
            maps: [{ state: "m", codec, field: "f", clear: false, entries }],
            lists: [{ state: "l", codec, field: "f", clear: false, appends: names }],
            timerAdds: names.map((member, time) => ({ member, time })),
            timerRemoves: names,
          }),
        ],
        meta: names.map((name) => [name, name] as const),
      });
      const perCommand = new Map<string, number>();
      for (let i = 0; i < found.list!.length; i += 3) {
        const [command, , values] = found.list!.slice(i, i + 3) as [string, number, unknown[]];
        expect(values.length).toBeLessThanOrEqual(MAX_UNPACKED);
        expect(values.length).toBeGreaterThan(0);
        perCommand.set(command, (perCommand.get(command) ?? 0) + values.length);
      }
      for (const facts of found.meta as unknown[][]) expect(facts.length).toBeLessThanOrEqual(MAX_UNPACKED);
      expect((found.meta as unknown[][]).flat().slice(-2)).toEqual(["seq", "5"]);
      expect((found.meta as unknown[][]).flat().length).toBe(count * 2 + 2);
      const half = Math.ceil(count / 2);
      const third = Math.ceil(count / 3);
      const sets = (half + count) * 2 + 2 + 2 + (count - third) * 2 - (count === third ? 2 : 0);
      expect(perCommand.get("HSET")).toBe(sets);
      expect(perCommand.get("RPUSH")).toBe(count);
      expect(perCommand.get("ZADD")).toBe(count * 2);
      expect(perCommand.get("ZREM")).toBe(count);
    }
  });
});
