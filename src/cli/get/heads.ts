// Response heads as text for -i, -I and -D, in the format of HTTP/1.1.
import type { Field, Protocol } from "../../client/index.ts";
import { printable } from "../../wire/printable.ts";

/** curl's names. HTTP/2 and HTTP/3 have no reason phrase, but curl still prints the space before it. */
const VERSIONS = { h3: "HTTP/3", h2: "HTTP/2", "http/1.1": "HTTP/1.1" } as const;

/** Reason phrases of 1xx responses (RFC 9110 §15.2, RFC 8297), which the client does not report. */
const INFORMATIONAL: Readonly<Record<number, string>> = {
  100: "Continue",
  101: "Switching Protocols",
  102: "Processing",
  103: "Early Hints",
};

/** The status line and the fields, one string per line, without line breaks. The last line is empty. */
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
