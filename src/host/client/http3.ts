// The seam for HTTP/3. The QUIC host implements Http3Connector; the client knows nothing else of it.
import type { DialOptions, Session } from "./session.ts";

/**
 * An HTTP/3 session is a Session whose protocol is "h3". What it owes beyond session.ts:
 * - while `active` is 0 it must not keep the process alive (its socket and timers are unreferenced);
 * - `stats()` gives rtt, minRtt, packetsSent, packetsReceived and packetsLost;
 * - after GOAWAY (RFC 9114 §5.2) `room` is 0, and requests the server will not process fail with `unprocessed` true.
 */
export type Http3Session = Session & { readonly protocol: "h3" };

export interface Http3Connector {
  /** Loads what connect() needs, so that the head start over TCP is spent on the network. */
  ready?(): Promise<unknown>;
  /**
   * Completes the QUIC and TLS handshakes for an origin such as "https://example.com:8443", or rejects: with one of the errors of
   * errors.ts where it knows better (certificateExpired and its siblings), with any Error otherwise.
   */
  connect(origin: string, options: DialOptions): Promise<Http3Session>;
  /** Releases what connections share, such as a socket. */
  close(): Promise<void>;
}
