// SideTag — names a side output and remembers what type of record it carries.
import { EngineError } from "../core/errors.ts";
import { NAME_PATTERN } from "../core/ids.ts";

declare const recordType: unique symbol;

/** The name of a side output whose records are of type T. Two tags with the same name are the same output. */
export interface SideTag<T> {
  readonly tag: string;
  /** Only for the compiler; never set. */
  readonly [recordType]?: (record: T) => T;
}

/** A side output's name may not stand in channel names. */
export class InvalidSideTagError extends EngineError<"INVALID_SIDE_TAG"> {
  constructor(name: unknown) {
    super(
      "INVALID_SIDE_TAG",
      `side tag ${JSON.stringify(name) ?? String(name)}: start with a letter or digit and use letters, digits, "_" and "-", at most 100 characters`,
      { details: { name } },
    );
  }
}

/**
 * A tag for records of type T: `const late = sideTag<Bid>("late")`.
 *
 * @throws {InvalidSideTagError}
 */
export function sideTag<T>(name: string): SideTag<T> {
  if (typeof name !== "string" || !NAME_PATTERN.test(name)) throw new InvalidSideTagError(name);
  return Object.freeze({ tag: name });
}
