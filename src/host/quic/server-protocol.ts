/**
 * The application protocol of an accepted connection. A server may offer several; the handshake selects one by its ALPN
 * identifier (RFC 9001 §8.1). No protocol object exists before that.
 */

import type { Duplex } from "node:stream";
import type { Instant } from "../../base/time.ts";
import type { ConnectionFrame } from "../../http/index.ts";
import type { Connection, ConnectionEvent } from "../../quic/index.ts";
import type { NewerDrafts } from "../../webtransport/h3/index.ts";
import type { Budget, Holder } from "../budget.ts";
import { detach, type Fault } from "../guard.ts";
import type { ClientIdentity, ExchangeHandler } from "../http/exchange.ts";
import type { EarlyDataPolicy } from "../http/listener.ts";
import type { ClientCertificates } from "./client-certificates.ts";
import type { ConnectionListener, QuicDriver } from "./driver.ts";

export interface ServerProtocol extends ConnectionListener {
  /** Tells the client to send no more requests. Those in transit are still answered. `drain` follows. */
  announceDrain?(): void;
  /** The connection will be closed soon, whatever is still open. */
  announceClose?(): void;
  /** Takes no new requests, and closes when those in progress are answered. */
  drain(): void;
  /** Closes immediately, aborting requests in progress. */
  close(): void;
  /** True if the client must send something before a response can continue. */
  awaitsPeer?(): boolean;
  /** Bytes of memory held for the client, besides those of the transport. */
  held?(): number;
  /** Ends the connection because it costs too much; `reason` goes to the peer. `close` by default. */
  shed?(reason: string): void;
}

export interface ServerProtocolOptions {
  readonly onExchange: ExchangeHandler;
  readonly acceptsTunnels: boolean;
  /** Drafts of WebTransport to offer besides 02 and 07. */
  readonly newerDrafts?: NewerDrafts | undefined;
  /** The origins to name in an ORIGIN frame (RFC 9412). */
  readonly origins?: readonly string[] | undefined;
  /** Further frames for the control stream. */
  readonly controlFrames?: readonly ConnectionFrame[] | undefined;
  /** Milliseconds in which the head of a request must arrive; 0 for no limit. */
  readonly headersTimeout: number;
  /** Which requests are accepted in 0-RTT data. */
  readonly earlyData: EarlyDataPolicy;
}

export type CreateServerProtocol = (
  connection: Connection,
  driver: QuicDriver,
  options: ServerProtocolOptions,
  /** Present if clients are asked for certificates. */
  client?: ClientIdentity,
) => ServerProtocol;

/** Keyed by ALPN identifier, in the server's order of preference. */
export type ServerProtocols = Readonly<Record<string, CreateServerProtocol>>;

export type SelectIdentityEvent = Extract<ConnectionEvent, { type: "select-identity" }>;

export interface AcceptedConnectionOptions extends ServerProtocolOptions {
  readonly protocols: ServerProtocols;
  readonly onKeyLog: ((line: string) => void) | undefined;
  /** Present to ask clients for certificates. */
  readonly clientCertificates: ClientCertificates | undefined;
  /** Called if the host must select an identity for the client. */
  readonly onSelectIdentity: (connection: Connection, event: SelectIdentityEvent) => void;
  /** Called when the handshake is complete. */
  readonly onConnected: (connection: AcceptedConnection, alpn: string) => void;
  readonly onClosed: (connection: AcceptedConnection) => void;
  /** None in virtual time. */
  readonly budget: Budget | undefined;
  readonly stallTimeout: number;
}

/** Overhead in bytes of a chunk of out-of-order data, and of a request in progress. */
const CHUNK_COST = 600;
const STREAM_COST = 4 * 1024;

/** A connection from its first packet to its end. */
export class AcceptedConnection implements ConnectionListener, Holder {
  readonly connection: Connection;
  readonly #driver: QuicDriver;
  readonly #options: AcceptedConnectionOptions;
  #protocol: ServerProtocol | undefined;
  #client: ClientIdentity | undefined;
  #step: "open" | "announced" | "drained" = "open";
  /** Stands for this connection, if the owner of the server tracks connections. */
  socket: Duplex | undefined;
  /** Tells the owner of the server that the connection has ended; false if the owner refused it. */
  onEnded: (() => void) | false | undefined;

  constructor(connection: Connection, driver: QuicDriver, options: AcceptedConnectionOptions) {
    this.connection = connection;
    this.#driver = driver;
    this.#options = options;
    this.#client = options.clientCertificates?.none;
    options.budget?.add(this, options.stallTimeout);
  }

  /** Ends the connection after an exception. */
  handleFault(fault: Fault): void {
    this.#driver.fail(this.connection, fault);
  }

  handleEvent(event: ConnectionEvent, now: Instant): void {
    if (event.type === "key-log") {
      this.#options.onKeyLog?.(`${event.line}\n`);
      return;
    }
    if (event.type === "select-identity") {
      this.#options.onSelectIdentity(this.connection, event);
      return;
    }
    if (event.type === "verify-certificate") {
      detach("quic client certificate", (fault) => this.handleFault(fault), this.#judge(event.chain));
      return;
    }
    if (event.type === "connected") {
      const options = this.#options;
      // TLS only selects a protocol of the table.
      this.#protocol = options.protocols[event.alpn]!(this.connection, this.#driver, options, this.#client);
      options.onConnected(this, event.alpn);
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

  async #judge(chain: readonly Uint8Array[]): Promise<void> {
    const now = new Date(this.#driver.environment.clock.date());
    const { client, refusal } = await this.#options.clientCertificates!.judge(chain, now);
    this.#client = client;
    this.connection.certificateVerdict(refusal, this.#driver.now());
  }

  // ── For the budget ────────────────────────────────────────────────────────────────────────────────────────────────

  held(): number {
    const { activeBidiStreams, sendMemory, bytesReceived, bytesConsumed, chunksHeld } = this.connection.streamFacts;
    const unread = bytesReceived - bytesConsumed;
    const own = this.#protocol?.held?.() ?? 0;
    return activeBidiStreams * STREAM_COST + sendMemory + unread + chunksHeld * CHUNK_COST + own;
  }

  awaitsPeer(): boolean {
    const { bytesBuffered, chunksHeld } = this.connection.streamFacts;
    return bytesBuffered > 0 || chunksHeld > 0 || this.#protocol?.awaitsPeer?.() === true;
  }

  awaitsReader(): boolean {
    return this.connection.streamFacts.bytesBuffered > 0;
  }

  isBusy(): boolean {
    return this.connection.streamFacts.activeBidiStreams > 0;
  }

  progress(): number {
    const { bytesSent, bytesConsumed } = this.connection.streamFacts;
    return bytesSent + bytesConsumed;
  }

  read(): number {
    return this.connection.streamFacts.bytesSent;
  }

  shed(reason: string): void {
    if (this.#protocol?.shed === undefined) this.close();
    else this.#protocol.shed(reason);
  }

  /** Announces the end at the first call, and drains at the second. */
  drainGently(): void {
    // GOAWAY needs a protocol, so a handshake goes on.
    if (this.#protocol === undefined || this.#step === "drained") return;
    if (this.#step === "open") this.#protocol.announceDrain?.();
    else this.#protocol.drain();
    this.#step = this.#step === "open" ? "announced" : "drained";
  }

  drain(): void {
    // GOAWAY needs a protocol, which is unknown before the handshake completes.
    if (this.#protocol === undefined) this.close();
    else this.#protocol.drain();
  }

  announceClose(): void {
    this.#protocol?.announceClose?.();
  }

  close(): void {
    if (this.#protocol === undefined) this.connection.close(0, "");
    else this.#protocol.close();
  }
}
