/** The versions of HTTP that this package speaks, by their names in ALPN (RFC 7301 §6). HTTP/1.0 is answered as 1.1. */
export type HttpVersion = "h3" | "h2" | "http/1.1";
