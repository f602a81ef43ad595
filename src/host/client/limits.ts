// Limits on responses, for every version of HTTP.

/** The maximum size of a response's head, in bytes. */
export const MAX_RESPONSE_HEAD = 64 * 1024;
