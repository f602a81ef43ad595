/** One accepted QUIC connection that speaks HTTP/3: hands the transport's events to HTTP/3 and HTTP/3's to exchanges. */

import type { Instant } from "../../base/time.ts";
import { H3Connection, type H3Event } from "../../h3/index.ts";
import type { CloseReason, Connection, ConnectionEvent, StreamId } from "../../quic/index.ts";
import { type Fault, guard } from "../guard.ts";
import type { ConnectionInfo, ExchangeHandler, PeerAddress } from "../http/exchange.ts";
import { systemRng } from "../random.ts";
import { describeClose } from "./close-reason.ts";
import { connectionStats, peerAddress } from "./connection-facts.ts";
import type { ConnectionListener, QuicDriver } from "./driver.ts";
import { type H3EventHandler, H3EventPump } from "./h3-event-pump.ts";
import { type H3ExchangeHost, H3ServerExchange } from "./h3-exchange.ts";

export interface H3ServerOptions {
  readonly onExchange: ExchangeHandler;
  readonly onKeyLog?: ((line: string) => void) | undefined;
  readonly onClosed: (connection: H3ServerConnection) => void;
}

export class H3ServerConnection implements ConnectionListener, H3ExchangeHost, H3EventHandler {
  readonly h3: H3Connection;
  readonly info: ConnectionInfo;
  readonly remoteAddress: PeerAddress;
  readonly localAddress: PeerAddress;
  readonly #connection: Connection;
  readonly #driver: QuicDriver;
  readonly #pump: H3EventPump;
  readonly #options: H3ServerOptions;
  readonly #exchanges = new Map<StreamId, H3ServerExchange>();
  #isDraining = false;

  constructor(connection: Connection, driver: QuicDriver, options: H3ServerOptions) {
    this.#connection = connection;
    this.#driver = driver;
    this.#options = options;
    this.h3 = new H3Connection(connection, { rng: systemRng });
    this.#pump = new H3EventPump(this.h3, this);
    this.remoteAddress = peerAddress(connection.remoteAddress);
    this.localAddress = peerAddress(connection.localAddress ?? driver.sockets[0]!.address);
    this.info = { stats: () => connectionStats(connection) };
  }

  pump(): void {
    this.#pump.pump();
  }

  /** An exception in what belongs to this connection ends it. */
  readonly handleFault = (fault: Fault): void => this.#driver.fail(this.#connection, fault);

  onExchangeClosed(id: StreamId): void {
    this.#exchanges.delete(id);
  }

  handleEvent(event: ConnectionEvent, _now: Instant): void {
    if (event.type === "key-log") this.#options.onKeyLog?.(`${event.line}\n`);
    else this.#pump.handleEvent(event);
  }

  handleH3(event: H3Event): void {
    switch (event.type) {
      case "request": {
        const exchange = new H3ServerExchange(this, event.id, event.head, event.fin);
        this.#exchanges.set(event.id, exchange);
        this.#options.onExchange(exchange);
        break;
      }
      case "data":
        this.#exchanges.get(event.id)?.handleData();
        break;
      case "trailers":
        this.#exchanges.get(event.id)?.handleTrailers(event.fields);
        break;
      case "finished":
        this.#exchanges.get(event.id)?.handleFinished();
        break;
      case "writable":
        this.#exchanges.get(event.id)?.handleWritable();
        break;
      case "reset":
        this.#exchanges.get(event.id)?.abort(new Error(`the request was cut off: ${event.detail}`));
        break;
      case "stopped":
        this.#exchanges.get(event.id)?.abort(new Error("the client does not want the response any more"));
        break;
      case "drained":
        // Not before this turn is over: GOAWAY has to leave first, or the client could not know what was not processed.
        if (this.#isDraining) setImmediate(guard("h3 drained", this.handleFault, () => this.close()));
        break;
      case "settings":
      case "goaway":
      case "informational":
      case "response":
      case "requests-available":
      case "closed":
        break;
    }
  }

  handleClosed(reason: CloseReason): void {
    const error = new Error(describeClose(reason));
    for (const exchange of this.#exchanges.values()) this.#abort(exchange, error);
    this.#exchanges.clear();
    this.#options.onClosed(this);
  }

  readonly #abort = guard("h3 abort", this.handleFault, (exchange: H3ServerExchange, error: Error) =>
    exchange.abort(error),
  );

  /** Takes no new requests; closes when those under way are answered. */
  drain(): void {
    this.#isDraining = true;
    this.h3.goaway();
    this.#pump.drain();
    // Before the handshake is over there is nobody to say GOAWAY to.
    if (!this.h3.isDraining) this.h3.close();
  }

  /** Cuts off what is under way. */
  close(): void {
    this.h3.close();
  }
}
