// Opening a partition: attach, read back what is committed, build operators, sinks and the head.
//
// The order matters: attach first (it fences the owner before us), then sinks (they make the outside agree with the
// last commit), then the operators, and the head last, because it may hand over work at once.
import { type ChannelPosition, EdgeBuffer } from "../broker/edge-buffer.ts";
import type { InboundMail } from "../broker/inbound.ts";
import { Outbound } from "../broker/outbound.ts";
import type { ChannelId } from "../core/ids.ts";
import { partitionId } from "../core/ids.ts";
import { keyGroupRange } from "../core/key-group.ts";
import { ENDED_FIELD, type PartitionHandle, type StoredTimer } from "../core/ports/state-backend.ts";
import { FailureHandler } from "../operators/failure.ts";
import { createOperatorMetrics, DEAD_LETTER_TAG, type OperatorMetrics } from "../operators/operator.ts";
import type { StagePlan } from "../plan/plan.ts";
import { PartitionClock } from "../time/partition-clock.ts";
import { ChannelHead, parseEntryId, storedWatermark } from "./channel-head.ts";
import type { Head, HeadHost } from "./head.ts";
import type { Mailbox } from "./kernel/mailbox.ts";
import { buildOperatorChain, type OperatorChain } from "./operator-chain.ts";
import type { PartitionEnvironment } from "./partition-environment.ts";
import { parseSinkToken, SinkOperator, sinkTokenField } from "./sink-operator.ts";
import { SourceHead } from "./source-head.ts";
import { type OpenSplit, parseSplitProgress, splitField } from "./split-state.ts";
import { edgeReceiver, inputChannels, outputEdges } from "./stage-wiring.ts";

/** Guessed size of entries of an earlier attempt: half a frame. */
const UNKNOWN_ENTRY_BYTES = 32_000;

/** What the parts of a partition may ask of their actor. */
export interface PartitionHost extends HeadHost {
  /** A consumer of this process has committed past `throughSeq`. */
  consumed(channel: ChannelId, throughSeq: number): void;
}

export interface OpenPartition {
  readonly handle: PartitionHandle;
  /** Processing time, for operators and their timers. */
  readonly clock: PartitionClock;
  readonly head: Head;
  readonly chain: OperatorChain;
  readonly outbound: Outbound;
  readonly sinks: readonly SinkOperator[];
  readonly metrics: ReadonlyMap<string, OperatorMetrics>;
  /** The partition's bounded input was over before this attempt. */
  readonly alreadyEnded: boolean;
  /** Everything is durable: closes sinks and sources and gives the partition back. */
  close(): Promise<void>;
  /** Nothing after the last commit counts: drops everything. */
  discard(): Promise<void>;
}

export async function openPartition(
  env: PartitionEnvironment,
  stage: StagePlan,
  index: number,
  assignmentVersion: number,
  host: PartitionHost,
  mailbox: Mailbox<unknown, InboundMail>,
): Promise<OpenPartition> {
  const id = partitionId(stage.id, index);
  const edges = outputEdges(env.plan, stage, index);
  const channelIds = edges.flatMap((edge) => edge.channels);
  const handle = await env.backend.attach({
    partition: id,
    assignmentVersion,
    incarnation: env.incarnation,
    layoutSeq: env.layoutSeq,
    worker: env.worker,
    outputs: channelIds,
  });
  const { meta, seq, lineage } = handle.attached;
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const clock = new PartitionClock(env.clock, committedTime(meta));
    const metrics = new Map<string, OperatorMetrics>();
    const buffers = edges.map(
      ({ edge, channels }) =>
        new EdgeBuffer(
          edge.id,
          channels.map((channel) => committedEnd(channel, meta)),
          env.settings.frameRecords,
        ),
    );
    const outbound = new Outbound(buffers, lineage, env.settings, env.cut);
    const sinks = await openSinks(env, stage, index, lineage, meta, metrics, (sink) => {
      undo.push(() => sink.close(false));
    });

    const keyGroups = keyGroupRange(index, stage.partitions);
    const timers = new Map<string, [number, StoredTimer[]][]>();
    for (const plan of stage.operators)
      if (plan.type === "keyed")
        timers.set(plan.name, await handle.loadTimers(plan.name, keyGroups.first, keyGroups.end));
    const chain = buildOperatorChain({
      stage,
      partition: index,
      clock,
      keyGroups,
      startsEmpty: seq === 0,
      lineage,
      cacheEntries: env.settings.cacheEntries,
      watermark: storedWatermark(meta),
      encodesOnCommit: env.encodesOnCommit,
      timers,
      sinks,
      wake: () => host.post(noAction),
      metrics,
      edges: edges.map(({ edge }, i) => ({
        operator: edge.fromOperator,
        tag: edge.fromTag,
        receiver: edgeReceiver(edge, buffers[i]!, index),
      })),
    });
    undo.push(() => chain.close());
    await restoreUnkeyed(handle, chain);

    const head =
      stage.source === undefined
        ? new ChannelHead({
            inputs: inputChannels(env.plan, stage, index),
            meta,
            mailbox,
            reader: env.reader,
            watch: env.watch,
            exchange: env.exchange,
            decode: env.decode,
            clock: env.clock,
            host,
          })
        : await openSourceHead(env, stage, index, meta, metrics, chain, host);
    undo.push(() => head.close());

    const producer = { consumed: host.consumed };
    env.exchange.addProducer(channelIds, producer);
    undo.push(() => env.exchange.removeProducer(channelIds, producer));
    // Last, when consumers of this process report already: one that has drained its channel before tells nothing more,
    // and a backlog that is gone would hold this producer back for ever.
    await restoreBacklogs(env, outbound);

    return {
      handle,
      clock,
      head,
      chain,
      outbound,
      sinks: [...sinks.values()],
      metrics,
      alreadyEnded: meta.get(ENDED_FIELD) === "1",
      close: () =>
        // Everything is durable: nothing that fails from here on takes it back.
        undoAll([
          () => handle.release(),
          ...[...sinks.values()].map((sink) => () => sink.close(true)),
          () => chain.close(),
          () => head.close(),
          () => env.exchange.removeProducer(channelIds, producer),
        ]),
      discard: () => undoAll(undo),
    };
  } catch (thrown) {
    await undoAll(undo);
    throw thrown;
  }
}

/** Runs every step, last first, although one fails: what is left open would block the next attempt. */
async function undoAll(steps: readonly (() => Promise<void> | void)[]): Promise<void> {
  for (const step of [...steps].reverse()) {
    try {
      await step();
    } catch {
      // The attempt is over, with its last commit or with an error that says more than this one.
    }
  }
}

/** Operators with keys fetch their state as they need it; what belongs to the partition is brought back at once. */
async function restoreUnkeyed(handle: PartitionHandle, { unkeyed }: OperatorChain): Promise<void> {
  for (const operator of unkeyed) {
    const loads = operator.storedState();
    if (loads.length === 0) continue;
    await handle.load(loads);
    operator.supply(loads);
  }
}

function noAction(): void {}

function committedEnd(id: ChannelId, meta: ReadonlyMap<string, string>): ChannelPosition {
  const [seq, lineage] = parseEntryId(meta.get(`out:${id}`));
  return { id, seq, lineage };
}

/** Fact with the highest processing time that the partition's operators have seen (T4). */
export const PROCESSING_TIME_FIELD = "pt";

function committedTime(meta: ReadonlyMap<string, string>): number | undefined {
  const text = meta.get(PROCESSING_TIME_FIELD);
  return text === undefined ? undefined : Number(text);
}

/** Entries of earlier attempts that nobody has consumed yet count as this attempt's. */
async function restoreBacklogs(env: PartitionEnvironment, outbound: Outbound): Promise<void> {
  const written = outbound.channels.filter((channel) => channel.seq > 0);
  if (written.length === 0) return;
  const lengths = await env.reader.lengths(written.map((channel) => channel.id));
  for (const [i, channel] of written.entries())
    outbound.restoreBacklog(channel, lengths[i]!, env.encodesOnCommit ? UNKNOWN_ENTRY_BYTES : 0);
}

/** @param onOpened called per sink, so that those are closed again that were opened before one that fails */
async function openSinks(
  env: PartitionEnvironment,
  stage: StagePlan,
  index: number,
  attempt: number,
  meta: ReadonlyMap<string, string>,
  metrics: Map<string, OperatorMetrics>,
  onOpened: (sink: SinkOperator) => void,
): Promise<Map<string, SinkOperator>> {
  const sinks = new Map<string, SinkOperator>();
  for (const plan of stage.operators) {
    if (plan.type !== "sink") continue;
    const own = createOperatorMetrics();
    const sink = await SinkOperator.open(plan.name, plan.sink, own, {
      job: env.plan.job,
      sink: plan.name,
      partition: index,
      parallelism: stage.partitions,
      attempt,
      committed: parseSinkToken(meta.get(sinkTokenField(plan.name))),
    });
    metrics.set(plan.name, own);
    sinks.set(plan.name, sink);
    onOpened(sink);
  }
  return sinks;
}

async function openSourceHead(
  env: PartitionEnvironment,
  stage: StagePlan,
  index: number,
  meta: ReadonlyMap<string, string>,
  metrics: Map<string, OperatorMetrics>,
  chain: OperatorChain,
  host: HeadHost,
): Promise<SourceHead> {
  const plan = stage.source!;
  const own = createOperatorMetrics();
  metrics.set(stage.id, own);
  const failure = new FailureHandler({
    operator: stage.id,
    partition: index,
    parallelism: stage.partitions,
    clock: env.clock,
    metrics: own,
    onError: plan.onError,
    output: chain.head,
    side: (tag) => (tag === DEAD_LETTER_TAG ? chain.sourceDeadLetters : undefined),
  });
  const all = env.splits.get(stage.id) ?? [];
  const context = {
    redisUrl: env.redisUrl,
    job: env.plan.job,
    source: stage.id,
    partition: index,
    parallelism: stage.partitions,
  };
  const splits: OpenSplit[] = [];
  try {
    for (const split of all.filter((_, i) => i % stage.partitions === index)) {
      const progress = parseSplitProgress(meta.get(splitField(split)));
      const reader =
        progress?.ended === true ? undefined : await plan.source.open(split, progress?.position, context);
      splits.push({ split, reader, progress });
    }
  } catch (thrown) {
    await undoAll(
      splits.map(
        ({ reader }) =>
          () =>
            reader?.close(),
      ),
    );
    throw thrown;
  }
  return new SourceHead(
    {
      name: stage.id,
      partition: partitionId(stage.id, index),
      plan,
      batchRecords: env.settings.sourceBatchRecords,
      clock: env.clock,
      telemetry: env.telemetry,
      metrics: own,
      failure,
      host,
      alignment: env.alignment,
    },
    splits,
    storedWatermark(meta),
  );
}
