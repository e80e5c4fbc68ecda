// Why event time stands where it stands, in words: one line per stage. Pure.
import type { WatermarkCause } from "../runtime/watermark-causes.ts";
import { formatDuration } from "./figures.ts";

/** One line each; empty for a job without event time. */
export function formatCauses(causes: readonly WatermarkCause[]): string[] {
  return causes.map(
    (cause) =>
      `${cause.stage}: watermark ${timeText(cause.watermark)}, held by ${inputText(cause)}: ${reasonText(cause)}`,
  );
}

function inputText({ kind, input, path }: WatermarkCause): string {
  return kind === "split" ? `split ${input} of ${path.at(-1)}` : `channel ${input} into ${path.at(-1)}`;
}

function reasonText({ state, kind, forMs, inputWatermark, timedBy }: WatermarkCause): string {
  const time = formatDuration(forMs);
  const stands = `stands at ${timeText(inputWatermark)} for ${time}`;
  if (timedBy !== undefined)
    return `${stands}, assignTimestamps "${timedBy}" before it promises no more so far`;
  switch (state) {
    case "silent":
      return `no newer records for ${time}`;
    case "aligned":
      return `${stands}, waits for slower sources of its alignment group`;
    case "idle":
      return `${stands}, idle like all other inputs`;
    case "unreported":
      return `${stands}, its producer is not reported`;
    default:
      return kind === "channel" ? `${stands}, newer records are on their way` : stands;
  }
}

function timeText(watermark: number | null): string {
  if (watermark === null) return "not known yet";
  const date = new Date(watermark);
  return Number.isNaN(date.getTime()) ? String(watermark) : date.toISOString();
}
