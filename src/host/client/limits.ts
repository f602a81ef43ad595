// What a client takes of a server, whichever version carries it.

/** Bytes of a response's head. */
export const MAX_RESPONSE_HEAD = 64 * 1024;
