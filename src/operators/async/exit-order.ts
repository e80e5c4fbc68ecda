// ExitOrder — which held records may leave, and when a watermark may be told.
//
// A watermark is told when all records before it have left: it is the one in front of the first record that is held.
// What may leave before that is what the orders here differ in.
//
// Laws (docs/laws.md)
//   Y2  With order "ordered" results leave in the order of their records.
//   Y3  No result passes a watermark, in neither direction and in neither order of a stream without keys.
import type { HeldList, HeldRecord } from "./held-record.ts";

/** `unordered` lets a result leave as soon as no watermark stands before it. */
export type AsyncOrder = "ordered" | "unordered";

/** Where records leave. */
export interface Exit {
  readonly list: HeldList;
  /** Of the input: told at last when nothing is held. */
  readonly watermark: number;
  /** The last watermark that has left. */
  readonly told: number;
  /** Lets a watermark leave; one that is not newer changes nothing. */
  tell(watermark: number): void;
  /** Lets the result of a settled record leave. */
  leave(held: HeldRecord): void;
}

export interface ExitOrder {
  /** A record is held, behind all others. */
  hold?(held: HeldRecord): void;
  /** Whether the result of a record that comes now may leave at once, without being held. */
  mayPass(exit: Exit): boolean;
  /** Lets go of everything that may leave. @param settled those that were settled since the last call */
  release(exit: Exit, settled: readonly HeldRecord[]): void;
}

/** In the order of the records. */
export class InOrder implements ExitOrder {
  mayPass({ list }: Exit): boolean {
    return list.first === undefined;
  }

  release(exit: Exit): void {
    const { list } = exit;
    for (let held = list.first; held?.isSettled === true; held = list.first) {
      exit.tell(held.watermark);
      exit.leave(held);
    }
    exit.tell(list.first?.watermark ?? exit.watermark);
  }
}

/** As results come, among the records between two watermarks: a segment. Only the first segment's results may leave. */
export class InSegments implements ExitOrder {
  mayPass({ list, watermark }: Exit): boolean {
    return list.first === undefined || list.first.watermark === watermark;
  }

  release(exit: Exit, settled: readonly HeldRecord[]): void {
    const { list } = exit;
    let { first } = list;
    if (first !== undefined) {
      const { watermark } = first;
      exit.tell(watermark);
      for (let i = 0; i < settled.length; i++)
        if (settled[i]!.watermark === watermark) exit.leave(settled[i]!);
      // The next segment becomes the first one: what is settled there has waited for this.
      for (first = list.first; first !== undefined && first.watermark > exit.told; first = list.first)
        this.#releaseSegment(exit, first);
    }
    if (list.size === 0) exit.tell(exit.watermark);
  }

  #releaseSegment(exit: Exit, first: HeldRecord): void {
    const { watermark } = first;
    exit.tell(watermark);
    let held: HeldRecord | undefined = first;
    while (held !== undefined && held.watermark === watermark) {
      const { after }: HeldRecord = held;
      if (held.isSettled) exit.leave(held);
      held = after;
    }
  }
}

export function exitOrder(order: AsyncOrder | "sequential"): ExitOrder {
  return order === "unordered" ? new InSegments() : new InOrder();
}
