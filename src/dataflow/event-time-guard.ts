// EventTimeGuard — refuses event-time timers in a job whose sources give no event time: they would never fire.
//
// Only a running function shows which timers it sets, so this cannot be found when the job is validated.
import { EngineError } from "../core/errors.ts";
import { type AnyProcessContext, ForwardingProcessContext } from "./forwarding-process-context.ts";

/** A process operator set an event-time timer, but no watermark will ever come. */
export class EventTimeUnavailableError extends EngineError<"EVENT_TIME_UNAVAILABLE"> {
  constructor(operator: string, sources: readonly string[]) {
    const named = sources.map((source) => `"${source}"`).join(" and ");
    super(
      "EVENT_TIME_UNAVAILABLE",
      `process "${operator}" set an event-time timer, but source ${named} has no timestamps, so it would never fire; ` +
        "give the source a `timestamp` option or its records one with assignTimestamps, or use timers.processing",
      { details: { operator, sources } },
    );
  }
}

export class EventTimeGuard extends ForwardingProcessContext {
  readonly #timers: AnyProcessContext["timers"];

  constructor(inner: AnyProcessContext, operator: string, sources: readonly string[]) {
    super(inner);
    this.#timers = {
      event: () => {
        throw new EventTimeUnavailableError(operator, sources);
      },
      deleteEvent: (time) => inner.timers.deleteEvent(time),
      processing: (time) => inner.timers.processing(time),
      deleteProcessing: (time) => inner.timers.deleteProcessing(time),
    };
  }

  override get timers(): AnyProcessContext["timers"] {
    return this.#timers;
  }
}
