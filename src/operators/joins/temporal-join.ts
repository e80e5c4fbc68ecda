// temporalJoin — joins each fact with the version that was valid at the fact's event time, per key.
// Step 4 of the walk (ARCHITECTURE.md).
//
// A version is valid from its own time until the next one's. Which one that is, is known when the watermark has reached
// the fact's time: until then facts and versions wait, both under their time, and one timer per time takes first the
// version of that time into validity and then joins the facts of that time with the valid version.
//
// Owns:      facts that wait, versions to come, and the one version that is valid at the watermark.
// Does not:  keep older versions: no fact that is not late can ask for them.
//
// Laws (docs/laws.md)
//   J4  For any interleaving, a temporal join emits each fact that was not late once, with the newest version at or
//       before its time of those that came before the watermark reached that time; also after stops and restores.
import type { Batch } from "../../core/batch.ts";
import { type Codec, msgpackCodec } from "../../core/codec.ts";
import type { MapCells } from "../../state/map-state.ts";
import type { ValueCells } from "../../state/value-state.ts";
import type { Timer } from "../../time/timer-member.ts";
import type { KeyedOperator, KeyedOperatorContext } from "../operator.ts";
import { TwoInputOperator } from "../two-input-operator.ts";
import { type AnyJoinFunction, CurrentJoin, type DecodeKey } from "./join-context.ts";
import { joinTime } from "./join-time.ts";
import { isRemoval, rowOf } from "./row.ts";
import { RowsByTime } from "./rows-by-time.ts";

export interface TemporalJoinDefinition {
  /** `left`: facts without a valid version are emitted, too. */
  readonly kind: "inner" | "left";
  readonly join: AnyJoinFunction;
  readonly decodeKey?: DecodeKey;
}

/** What takes effect at a time: a version, or that there is none from then on. */
type Version = { readonly row: unknown } | { readonly removed: true };

interface ValidVersion {
  readonly since: number;
  readonly row: unknown;
}

/**
 * Emits what `join` makes of each fact, with the fact's timestamp, when the watermark reaches it.
 *
 * Versions are rows, or changes: `+I` and `+U` begin a version, `-D` and `-U` end the valid one. Of several of one time
 * the last one to arrive counts, so a `-U` with its `+U` replaces a version. A late version counts for the facts that
 * still wait, unless a newer one is valid; a removal that has taken effect is forgotten, so that removed keys leave
 * nothing behind. A late fact is counted, and sent to the side output {@link LATE_TAG}.
 */
export function temporalJoinOperator(
  definition: TemporalJoinDefinition,
): (context: KeyedOperatorContext) => KeyedOperator {
  return (context) => new TemporalJoinOperator(context, definition);
}

class TemporalJoinOperator extends TwoInputOperator {
  readonly #facts: RowsByTime;
  readonly #versions: MapCells<number, Version>;
  readonly #valid: ValueCells<ValidVersion>;
  readonly #outer: boolean;
  readonly #join: AnyJoinFunction;
  readonly #current: CurrentJoin;

  constructor(context: KeyedOperatorContext, definition: TemporalJoinDefinition) {
    super(context);
    this.#facts = new RowsByTime(this.state, "facts");
    this.#versions = this.state.addMapCells("versions", msgpackCodec as Codec<Version>);
    this.#valid = this.state.addCells("valid", msgpackCodec as Codec<ValidVersion>);
    this.#outer = definition.kind === "left";
    this.#join = definition.join;
    this.#current = new CurrentJoin(() => this.state.key, definition.decodeKey);
  }

  /** Facts. Hot. */
  protected runFirst({ keys, values, timestamps }: Batch, from: number): void {
    for (let i = from; i < values.length; i++) {
      const key = (keys as unknown[])[i];
      this.beginRecord(i, key);
      const time = joinTime(this.context.operator, timestamps?.[i]);
      if (time <= this.watermark) {
        this.leaveLate(values[i], timestamps?.[i]);
        continue;
      }
      this.#facts.add(time, values[i]);
      this.eventTimers.register(undefined, key, time);
    }
  }

  /** Versions. */
  protected runSecond({ keys, values, timestamps }: Batch, from: number): void {
    for (let i = from; i < values.length; i++) {
      const key = (keys as unknown[])[i];
      this.beginRecord(i, key);
      const time = joinTime(this.context.operator, timestamps?.[i]);
      const record = values[i];
      const version: Version = isRemoval(record) ? { removed: true } : { row: rowOf(record) };
      if (time <= this.watermark) {
        this.#takeEffect(time, version);
      } else {
        this.#versions.set(time, version);
        this.eventTimers.register(undefined, key, time);
      }
    }
  }

  /** A version whose time has come: it is the valid one, unless a newer one is already. */
  #takeEffect(since: number, version: Version): void {
    const valid = this.#valid.peek();
    if (valid !== undefined && valid.since > since) return;
    if ("row" in version) this.#valid.set({ since, row: version.row });
    else this.#valid.clear();
  }

  protected fire({ time }: Timer): void {
    const version = this.#versions.peek(time);
    if (version !== undefined) {
      this.#versions.delete(time);
      this.#takeEffect(time, version);
    }
    const valid = this.#valid.peek();
    if (valid !== undefined || this.#outer)
      for (const fact of this.#facts.at(time)) this.#emit(fact, valid?.row, time, valid?.since);
    this.#facts.delete(time);
  }

  /** The facts could not be joined; the version takes effect all the same. */
  protected override abandon({ time }: Timer): void {
    const version = this.#versions.peek(time);
    if (version !== undefined) this.#takeEffect(time, version);
    this.#versions.delete(time);
    this.#facts.delete(time);
  }

  protected override describe({ key, time }: Timer): unknown {
    return { key, facts: this.#facts.at(time), timestamp: time };
  }

  #emit(fact: unknown, version: unknown, time: number, since: number | undefined): void {
    const current = this.#current;
    current.leftTimestamp = time;
    current.rightTimestamp = since;
    current.timestamp = time;
    const result = this.#join(fact, version, current);
    this.refusePromise(result, "the join function");
    this.output.emit(result, time);
  }
}
