/**
 * Two endpoints on a fake wire with a fake clock, for tests that read like scripts. Datagrams can be inspected, changed
 * or dropped in transit.
 */

import { type DatagramMachine, ReceivedBatch, type SocketAddress, sameAddress } from "../../base/datagrams.ts";
import { SeededRng } from "../../base/rng.ts";
import { after, earliest, type Instant, type Micros, millis } from "../../base/time.ts";
import type { CryptoEngine } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import {
  createTlsClient,
  createTlsServer,
  type TlsClientConfig,
  type TlsIdentity,
  type TlsServerConfig,
} from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import type { AcceptPolicy } from "../endpoint/acceptor.ts";
import {
  type Connection,
  type ConnectionConfig,
  type ConnectionEvent,
  connectionConfig,
  Endpoint,
  type QuicTraceEvent,
} from "../index.ts";

export const CLIENT_ADDRESS: SocketAddress = { family: 4, host: "10.0.0.1", port: 50_000 };
export const SERVER_ADDRESS: SocketAddress = { family: 4, host: "10.0.0.2", port: 443 };

export type Direction = "to-server" | "to-client";

export interface PairOptions {
  readonly seed?: number;
  /** One-way delay. */
  readonly delay?: Micros;
  readonly client?: Partial<ConnectionConfig>;
  readonly server?: Partial<ConnectionConfig>;
  readonly policy?: Partial<AcceptPolicy>;
  readonly engine?: CryptoEngine;
  /** The version of the client's first flight. */
  readonly version?: number;
  /** The token of an earlier connection, which the client sends with its Initials. */
  readonly token?: Uint8Array;
  /** Receives the trace events of both sides. */
  readonly trace?: (side: "client" | "server", event: QuicTraceEvent, now: Instant) => void;
  readonly identity?: TlsIdentity;
  readonly clientTls?: Partial<TlsClientConfig>;
  readonly serverTls?: Partial<TlsServerConfig>;
  /** The first instant of the run. */
  readonly start?: Instant;
  /** The server's secret, from which its reset tokens are derived. */
  readonly staticSecret?: Uint8Array;
  /** The client's address as the server currently sees it. Datagrams to other addresses of the client are lost. */
  readonly nat?: () => SocketAddress;
  /** Passes a datagram on or replaces it; undefined drops it. `index` counts per direction. */
  readonly wire?: (
    datagram: Uint8Array,
    direction: Direction,
    index: number,
    from: SocketAddress,
    to: SocketAddress,
  ) => Uint8Array | undefined;
}

/** A wire without delay causes many turns at one instant; an idle machine causes none. */
const MAX_TURNS_AT_ONCE = 1_000;

interface Flight {
  readonly at: Instant;
  readonly direction: Direction;
  readonly datagram: Uint8Array;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
}

const endsOf = (direction: Direction): readonly [from: SocketAddress, to: SocketAddress] =>
  direction === "to-server" ? [CLIENT_ADDRESS, SERVER_ADDRESS] : [SERVER_ADDRESS, CLIENT_ADDRESS];

const START = 1_000_000 as Instant;

export class Pair {
  now: Instant;
  readonly #start: Instant;
  readonly client: Endpoint;
  readonly server: Endpoint;
  readonly connection: Connection;
  /** The server's side, once it exists. */
  peer: Connection | undefined;
  readonly clientEvents: ConnectionEvent[] = [];
  readonly serverEvents: ConnectionEvent[] = [];
  readonly sent: Record<Direction, Uint8Array[]> = { "to-server": [], "to-client": [] };
  /** When each datagram was sent, since the pair was created. */
  readonly sentAt: Record<Direction, number[]> = { "to-server": [], "to-client": [] };
  /** Called after events were collected, before anything is sent: this is where a test's application acts. */
  onEvent: ((side: "client" | "server", connection: Connection, event: ConnectionEvent) => void) | undefined;
  readonly #options: PairOptions;
  #inFlight: Flight[] = [];
  /** The sides that have signalled that there is something to poll. */
  readonly #isReady = { client: false, server: false };
  readonly #slots = { arena: new Uint8Array(65_536) };
  readonly #arriving = new ReceivedBatch(new Uint8Array(256 * 1024), 256);

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.#start = options.start ?? START;
    this.now = this.#start;
    const rng = new SeededRng(options.seed ?? 1);
    const engine = options.engine ?? portableEngine;
    const identity = options.identity ?? ed25519Identity();
    const base = { engine, rng };
    const { trace } = options;
    const listen = trace && {
      trace: (_id: unknown, side: "client" | "server") => (event: QuicTraceEvent, now: Instant) =>
        trace(side, event, now),
    };
    this.server = new Endpoint({
      ...listen,
      config: connectionConfig({ ...base, ...options.server }),
      server: {
        createTls: (transportParameters) =>
          createTlsServer({
            engine,
            rng,
            alpn: ["test"],
            transportParameters,
            selectIdentity: () => identity,
            ...options.serverTls,
          }),
        ...options.policy,
      },
      ...(options.staticSecret === undefined ? {} : { staticSecret: options.staticSecret }),
    });
    this.client = new Endpoint({ ...listen, config: connectionConfig({ ...base, ...options.client }) });
    this.client.onReady = () => {
      this.#isReady.client = true;
    };
    this.server.onReady = () => {
      this.#isReady.server = true;
    };
    this.connection = this.client.connect(
      {
        remote: SERVER_ADDRESS,
        local: CLIENT_ADDRESS,
        version: options.version,
        token: () => options.token,
        createTls: (transportParameters) =>
          createTlsClient({
            engine,
            rng,
            alpn: ["test"],
            transportParameters,
            serverName: "server.test",
            ...options.clientTls,
          }),
      },
      this.now,
    );
  }

  /** Puts a datagram on the wire as if one side had sent it. */
  inject(direction: Direction, datagram: Uint8Array, from?: SocketAddress): void {
    const [source, to] = endsOf(direction);
    this.#inFlight.push({ at: this.now, direction, datagram, from: from ?? source, to });
  }

  /**
   * Runs until `done`, until nothing more can happen, or for at most `span`. A machine whose deadline has passed
   * although it has nothing to do would keep its host busy for nothing, which is an error.
   */
  run(done: () => boolean = () => false, span: Micros = millis(60_000)): this {
    const until = after(this.now, span);
    let turnsAtOnce = 0;
    for (;;) {
      this.#pollBoth();
      if (done()) return this;
      const next = earliest(
        earliest(this.client.nextTimeout(), this.server.nextTimeout()),
        this.#inFlight.reduce<Instant | undefined>((at, flight) => earliest(at, flight.at), undefined),
      );
      if (next === undefined || next > until) {
        this.now = until;
        return this;
      }
      turnsAtOnce = next > this.now ? 0 : turnsAtOnce + 1;
      if (turnsAtOnce > MAX_TURNS_AT_ONCE) throw new Error("the pair never becomes idle");
      if (next > this.now) this.now = next;
      this.#deliver();
      for (const endpoint of [this.client, this.server]) {
        const due = endpoint.nextTimeout();
        if (due !== undefined && due <= this.now) endpoint.handleTimeout(this.now);
      }
    }
  }

  /** Runs until both sides have completed the handshake. */
  connect(): this {
    this.run(() => this.connection.isHandshakeComplete && this.peer?.isHandshakeComplete === true, millis(20_000));
    return this;
  }

  #pollBoth(): void {
    // Sending may cause events, for example when an error ends a connection, and one side's actions may make the other
    // ready.
    while (this.#isReady.client || this.#isReady.server) {
      if (this.#isReady.client) this.#poll("client", this.client, "to-server");
      if (this.#isReady.server) this.#poll("server", this.server, "to-client");
    }
  }

  #poll(side: "client" | "server", endpoint: Endpoint, direction: Direction): void {
    this.#isReady[side] = false;
    for (let next = endpoint.pollEvent(); next !== undefined; next = endpoint.pollEvent()) {
      const { connection, event } = next;
      if (event.type === "accepted") {
        this.peer ??= connection;
        continue;
      }
      (side === "client" ? this.clientEvents : this.serverEvents).push(event);
      if (event.type === "verify-certificate") connection.certificateVerdict(undefined, this.now);
      this.onEvent?.(side, connection, event);
    }
    this.#transmit(endpoint, direction);
  }

  #transmit(machine: DatagramMachine<unknown>, direction: Direction): void {
    const { wire, delay = millis(10) } = this.#options;
    for (;;) {
      const transmit = machine.pollTransmit(this.#slots, 16, this.now);
      if (transmit === undefined) return;
      machine.handleSent(transmit, transmit.count, this.now);
      for (let i = 0; i < transmit.count; i += 1) {
        const start = i * transmit.segmentSize;
        const copy = this.#slots.arena.slice(start, Math.min(start + transmit.segmentSize, transmit.length));
        const index = this.sent[direction].push(copy) - 1;
        this.sentAt[direction].push(this.now - this.#start);
        const { nat } = this.#options;
        const from = direction === "to-server" && nat !== undefined ? nat() : (transmit.local ?? endsOf(direction)[0]);
        const to = transmit.remote;
        const datagram = wire === undefined ? copy : wire(copy, direction, index, from, to);
        if (datagram === undefined) continue;
        this.#inFlight.push({ at: after(this.now, delay), direction, datagram, from, to });
      }
    }
  }

  /** Where a datagram arrives. */
  #behindNat({ direction, to }: Flight): SocketAddress | undefined {
    const { nat } = this.#options;
    if (direction === "to-server" || nat === undefined) return to;
    return sameAddress(to, nat()) ? CLIENT_ADDRESS : undefined;
  }

  #deliver(): void {
    const due = this.#inFlight.filter((flight) => flight.at <= this.now);
    if (due.length === 0) return;
    this.#inFlight = this.#inFlight.filter((flight) => flight.at > this.now);
    for (const direction of ["to-server", "to-client"] as const) {
      const machine = direction === "to-server" ? this.server : this.client;
      const batch = this.#arriving;
      batch.clear();
      for (const flight of due) {
        const to = this.#behindNat(flight);
        if (flight.direction !== direction || to === undefined) continue;
        if (batch.push(flight.datagram, to, flight.from)) continue;
        machine.handleBatch(batch, this.now);
        batch.clear();
        batch.push(flight.datagram, to, flight.from);
      }
      if (batch.count > 0) machine.handleBatch(batch, this.now);
    }
  }
}
