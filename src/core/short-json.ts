// shortJson — any value as one short line, for messages to people.

const SHOWN_CHARACTERS = 200;

/** One line of JSON, cut after 200 characters; never throws. */
export function shortJson(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value, (_name, item) => (typeof item === "bigint" ? `${item}n` : item));
    text ??= String(value);
  } catch {
    text = `(a value of type ${typeof value} that has no JSON)`;
  }
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
