// Limits on responses, for every version of HTTP.
import { type FieldSection, fieldSectionSize } from "../../http/index.ts";

/** The maximum size of a response's head, in bytes. */
export const MAX_RESPONSE_HEAD = 64 * 1024;

/** Bytes of the informational responses before one response. */
export const MAX_INFORMATIONAL = 256 * 1024;
/** What an informational response without fields counts, so that empty ones are limited too. */
const STATUS_LINE = 32;

/**
 * Limits the informational responses before one response. RFC 9110 §15.2 allows any number, each of them keeps the timer
 * from running out, and a proxy must pass them on, even to a client that reads nothing.
 */
export class InformationalLimit {
  #bytes = 0;

  /** Counts another one; false once there were too many. */
  take(fields: FieldSection): boolean {
    this.#bytes += STATUS_LINE + fieldSectionSize(fields);
    return this.#bytes <= MAX_INFORMATIONAL;
  }
}
