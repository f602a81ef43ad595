/** A server endpoint that receives single datagrams from any address, and its responses to each. */

import { ReceivedBatch, type SocketAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import { createTlsServer } from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import { type AcceptPolicy, type ConnectionConfig, connectionConfig, Endpoint, type EndpointTrace } from "../index.ts";

export interface Answer {
  readonly remote: SocketAddress;
  readonly bytes: Uint8Array;
}

export interface ListenerOptions {
  readonly policy?: Partial<AcceptPolicy>;
  readonly config?: Partial<ConnectionConfig>;
  readonly staticSecret?: Uint8Array;
  readonly seed?: number;
  readonly traceEndpoint?: EndpointTrace;
}

export const address = (n: number): SocketAddress => ({
  family: 4,
  host: `198.51.${(n >> 8) & 0xff}.${n & 0xff}`,
  port: 40_000,
});

const LOCAL: SocketAddress = { family: 4, host: "192.0.2.1", port: 443 };
const SLOTS = { arena: new Uint8Array(65_536) };

export class Listener {
  now: Instant = 1_000_000 as Instant;
  readonly endpoint: Endpoint;
  /** The number of connections that the application was notified of. */
  accepted = 0;
  readonly rng: SeededRng;
  readonly #batch = new ReceivedBatch(new Uint8Array(512 * 1024), 512);

  constructor(options: ListenerOptions = {}) {
    const rng = new SeededRng(options.seed ?? 1);
    this.rng = rng;
    const engine = portableEngine;
    const identity = ed25519Identity();
    this.endpoint = new Endpoint({
      config: connectionConfig({ engine, rng, ...options.config }),
      server: {
        createTls: (transportParameters) =>
          createTlsServer({ engine, rng, alpn: ["test"], transportParameters, selectIdentity: () => identity }),
        ...options.policy,
      },
      traceEndpoint: options.traceEndpoint,
      ...(options.staticSecret === undefined ? {} : { staticSecret: options.staticSecret }),
    });
  }

  /** Delivers one datagram and returns the datagrams sent in response. */
  deliver(datagram: Uint8Array, from: SocketAddress = address(1)): Answer[] {
    return this.deliverAll([datagram], from);
  }

  /** Delivers one batch; returns the responses to it. */
  deliverAll(datagrams: readonly Uint8Array[], from: SocketAddress = address(1)): Answer[] {
    this.#batch.clear();
    for (const datagram of datagrams) {
      if (!this.#batch.push(datagram, LOCAL, from)) throw new RangeError("the datagrams do not fit in one batch");
    }
    this.endpoint.handleBatch(this.#batch, this.now);
    return this.poll();
  }

  /** Advances time and handles all timers. */
  wait(span: Micros): Answer[] {
    const until = after(this.now, span);
    const answers: Answer[] = [];
    for (;;) {
      const next = this.endpoint.nextTimeout();
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next) as Instant;
      this.endpoint.handleTimeout(this.now);
      answers.push(...this.poll());
    }
    this.now = until;
    return answers;
  }

  poll(): Answer[] {
    for (let next = this.endpoint.pollEvent(); next !== undefined; next = this.endpoint.pollEvent()) {
      if (next.event.type === "accepted") this.accepted += 1;
    }
    const answers: Answer[] = [];
    for (;;) {
      const transmit = this.endpoint.pollTransmit(SLOTS, 16, this.now);
      if (transmit === undefined) return answers;
      for (let at = 0; at < transmit.length; at += transmit.segmentSize) {
        const bytes = SLOTS.arena.slice(at, Math.min(at + transmit.segmentSize, transmit.length));
        answers.push({ remote: transmit.remote, bytes });
      }
    }
  }
}
