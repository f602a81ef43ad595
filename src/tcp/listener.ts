/** A listening port: what may wait in its backlog (RFC 9293 §3.10.2, LISTEN). */

import type { TcpConnection, TcpConnectionOptions } from "./connection.ts";

export interface ListenOptions {
  readonly version: 4 | 6;
  /** All addresses of the version if undefined. */
  readonly address?: Uint8Array | undefined;
  /** Chosen at random if 0. */
  readonly port: number;
  /** Connections that are being established or wait to be accepted; 511 by default, as in Node. */
  readonly backlog?: number;
  readonly connection?: Partial<TcpConnectionOptions>;
}

const DEFAULT_BACKLOG = 511;

export class TcpListener {
  readonly version: 4 | 6;
  readonly address: Uint8Array | undefined;
  readonly port: number;
  readonly backlog: number;
  readonly connectionOptions: Partial<TcpConnectionOptions>;
  /** Connections in SYN-RECEIVED. */
  halfOpen = 0;
  /** SYNs that were answered with a cookie, because the backlog was full. */
  cookiesSent = 0;
  cookiesAccepted = 0;
  cookiesRefused = 0;
  readonly #accepted: TcpConnection[] = [];

  constructor(options: ListenOptions, port: number) {
    this.version = options.version;
    this.address = options.address;
    this.port = port;
    this.backlog = options.backlog ?? DEFAULT_BACKLOG;
    this.connectionOptions = options.connection ?? {};
  }

  /** True if no further connection fits; SYNs are then answered with cookies, which need no state. */
  get isFull(): boolean {
    return this.halfOpen >= this.backlog;
  }

  get waiting(): number {
    return this.#accepted.length;
  }

  push(connection: TcpConnection): boolean {
    if (this.#accepted.length >= this.backlog) return false;
    this.#accepted.push(connection);
    return true;
  }

  /** The next established connection. */
  accept(): TcpConnection | undefined {
    return this.#accepted.shift();
  }
}
