/** What is wrong with DNS data: a peer's message (RFC 1035 §4), or text that a person wrote (RFC 1035 §5). */

import { defineErrors, ProtocolError } from "../base/errors.ts";

/** RFC 1035 §4.1.1: the response codes that a malformed or unsupported query deserves. */
export const DNS_ERRORS = defineErrors({
  FORMERR: [1, "the message is malformed"],
});

export function formatError(where: string, detail: string, options?: { cause?: unknown }): ProtocolError {
  return new ProtocolError("dns", DNS_ERRORS.FORMERR, where, detail, options);
}

/** Text in presentation format that cannot be read: a name, a record or a line of a zone file. */
export class PresentationError extends Error {
  override readonly name = "PresentationError";
}
