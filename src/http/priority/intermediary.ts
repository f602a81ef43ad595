/** Connections that several clients share, by the fields that intermediaries add (RFC 9218 §13.1). */

import type { FieldSection } from "../field-section.ts";

/** The longest name of a client that is compared. */
const MAX_CLIENT = 256;

/**
 * The client for which an intermediary forwards a request: what Forwarded (RFC 7239) or X-Forwarded-For says. Null if only Via
 * shows that there is an intermediary, so that the client is unknown; undefined without an intermediary.
 */
export function forwardedClient(fields: FieldSection): string | null | undefined {
  let client: string | null | undefined;
  for (const [name, value] of fields) {
    if (name === "forwarded" || name === "x-forwarded-for") {
      // Each proxy appends; the first is the client.
      client ??= value.split(",", 1)[0]!.trim().slice(0, MAX_CLIENT).toLowerCase();
    } else if (name === "via" && client === undefined) client = null;
  }
  return client;
}
