/** The socket of one connection to a backend: TCP, TLS or a Unix socket. Names are looked up again for every attempt. */

import { connect, type Socket } from "node:net";
import { connect as connectTls, type SecureContext } from "node:tls";
import type { BackendConnection } from "../../memcache/backend/connection.ts";
import type { BackendOptions } from "../../memcache/backend/options.ts";
import type { HostClock } from "../clock.ts";
import { type Fault, guard } from "../guard.ts";

export interface BackendTls {
  /** Authorities, and the certificate to show; undefined for Node's defaults. */
  readonly context: SecureContext | undefined;
  /** The name in the backends' certificates, if it is not their host. */
  readonly serverName: string | undefined;
}

export interface BackendSocketOptions {
  readonly clock: HostClock;
  readonly tls: BackendTls;
  readonly onFault: (fault: Fault) => void;
  /** The connection changed: flush. */
  readonly onChange: () => void;
}

const KEEPALIVE_DELAY = 60_000;

export class BackendSocket {
  readonly #connection: BackendConnection;
  readonly #options: BackendSocketOptions;
  #socket: Socket | undefined;

  constructor(connection: BackendConnection, options: BackendSocketOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Bytes that the socket has not written yet. */
  get backlog(): number {
    return this.#socket?.writableLength ?? 0;
  }

  open(): void {
    this.close();
    const { clock, onFault, onChange } = this.#options;
    const connection = this.#connection;
    const { keepalive, tls } = connection.options;
    const socket = this.#dial();
    this.#socket = socket;
    const report = (run: () => void): void => {
      // The events of a socket that has been replaced concern nobody.
      if (this.#socket !== socket) return;
      run();
      onChange();
    };
    const fail = (fault: Fault): void => {
      onFault(fault);
      report(() => connection.handleFailure("reading", clock.now()));
    };
    socket.setNoDelay(true);
    if (keepalive) socket.setKeepAlive(true, KEEPALIVE_DELAY);
    socket.on(
      tls ? "secureConnect" : "connect",
      guard("memcache backend connected", fail, () => report(() => connection.handleConnected(clock.now()))),
    );
    socket.on(
      "data",
      guard("memcache backend data", fail, (chunk: Buffer) => report(() => connection.handleData(chunk, clock.now()))),
    );
    socket.on(
      "error",
      guard("memcache backend error", fail, () =>
        report(() =>
          connection.handleFailure(connection.state === "connecting" ? "connecting" : "reading", clock.now()),
        ),
      ),
    );
    socket.on(
      "close",
      guard("memcache backend closed", fail, () =>
        report(() =>
          connection.handleFailure(connection.state === "connecting" ? "connecting" : "disconnected", clock.now()),
        ),
      ),
    );
  }

  write(chunks: readonly Uint8Array[]): void {
    if (this.#socket !== undefined) writeAll(this.#socket, chunks);
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #dial(): Socket {
    const { host, port, tls } = this.#connection.options;
    const target = host.startsWith("/") ? { path: host } : { host, port: Number(port) };
    if (!tls) return connect(target);
    const { context, serverName } = this.#options.tls;
    return connectTls({
      ...target,
      ...(context === undefined ? {} : { secureContext: context }),
      ...serverNameOf(this.#connection.options, serverName),
    });
  }
}

/** The name to check: TLS must not be given an address as a server name (RFC 6066 §3). */
function serverNameOf(
  { host, tlsName }: BackendOptions,
  serverName: string | undefined,
): { readonly servername?: string } {
  if (serverName !== undefined) return { servername: serverName };
  if (tlsName !== undefined) return { servername: tlsName };
  return /^[\d.]+$|[:/]/.test(host) ? {} : { servername: host };
}

/** Writes several pieces as one. */
export function writeAll(socket: Socket, chunks: readonly Uint8Array[]): void {
  if (chunks.length === 1) {
    socket.write(chunks[0]!);
    return;
  }
  socket.cork();
  for (const chunk of chunks) socket.write(chunk);
  socket.uncork();
}
