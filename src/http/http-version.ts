/** The supported versions of HTTP, by ALPN identifier (RFC 7301 §6). */
export type HttpVersion = "h3" | "h2" | "http/1.1";
