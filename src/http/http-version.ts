/** The versions of HTTP that this package speaks, by their names in ALPN (RFC 7301 §6). */
export type HttpVersion = "h3" | "h2" | "http/1.1";
