// Limits on responses, for every version of HTTP.
import { type FieldSection, fieldSectionSize } from "../../http/index.ts";

/** The maximum size of a response's head, in bytes. */
export const MAX_RESPONSE_HEAD = 64 * 1024;

/** The maximum bytes of informational responses before one response. */
export const MAX_INFORMATIONAL = 256 * 1024;
/** The bytes that a status line counts for, so that responses without fields are limited too. */
const STATUS_LINE = 32;

/**
 * Limits the informational responses before one response. RFC 9110 §15.2 allows any number, each one restarts the
 * timer, and a proxy must pass them on, even to a client that reads nothing.
 */
export class InformationalLimit {
  #bytes = 0;

  /** Counts an informational response. Returns false if there have been too many. */
  take(fields: FieldSection): boolean {
    this.#bytes += STATUS_LINE + fieldSectionSize(fields);
    return this.#bytes <= MAX_INFORMATIONAL;
  }
}
