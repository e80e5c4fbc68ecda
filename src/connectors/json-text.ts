// jsonText — a record as one line of JSON, the same in every sink.

/** JSON with bigints as decimal strings; undefined for what JSON does not have: undefined, functions and symbols. */
export function jsonText(record: unknown): string | undefined {
  try {
    return JSON.stringify(record);
  } catch {
    // With bigints; a replacer makes every record several times slower, so it is the exception.
    return JSON.stringify(record, (_name, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
  }
}
