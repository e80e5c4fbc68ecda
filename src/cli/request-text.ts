// The requests of a job's operators, as `weir status` shows them. Pure.
import type { RequestFigures } from "../operators/async/async-operator.ts";
import { type Column, formatCount, formatDuration, formatTable } from "./figures.ts";

const COLUMNS: readonly Column<RequestFigures>[] = [
  { title: "requests of", align: "left", text: ({ operator }) => operator },
  { title: "in flight", text: ({ inFlight }) => formatCount(inFlight) },
  { title: "held", text: ({ held }) => formatCount(held) },
  { title: "oldest", text: ({ oldestMs }) => (oldestMs === null ? "-" : formatDuration(oldestMs)) },
  { title: "retries", text: ({ retries }) => formatCount(retries) },
  { title: "timeouts", text: ({ timeouts }) => formatCount(timeouts) },
];

/** A table with one line per operator; empty for a job that makes no requests. */
export function formatRequests(requests: readonly RequestFigures[]): string[] {
  return requests.length === 0 ? [] : formatTable(COLUMNS, requests);
}
