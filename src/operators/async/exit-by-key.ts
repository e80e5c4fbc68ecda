// InKeyOrder, ByResult — how the records of a keyed operator leave: a slow request holds back its own key, nobody else.
//
// A result may leave before a watermark that its record came behind: to whoever comes next it is a record that is early.
// It never leaves after a watermark that came behind its record, since it would be late there. A record that was late when
// it came waits for the watermark that it is behind, so that it stays late.
//
// Laws (docs/laws.md)
//   Y10  Results of a key leave in the order of their records. A result that is there waits for nothing but earlier records
//        of its key and, when it is late, for its watermark.
//   Y11  No result leaves behind a watermark that came after its record; a late one leaves behind the watermark that
//        made it late.
import type { Exit, ExitOrder } from "./exit-order.ts";
import type { HeldRecord } from "./held-record.ts";

/** `sequential` makes the next request of a key only when the one before it is settled. */
export type KeyedAsyncOrder = "ordered" | "sequential" | "unordered";

export function keyedExitOrder(order: KeyedAsyncOrder): ExitOrder {
  return order === "unordered" ? new ByResult() : new InKeyOrder();
}

/** As results come. */
export class ByResult implements ExitOrder {
  /** Settled, but late: their watermark has not been told. */
  #late: HeldRecord[] = [];

  mayPass({ list }: Exit): boolean {
    return list.first === undefined;
  }

  release(exit: Exit, settled: readonly HeldRecord[]): void {
    this.#tell(exit);
    for (let i = 0; i < settled.length; i++) this.letGo(exit, settled[i]!);
    // Whoever has left may have been the last one before a watermark that late records wait for.
    while (this.#tell(exit) && this.#late.length > 0) {
      const waiting = this.#late;
      this.#late = [];
      for (const held of waiting) this.letGo(exit, held);
    }
  }

  /** @param held settled @returns whether it has left: a late one may have to wait */
  protected letGo(exit: Exit, held: HeldRecord): boolean {
    if (staysLate(held, exit.told)) {
      this.#late.push(held);
      return false;
    }
    exit.leave(held);
    return true;
  }

  /** @returns whether a watermark has left */
  #tell(exit: Exit): boolean {
    const before = exit.told;
    exit.tell(exit.list.first?.watermark ?? exit.watermark);
    return exit.told > before;
  }
}

/** As results come, but those of one key in the order of its records. */
export class InKeyOrder extends ByResult {
  /** The last record that is held of each key. */
  readonly #last = new Map<unknown, HeldRecord>();

  hold(held: HeldRecord): void {
    const ahead = this.#last.get(held.key);
    if (ahead !== undefined) {
      ahead.behind = held;
      held.ahead = ahead;
    }
    this.#last.set(held.key, held);
  }

  /** Those of its key that have waited for it leave with it. */
  protected override letGo(exit: Exit, first: HeldRecord): boolean {
    // It may have left with one that was settled at the same time.
    let held: HeldRecord | undefined = first.isGone ? undefined : first;
    while (held?.isSettled === true && held.ahead === undefined) {
      if (!super.letGo(exit, held)) break;
      const { behind }: HeldRecord = held;
      if (behind === undefined) this.#last.delete(held.key);
      else behind.ahead = undefined;
      held = behind;
    }
    return first.isGone;
  }
}

function staysLate({ timestamp, watermark }: HeldRecord, told: number): boolean {
  return timestamp !== undefined && timestamp <= watermark && watermark > told;
}
