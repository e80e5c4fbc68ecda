// The trace context that a producer put beside its record.
//
// Source: W3C Trace Context, section 3.2: version "-" trace-id "-" parent-id "-" trace-flags.
import type { TraceMark } from "../../core/batch.ts";

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
const SAMPLED = 1;

/** @returns undefined for text that is no trace context, and for one that is not sampled: such records carry no mark */
export function parseTraceparent(text: string, index: number, emittedMs: number): TraceMark | undefined {
  const match = TRACEPARENT.exec(text);
  if (match === null || text.startsWith("ff")) return undefined;
  const [, traceId, spanId, flagText] = match as unknown as [string, string, string, string];
  const flags = Number.parseInt(flagText, 16);
  if ((flags & SAMPLED) === 0 || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { index, traceId, spanId, flags, emittedMs };
}
