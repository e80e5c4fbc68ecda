// JobKeys — every key that Weir writes, in one place. docs/protocols/redis-keys.md says type, content, owner, lifetime.
//
// All keys of a job share the hash tag {weir:<job>}: one slot, so one script may touch any of them.
import type { ChannelId, PartitionId } from "../core/ids.ts";

/** Keys of one job that outlive its incarnations. */
export class JobKeys {
  readonly job: string;
  readonly #tag: string;
  /** hash: the job's record. */
  readonly record: string;
  /** hash: leader, term, beat. */
  readonly leader: string;
  /** set: ids of the workers that joined. */
  readonly workers: string;
  /** hash: partition -> `<version> <worker>`; the worker is empty while nobody was assigned. */
  readonly assignments: string;
  /** Channel of PUBLISH, no key: rung when the control plane changed. */
  readonly bell: string;

  constructor(job: string) {
    this.job = job;
    this.#tag = `{weir:${job}}`;
    this.record = `${this.#tag}:job`;
    this.leader = `${this.#tag}:leader`;
    this.workers = `${this.#tag}:workers`;
    this.assignments = `${this.#tag}:assignments`;
    this.bell = `${this.#tag}:bell`;
  }

  /** hash: sign of life of one worker. */
  worker(id: string): string {
    return `${this.#tag}:w:${id}`;
  }

  /** What every key of the job begins with. */
  get prefix(): string {
    return `${this.#tag}:`;
  }

  /** Matches every key of the job, for SCAN and for people. */
  get pattern(): string {
    return `${this.#tag}:*`;
  }

  /** What all worker keys begin with, for scripts that walk the set of workers. */
  get workerPrefix(): string {
    return `${this.#tag}:w:`;
  }

  /** What stands before and after the incarnation in {@link IncarnationKeys.ended}, for scripts that look it up. */
  get endedAround(): readonly [before: string, after: string] {
    return [`${this.#tag}:`, ":ended"];
  }

  /** What stands before the incarnation and behind it in {@link IncarnationKeys.meta}, for scripts that look it up. */
  get metaAround(): readonly [before: string, between: string] {
    return [`${this.#tag}:`, ":a:"];
  }

  incarnation(incarnation: number): IncarnationKeys {
    return new IncarnationKeys(`${this.#tag}:${incarnation}`);
  }
}

/** Keys of one incarnation of a job. Names of hot keys are built once and kept. */
export class IncarnationKeys {
  readonly #prefix: string;
  /** set: partitions whose input has ended and whose last epoch is durable. */
  readonly ended: string;
  readonly #state = new Map<string, (string | undefined)[]>();
  readonly #timers = new Map<string, (string | undefined)[]>();
  readonly #channels = new Map<ChannelId, string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.ended = `${prefix}:ended`;
  }

  /** hash: the partition's own facts, among them fence and seq. */
  meta(partition: PartitionId): string {
    return `${this.#prefix}:a:${partition}`;
  }

  /** hash: keyed state of one operator in one key group, and the directory of its maps and lists. */
  state(operator: string, keyGroup: number): string {
    return cached(this.#state, operator, keyGroup, `${this.#prefix}:s:`);
  }

  /** zset: timers of one operator in one key group. */
  timers(operator: string, keyGroup: number): string {
    return cached(this.#timers, operator, keyGroup, `${this.#prefix}:t:`);
  }

  /** hash: one map of keyed state. */
  map(operator: string, keyGroup: number, state: string, field: string): string {
    return `${this.#prefix}:m:${operator}:${keyGroup}:${state}:${field}`;
  }

  /** list: one list of keyed state. */
  list(operator: string, keyGroup: number, state: string, field: string): string {
    return `${this.#prefix}:l:${operator}:${keyGroup}:${state}:${field}`;
  }

  /** stream: one channel. */
  channel(channel: ChannelId): string {
    let key = this.#channels.get(channel);
    if (key === undefined) {
      key = `${this.#prefix}:x:${channel}`;
      this.#channels.set(channel, key);
    }
    return key;
  }
}

/**
 * Fields of the state hash: `<state>:<address>` is a scalar; `@m:<state>:<address>` and `@l:<state>:<address>` are the
 * directory: they say that a map or a list exists under that address. State names never begin with `@`.
 */
export const scalarField = (state: string): string => `${state}:`;
export const mapDirectoryField = (state: string): string => `@m:${state}:`;
export const listDirectoryField = (state: string): string => `@l:${state}:`;

function cached(
  known: Map<string, (string | undefined)[]>,
  operator: string,
  keyGroup: number,
  prefix: string,
): string {
  let ofOperator = known.get(operator);
  if (ofOperator === undefined) {
    ofOperator = [];
    known.set(operator, ofOperator);
  }
  let key = ofOperator[keyGroup];
  if (key === undefined) {
    key = `${prefix}${operator}:${keyGroup}`;
    ofOperator[keyGroup] = key;
  }
  return key;
}
