/**
 * What speaks on an accepted connection. Several may be offered, and which one it is is known only when the handshake
 * has chosen an ALPN identifier (RFC 9001 §8.1): no protocol object exists before that.
 */

import type { Instant } from "../../base/time.ts";
import type { Connection, ConnectionEvent } from "../../quic/index.ts";
import type { Budget, Holder } from "../budget.ts";
import type { Fault } from "../guard.ts";
import type { ExchangeHandler } from "../http/exchange.ts";
import type { ConnectionListener, QuicDriver } from "./driver.ts";

export interface ServerProtocol extends ConnectionListener {
  /** Takes no new requests; closes when those under way are answered. */
  drain(): void;
  /** Cuts off what is under way. */
  close(): void;
  /** Something is waited for that the client has to send. */
  awaitsPeer?(): boolean;
  /** Bytes of memory that are kept for the client beside what the transport holds. */
  held?(): number;
  /** Ends the connection because it costs too much; `reason` is for the peer. Without it, `close` does. */
  shed?(reason: string): void;
}

export interface ServerProtocolOptions {
  readonly onExchange: ExchangeHandler;
  readonly acceptsTunnels: boolean;
}

export type CreateServerProtocol = (
  connection: Connection,
  driver: QuicDriver,
  options: ServerProtocolOptions,
) => ServerProtocol;

/** By ALPN identifier, in the server's order of preference. */
export type ServerProtocols = Readonly<Record<string, CreateServerProtocol>>;

export interface AcceptedConnectionOptions extends ServerProtocolOptions {
  readonly protocols: ServerProtocols;
  readonly onKeyLog: ((line: string) => void) | undefined;
  readonly onClosed: (connection: AcceptedConnection) => void;
  /** None in virtual time. */
  readonly budget: Budget | undefined;
  readonly stallTimeout: number;
}

/** What a piece of out-of-order data, and a request under way, take beside their bytes. */
const PIECE_COST = 600;
const STREAM_COST = 4 * 1024;

/** A connection from its first packet on. */
export class AcceptedConnection implements ConnectionListener, Holder {
  readonly #connection: Connection;
  readonly #driver: QuicDriver;
  readonly #options: AcceptedConnectionOptions;
  #protocol: ServerProtocol | undefined;

  constructor(connection: Connection, driver: QuicDriver, options: AcceptedConnectionOptions) {
    this.#connection = connection;
    this.#driver = driver;
    this.#options = options;
    options.budget?.add(this, options.stallTimeout);
  }

  /** An exception in what belongs to this connection ends it. */
  handleFault(fault: Fault): void {
    this.#driver.fail(this.#connection, fault);
  }

  handleEvent(event: ConnectionEvent, now: Instant): void {
    if (event.type === "key-log") {
      this.#options.onKeyLog?.(`${event.line}\n`);
      return;
    }
    if (event.type === "connected") {
      // TLS chose among the names of the table.
      this.#protocol = this.#options.protocols[event.alpn]!(this.#connection, this.#driver, this.#options);
    }
    try {
      this.#protocol?.handleEvent(event, now);
    } finally {
      if (event.type === "closed") {
        this.#options.budget?.remove(this);
        this.#options.onClosed(this);
      }
    }
  }

  // ── What the budget asks ────────────────────────────────────────────────────────────────────────────────────────────

  held(): number {
    const { activeBidiStreams, sendMemory, bytesReceived, bytesConsumed, chunksHeld } = this.#connection.streamFacts;
    const unread = bytesReceived - bytesConsumed;
    const aside = this.#protocol?.held?.() ?? 0;
    return activeBidiStreams * STREAM_COST + sendMemory + unread + chunksHeld * PIECE_COST + aside;
  }

  awaitsPeer(): boolean {
    const { bytesBuffered, chunksHeld } = this.#connection.streamFacts;
    return bytesBuffered > 0 || chunksHeld > 0 || this.#protocol?.awaitsPeer?.() === true;
  }

  isBusy(): boolean {
    return this.#connection.streamFacts.activeBidiStreams > 0;
  }

  progress(): number {
    const { bytesSent, bytesConsumed } = this.#connection.streamFacts;
    return bytesSent + bytesConsumed;
  }

  shed(reason: string): void {
    if (this.#protocol?.shed === undefined) this.close();
    else this.#protocol.shed(reason);
  }

  drain(): void {
    // Before the handshake is over there is nobody who could be told to go elsewhere.
    if (this.#protocol === undefined) this.close();
    else this.#protocol.drain();
  }

  close(): void {
    if (this.#protocol === undefined) this.#connection.close(0, "");
    else this.#protocol.close();
  }
}
