// LateStream — the results of an operator that leaves records aside when they come too late.

import { LATE_TAG } from "../operators/event-time.ts";
import { type SideTag, sideTag } from "../operators/side-tag.ts";
import type { OperatorStream, Stream } from "./stream.ts";

/** Results of type T, and the records of type Late that came too late to be in any of them. */
export type LateStream<T, Late> = OperatorStream<T> & {
  /** The records that came too late, as they came. */
  late(): Stream<Late>;
};

const LATE = sideTag<unknown>(LATE_TAG);

export function withLate<T, Late>(stream: OperatorStream<T>): LateStream<T, Late> {
  return Object.assign(stream, { late: () => stream.sideOutput(LATE as SideTag<Late>) });
}
