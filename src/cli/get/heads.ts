// Heads as text: for -i, -I and -D, as HTTP/1.1 would write them.
import type { Field, Protocol } from "../../client/index.ts";
import { printable } from "../../wire/printable.ts";

/** curl's names: HTTP/2 and HTTP/3 have no reason phrase, and curl leaves the space before it. */
const VERSIONS = { h3: "HTTP/3", h2: "HTTP/2", "http/1.1": "HTTP/1.1" } as const;

/** RFC 9110 §15.2 and RFC 8297: the reason of a 1xx response is not handed on. */
const INFORMATIONAL: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
};

/** Status line and fields, one string a line, without line breaks; the last is empty. */
export function headLines(
  protocol: Protocol,
  status: number,
  statusText: string | undefined,
  fields: readonly Field[],
): string[] {
  const reason = protocol === "http/1.1" ? (statusText ?? INFORMATIONAL[status] ?? "") : "";
  return [printable(`${VERSIONS[protocol]} ${status} ${reason}`), ...fieldLines(fields), ""];
}

export const fieldLines = (fields: readonly Field[]): string[] =>
  fields.map(([name, value]) => printable(`${name}: ${value}`));
