/** Errors that the proxy itself answers with; the words are memcached's. */

const line = (text: string): Uint8Array => Uint8Array.from(`${text}\r\n`, (character) => character.charCodeAt(0));

export const ERRORS = {
  parsing: line("CLIENT_ERROR parsing request"),
  badDataChunk: line("CLIENT_ERROR bad data chunk"),
  malformed: line("CLIENT_ERROR malformed request"),
  keyTooLong: line("CLIENT_ERROR key too long"),
  badLineFormat: line("CLIENT_ERROR bad command line format"),
  /** No route takes the key. */
  noRoute: line("SERVER_ERROR lua start failure"),
  /** A route's own code failed. */
  routeFailed: line("SERVER_ERROR lua failure"),
  backendFailure: line("SERVER_ERROR backend failure"),
  badResponse: line("SERVER_ERROR bad response"),
  tooManyRequests: line("SERVER_ERROR active request limit reached"),
  outOfMemory: line("SERVER_ERROR out of memory"),
  badTtlCommand: line("SERVER_ERROR invalid command for route_ttl"),
  unknown: line("ERROR"),
} as const;
