/** A server: our QUIC, and the model of TCP. Answers each request with a response, after a while if it has to think. */

import type { DatagramMachine, ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { after, earliest, type Instant, type Micros } from "../../base/time.ts";
import { type Connection, connectionConfig, Endpoint, type EndpointEvent } from "../../quic/index.ts";
import { ReceivedBatch as Batch, SeededRng, simulatedIdentity } from "../../sim/index.ts";
import { createTlsServer } from "../../tls/index.ts";
import type { Run } from "../experiment.ts";
import { Outbox } from "./outbox.ts";
import { Flight, flightBytes, TCP_PORT } from "./tcp-model.ts";

export interface SiteOptions {
  /** Versions of QUIC; undefined if UDP is blocked on the way. */
  readonly quic: readonly number[] | undefined;
  /** How long it takes to make a response. */
  readonly thinks: Micros;
}

const RESPONSE = new Uint8Array(1_000);

export class Site implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  /** Connections that clients established. */
  connections = 0;
  readonly #options: SiteOptions;
  readonly #endpoint: Endpoint;
  readonly #outbox = new Outbox();
  readonly #thinking: { readonly at: Instant; respond(): void }[] = [];

  constructor(options: SiteOptions, { seed, engine }: Run) {
    this.#options = options;
    const rng = new SeededRng(seed);
    const identity = simulatedIdentity();
    this.#endpoint = new Endpoint({
      config: connectionConfig({ engine, rng, versions: options.quic }),
      server: {
        createTls: (transportParameters) =>
          createTlsServer({ engine, rng, alpn: ["h3"], transportParameters, selectIdentity: () => identity }),
      },
    });
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    const quic = new Batch(received.arena, received.offset.length);
    for (let i = 0; i < received.count; i += 1) {
      const [local, remote] = [received.local[i]!, received.remote[i]!];
      const at = received.offset[i]!;
      if (local.port === TCP_PORT) this.#handleFlight(received.arena[at] as Flight, local, remote, now);
      else if (this.#options.quic !== undefined)
        quic.add(at, received.length[i]!, local, remote, received.ecn[i] as never);
    }
    if (quic.count > 0) this.#endpoint.handleBatch(quic, now);
    this.#handleEvents(now);
  }

  #handleFlight(flight: Flight, local: SocketAddress, remote: SocketAddress, now: Instant): void {
    if (flight === Flight.hello) this.connections += 1;
    const answer = (): void => this.#outbox.push(local, remote, flightBytes(flight));
    if (flight === Flight.request) this.#respondLater(answer, now);
    else answer();
  }

  #respondLater(respond: () => void, now: Instant): void {
    this.#thinking.push({ at: after(now, this.#options.thinks), respond });
    if (this.#options.thinks === 0) this.#respondDue(now);
  }

  #respondDue(now: Instant): void {
    while (this.#thinking[0] !== undefined && this.#thinking[0].at <= now) this.#thinking.shift()!.respond();
  }

  #handleEvents(now: Instant): void {
    for (let next = this.#endpoint.pollEvent(); next !== undefined; next = this.#endpoint.pollEvent()) {
      this.#handleEvent(next, now);
    }
  }

  #handleEvent({ connection, event }: EndpointEvent, now: Instant): void {
    if (event.type === "connected") this.connections += 1;
    else if (event.type === "stream-readable") this.#handleRequest(connection, event.id, now);
  }

  #handleRequest(connection: Connection, id: number, now: Instant): void {
    for (let piece = connection.read(id); piece !== undefined; piece = connection.read(id)) {
      if (piece.fin) this.#respondLater(() => connection.write(id, RESPONSE, true), now);
    }
  }

  handleTimeout(now: Instant): void {
    this.#respondDue(now);
    this.#endpoint.handleTimeout(now);
    this.#handleEvents(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#thinking[0]?.at, this.#endpoint.nextTimeout());
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    return this.#outbox.poll(slots) ?? this.#endpoint.pollTransmit(slots, maxSegments, now);
  }

  handleSent(transmit: Transmit, sent: number, now: Instant): void {
    if (!this.#outbox.has(transmit)) this.#endpoint.handleSent(transmit, sent, now);
  }

  pollEvent(): undefined {
    return undefined;
  }

  pollCommand(): undefined {
    return undefined;
  }
}
