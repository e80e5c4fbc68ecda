// EncodingStateBackend — the heap as storage, but every value and every record passes through its codec, as on Redis.
//
// So whoever attaches again finds what its codecs wrote, never an object that somebody still changes; and what cannot be
// stored is found in a test.
import { decodeFrame } from "../broker/wire.ts";
import type {
  AttachRequest,
  Awaitable,
  CommitAnswer,
  EpochCommit,
  ListWrite,
  MapWrite,
  OutputFrame,
  PartitionHandle,
  ScalarWrites,
  StateBackend,
  StateLoad,
  StateWrites,
  StoredTimer,
} from "../core/ports/state-backend.ts";
import { decodeValue, encodeValue } from "../state/codec-calls.ts";
import type { HeapStateBackend } from "../state/heap-state-backend.ts";
import { versionedBytes, versionOf } from "../state/versioned-bytes.ts";

export class EncodingStateBackend implements StateBackend {
  readonly #heap: HeapStateBackend;

  /** @param heap a store that holds nothing but what an EncodingStateBackend wrote */
  constructor(heap: HeapStateBackend) {
    this.#heap = heap;
  }

  async attach(request: AttachRequest): Promise<PartitionHandle> {
    return this.attachAtOnce(request);
  }

  /** As {@link attach}, without a promise. Nor does the handle answer with any. */
  attachAtOnce(request: AttachRequest): PartitionHandle {
    return new EncodingPartition(this.#heap.attachAtOnce(request));
  }
}

class EncodingPartition implements PartitionHandle {
  readonly attached: PartitionHandle["attached"];
  readonly #inner: PartitionHandle;

  constructor(inner: PartitionHandle) {
    this.#inner = inner;
    this.attached = inner.attached;
  }

  load(loads: readonly StateLoad[]): Awaitable<void> {
    const loaded = this.#inner.load(loads);
    if (loaded instanceof Promise) return loaded.then(() => loads.forEach(decodeLoad));
    loads.forEach(decodeLoad);
  }

  loadTimers(operator: string, first: number, end: number): Awaitable<[number, StoredTimer[]][]> {
    return this.#inner.loadTimers(operator, first, end);
  }

  commit(epoch: EpochCommit): Awaitable<CommitAnswer> {
    return this.#inner.commit({
      ...epoch,
      state: epoch.state.map(encodeWrites),
      outputs: epoch.outputs.map(copyFrame),
    });
  }

  release(): Awaitable<void> {
    return this.#inner.release();
  }
}

function encodeWrites(writes: StateWrites): StateWrites {
  const { operator, scalars, maps, lists } = writes;
  return {
    ...writes,
    scalars: scalars.map((scalar): ScalarWrites => {
      const { codec, state, fields, values } = scalar;
      const encode = (value: unknown, i: number): unknown =>
        value === undefined
          ? undefined
          : versionedBytes(codec.version, encodeValue(codec, value, operator, state, fields[i] as string));
      return { ...scalar, values: values.map(encode) };
    }),
    maps: maps.map((map): MapWrite => {
      const { codec, state, field } = map;
      const entries = new Map<string, unknown>();
      for (const [entry, value] of map.entries)
        entries.set(
          entry,
          value === undefined
            ? undefined
            : versionedBytes(codec.version, encodeValue(codec, value, operator, state, field, entry)),
        );
      return { ...map, entries };
    }),
    lists: lists.map((list): ListWrite => {
      const { codec, state, field, appends } = list;
      const encode = (value: unknown): Uint8Array =>
        versionedBytes(codec.version, encodeValue(codec, value, operator, state, field));
      return { ...list, appends: appends.map(encode) };
    }),
  };
}

function decodeLoad(load: StateLoad): void {
  const { shape, fields, codec, operator, state, results } = load;
  const outdated: number[] = [];
  const decode = (stored: unknown, i: number, entry?: string): unknown => {
    const bytes = stored as Uint8Array;
    if (versionOf(bytes) !== codec.version && outdated.at(-1) !== i) outdated.push(i);
    return decodeValue(codec, bytes, operator, state, fields[i] as string, entry);
  };
  load.results = Array.from(results, (stored, i) => {
    if (stored === undefined) return undefined;
    if (shape === "scalar") return decode(stored, i);
    if (shape === "list") return (stored as unknown[]).map((element) => decode(element, i));
    const entries = new Map<string, unknown>();
    for (const [entry, value] of stored as Map<string, unknown>) entries.set(entry, decode(value, i, entry));
    return entries;
  });
  load.outdated = outdated;
}

/** A consumer of this attempt is handed the records themselves; one that comes later reads what was written. */
function copyFrame(output: OutputFrame): OutputFrame {
  const { payload, channel } = output;
  return payload === undefined
    ? output
    : { ...output, frame: decodeFrame(payload, channel), payload: undefined };
}
