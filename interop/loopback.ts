/** Addresses of loopback. */

export type LoopbackHost = "127.0.0.1" | "::1";

export const LOOPBACK: LoopbackHost = "127.0.0.1";

/** As in URLs (RFC 3986 §3.2). */
export const authority = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
