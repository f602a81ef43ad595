// The interface of HTTP/3 connectors, which is all that the client knows about QUIC.
import type { DialOptions, Session } from "./session.ts";

/**
 * An HTTP/3 session is a Session whose protocol is "h3". In addition to session.ts:
 * - while `active` is 0, it must not keep the process alive (its socket and timers are unreferenced);
 * - `stats()` returns rtt, minRtt, packetsSent, packetsReceived and packetsLost;
 * - after GOAWAY (RFC 9114 §5.2), `room` is 0, and requests that the server will not process fail with `unprocessed`
 *   true.
 */
export type Http3Session = Session & { readonly protocol: "h3" };

/** Makes HTTP/3 connections for a client. */
export interface Http3Connector {
  /** Preloads what connect() needs, so that the head start over TCP is not spent on loading. */
  ready?(): Promise<unknown>;
  /**
   * Completes the QUIC and TLS handshakes for an origin such as "https://example.com:8443". Rejects with a specific
   * error of errors.ts if there is one (such as certificateExpired), otherwise with any Error.
   */
  connect(origin: string, options: DialOptions): Promise<Http3Session>;
  /** Releases resources that connections share, such as a socket. */
  close(): Promise<void>;
}
