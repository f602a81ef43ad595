/** Errors of a connected socket that say that this machine has no path to the peer, or no longer the socket's address. */

const PATH_ERRORS: ReadonlySet<string> = new Set([
  "ENETUNREACH",
  "ENETDOWN",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "EADDRNOTAVAIL",
  // Linux, once the socket's address is removed.
  "EINVAL",
]);

export const isPathError = (code: string | undefined): boolean => code !== undefined && PATH_ERRORS.has(code);
