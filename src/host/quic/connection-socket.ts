/**
 * A socket that stands for a QUIC connection, for owners of servers that track connections: it tells the addresses, ends
 * the connection and closes with it. It carries no bytes, since those belong to streams.
 */

import { Duplex } from "node:stream";
import type { Connection } from "../../quic/index.ts";
import { connectionStats, peerAddress } from "./connection-facts.ts";
import type { AcceptedConnection } from "./server-protocol.ts";

export class ConnectionSocket extends Duplex {
  readonly encrypted = true;
  readonly authorized = false;
  readonly alpnProtocol: string;
  readonly #connection: Connection;
  readonly #accepted: AcceptedConnection;

  constructor(connection: Connection, accepted: AcceptedConnection, alpn: string) {
    super({ allowHalfOpen: true });
    this.alpnProtocol = alpn;
    this.#connection = connection;
    this.#accepted = accepted;
  }

  /** Changes when the client migrates. */
  get remoteAddress(): string {
    return peerAddress(this.#connection.remoteAddress).address;
  }
  get remotePort(): number {
    return this.#connection.remoteAddress.port;
  }
  get remoteFamily(): string {
    return peerAddress(this.#connection.remoteAddress).family;
  }

  /** Statistics by name, as in a handler's context. */
  stats(): Readonly<Record<string, number | string>> {
    return connectionStats(this.#connection);
  }

  // These have no effect: QUIC has no equivalent.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  setTimeout(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  /** Catches exceptions from listeners, which end only this connection. */
  override emit(event: string | symbol, ...given: unknown[]): boolean {
    if (event === "error" && this.listenerCount("error") === 0) return false;
    try {
      return super.emit(event, ...given);
    } catch (error) {
      this.#accepted.handleFault({
        entry: "quic event",
        error: error instanceof Error ? error : new Error(`${error}`),
      });
      return true;
    }
  }

  override _read(): void {}

  override _write(_chunk: Uint8Array, _encoding: string, callback: (error: Error) => void): void {
    callback(new Error("a QUIC connection carries bytes only on streams: write to a response"));
  }

  /** Takes no new requests, and closes when those in progress are answered. */
  override _final(callback: () => void): void {
    this.#accepted.drain();
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#accepted.close();
    callback(error);
  }
}
