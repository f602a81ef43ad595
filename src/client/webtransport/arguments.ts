/** The options of the W3C's class, in Node and in pages, and what its constructor checks. */

/** The hash of an acceptable server certificate. */
export interface WebTransportHash {
  /** "sha-256"; others are ignored. */
  readonly algorithm: string;
  /** Of the server's certificate in DER. */
  readonly value: ArrayBuffer | ArrayBufferView;
}

/** The options of a session, as the W3C has them. */
export interface SharedWebTransportOptions {
  /**
   * Hashes of certificates, one of which the server must have. It is valid for at most 14 days, and its key is not RSA. In a page,
   * they count for HTTP/3 alone: a WebSocket obeys the browser's rules, as the page itself did. `requireUnreliable` rules it out.
   */
  readonly serverCertificateHashes?: readonly WebTransportHash[];
  /**
   * True to share a connection over HTTP/3 with other sessions that allow it, have the same origin, and connect in the same way.
   * Certificate hashes are then not allowed. Default: false, a connection of its own.
   */
  readonly allowPooling?: boolean;
  /** True to use HTTP/3 or nothing. By default a session falls back to a WebSocket, where datagrams are late, never lost. */
  readonly requireUnreliable?: boolean;
  /** Accepted: one congestion controller serves all. */
  readonly congestionControl?: "default" | "throughput" | "low-latency";
  /** Subprotocols to offer, in order of preference. */
  readonly protocols?: readonly string[];
}

/** W3C WebTransport §4.1: an https URL without a fragment. */
export function parseUrl(given: string | URL): URL {
  const url = URL.canParse(String(given)) ? new URL(String(given)) : undefined;
  const problem =
    url === undefined
      ? "is not a URL"
      : url.protocol !== "https:"
        ? "is not an https:// URL"
        : url.hash !== "" || String(given).includes("#")
          ? "has a fragment"
          : undefined;
  if (problem !== undefined) throw new DOMException(`"${given}" ${problem}`, "SyntaxError");
  return url!;
}

export function checkedProtocols(protocols: readonly string[]): readonly string[] {
  const problem =
    new Set(protocols).size < protocols.length
      ? "a protocol is repeated"
      : protocols.some((each) => each === "" || each.length > 512 || !/^[\x20-\x7e]*$/.test(each))
        ? "a protocol is empty, too long, or not ASCII"
        : undefined;
  if (problem !== undefined) throw new DOMException(problem, "SyntaxError");
  return protocols;
}
