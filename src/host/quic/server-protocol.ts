/**
 * What speaks on an accepted connection. Several may be offered, and which one it is is known only when the handshake
 * has chosen an ALPN identifier (RFC 9001 §8.1): no protocol object exists before that.
 */

import type { Instant } from "../../base/time.ts";
import type { Connection, ConnectionEvent } from "../../quic/index.ts";
import type { Fault } from "../guard.ts";
import type { ExchangeHandler } from "../http/exchange.ts";
import type { ConnectionListener, QuicDriver } from "./driver.ts";

export interface ServerProtocol extends ConnectionListener {
  /** Takes no new requests; closes when those under way are answered. */
  drain(): void;
  /** Cuts off what is under way. */
  close(): void;
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
}

/** A connection from its first packet on. */
export class AcceptedConnection implements ConnectionListener {
  readonly #connection: Connection;
  readonly #driver: QuicDriver;
  readonly #options: AcceptedConnectionOptions;
  #protocol: ServerProtocol | undefined;

  constructor(connection: Connection, driver: QuicDriver, options: AcceptedConnectionOptions) {
    this.#connection = connection;
    this.#driver = driver;
    this.#options = options;
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
      if (event.type === "closed") this.#options.onClosed(this);
    }
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
