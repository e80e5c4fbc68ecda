// nexmarkFile — recorded events as a source: combined NDJSON, one event per line (events.ts has the form).
import type { Source } from "../connectors/contract.ts";
import { type NdjsonFileOptions, ndjsonFile } from "../connectors/files/ndjson-file.ts";
import { type NexmarkEvent, NexmarkInputError, parseNexmarkEvent } from "./events.ts";

type EventSchema = NonNullable<NdjsonFileOptions<NexmarkEvent>["schema"]>;

const eventSchema: EventSchema = {
  "~standard": {
    version: 1,
    vendor: "weir",
    validate(value) {
      try {
        return { value: parseNexmarkEvent(value) };
      } catch (error) {
        // The reader knows the line and puts it in front.
        if (error instanceof NexmarkInputError)
          return { issues: [{ message: error.problem, path: error.field.split(".") }] };
        throw error;
      }
    },
  },
};

/**
 * Events of a file, line by line in constant memory; the position is the byte behind the last line that was taken.
 *
 * A line that is no event goes to the source's `onError` policy, with an error that names file, line and field.
 *
 * @throws {InvalidOptionError} when `path` is no path
 */
export function nexmarkFile(path: string): Source<NexmarkEvent> {
  return ndjsonFile(path, { schema: eventSchema });
}
