/**
 * Why requests come over TCP although there is HTTP/3, as far as a server can know: what it has told the client's address,
 * and what it has seen of it. Clients behind one address are taken for one, so these are estimates. Bounded.
 */

import { peerAddressFrom } from "../../../host/http/tcp-connection.ts";
import type { ConnectionTraceEvent, TraceConnection } from "../../../host/quic/tracing.ts";
import type { CloseReason } from "../../../quic/index.ts";
import { clientKey } from "../addresses/client-key.ts";

export type FallbackReason =
  /** This server has no HTTP/3: switched off, or there is no UDP. */
  | "disabled"
  /** HTTP/3 is served but not advertised. */
  | "not-advertised"
  /** The first connection of this address: the client learns of HTTP/3 from this response. */
  | "first-contact"
  /** The client stays on the TCP connection on which it learned of HTTP/3. */
  | "same-connection"
  /** It opened another TCP connection after it had been told. It has no HTTP/3, or its UDP packets do not arrive. */
  | "advertised"
  /** UDP packets arrive, but a handshake of this address failed in the last minutes. */
  | "quic-handshake-failed"
  /** The address uses HTTP/3 as well. */
  | "also-uses-h3";

interface Known {
  /** The port of the TCP connection on which HTTP/3 was first advertised. */
  readonly port: number;
  usesHttp3: boolean;
  /** Milliseconds. */
  failedAt: number;
}

const MAX_CLIENTS = 10_000;
/** Milliseconds for which a failed handshake explains requests over TCP. */
const FAILURE_COUNTS = 300_000;

export class FallbackReasons {
  /** What the server offers. */
  state: "disabled" | "not-advertised" | "advertised" = "disabled";
  /** By client, the longest unseen first. */
  readonly #clients = new Map<string, Known>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Call for each request over TCP. */
  of(address: string, port: number): FallbackReason {
    if (this.state !== "advertised") return this.state;
    const key = clientKey(address);
    const known = this.#clients.get(key);
    if (known === undefined) {
      this.#note(key, { port, usesHttp3: false, failedAt: Number.NEGATIVE_INFINITY });
      return "first-contact";
    }
    this.#note(key, known);
    if (this.#now() - known.failedAt < FAILURE_COUNTS) return "quic-handshake-failed";
    if (known.usesHttp3) return "also-uses-h3";
    return known.port === port ? "same-connection" : "advertised";
  }

  /** Call for each request over HTTP/3. */
  noteHttp3(address: string): void {
    const key = clientKey(address);
    const known = this.#clients.get(key);
    if (known === undefined) {
      this.#note(key, { port: -1, usesHttp3: true, failedAt: Number.NEGATIVE_INFINITY });
      return;
    }
    known.usesHttp3 = true;
    known.failedAt = Number.NEGATIVE_INFINITY;
  }

  /** Listens for handshakes over QUIC that fail. */
  readonly trace: TraceConnection = (_id, role) => {
    if (role !== "server") return undefined;
    let address: string | undefined;
    let isComplete = false;
    return (event: ConnectionTraceEvent) => {
      if (event.type === "quic:connection-started") address = event.remote.host;
      else if (event.type === "quic:negotiated") isComplete = true;
      else if (event.type === "quic:connection-closed" && !isComplete && address !== undefined) {
        this.#noteFailure(address, event.reason);
      }
    };
  };

  #noteFailure(address: string, reason: CloseReason): void {
    // The client left before the handshake was complete: browsers race connections, and abandon the slower one.
    if ("layer" in reason && reason.type === "peer" && reason.code === 0) return;
    const known = this.#clients.get(clientKey(peerAddressFrom(address).address));
    // A spoofed address must not fill the table.
    if (known !== undefined) known.failedAt = this.#now();
  }

  #note(key: string, known: Known): void {
    this.#clients.delete(key);
    this.#clients.set(key, known);
    if (this.#clients.size <= MAX_CLIENTS) return;
    const [oldest] = this.#clients.keys();
    this.#clients.delete(oldest!);
  }
}
