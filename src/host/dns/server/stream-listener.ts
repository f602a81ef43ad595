/** Queries on connections: DNS over TCP (RFC 7766) and over TLS (RFC 7858). */

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type SecureContextOptions } from "node:tls";
import { MessageStream, withLength } from "../../../dns/index.ts";
import { type Fault, guard, ignore } from "../../guard.ts";
import type { Bindable, BoundAddress } from "../../http/listener.ts";
import type { ResponderOptions } from "./responder.ts";

/** Milliseconds without a query until a connection is closed (RFC 7766 §6.2.3: a few seconds). */
const IDLE_TIMEOUT = 10_000;
/** Connections at once. Further ones are closed. */
const MAX_CONNECTIONS = 1_000;
/** Bytes of responses that a client may leave unread before its queries wait. */
const MAX_UNREAD = 256 * 1024;

export interface StreamListenerOptions extends ResponderOptions {
  /** The certificate and its key; without them, there is no TLS. */
  readonly tls?: SecureContextOptions | undefined;
}

export class DnsStreamListener implements Bindable {
  readonly #options: StreamListenerOptions;
  readonly #servers = new Set<Server>();
  readonly #sockets = new Set<Socket>();

  constructor(options: StreamListenerOptions) {
    this.#options = options;
  }

  async listen(port: number, host: string): Promise<BoundAddress> {
    const { tls, onFault } = this.#options;
    const handle = guard(
      "dns connection",
      (fault, socket) => {
        socket.destroy();
        onFault(fault);
      },
      (socket: Socket) => this.#accept(socket),
    );
    // RFC 7858 §7.1 in IANA's registry: dot.
    const server =
      tls === undefined ? createServer(handle) : createTlsServer({ ...tls, ALPNProtocols: ["dot"] }, handle);
    server.maxConnections = MAX_CONNECTIONS;
    server.on("tlsClientError", ignore);
    this.#servers.add(server);
    server.listen({ port, host, ipv6Only: host !== "::" });
    try {
      await once(server, "listening");
    } catch (error) {
      this.#servers.delete(server);
      throw error;
    }
    // Descriptors may run out; the next connection may succeed.
    server.on("error", ignore);
    const { address, port: bound, family } = server.address() as { address: string; port: number; family: string };
    return { transport: "tcp", address, family: family as "IPv4" | "IPv6", port: bound };
  }

  #accept(socket: Socket): void {
    const { respond, tls } = this.#options;
    const over = tls === undefined ? "tcp" : "tls";
    const from = { address: socket.remoteAddress ?? "", port: socket.remotePort ?? 0 };
    const stream = new MessageStream();
    /** Queries of the last piece that wait until the client has read. */
    let waiting: readonly Uint8Array[] = [];
    const answerAll = (): void => {
      // RFC 7766 §6.2.1.1: queries come without waiting for responses, which leave together.
      socket.cork();
      let next = 0;
      for (; next < waiting.length && socket.writableLength <= MAX_UNREAD; next += 1) {
        const response = respond(waiting[next]!, over, from);
        if (response !== undefined) socket.write(withLength(response));
      }
      waiting = waiting.slice(next);
      socket.uncork();
      if (waiting.length > 0 || socket.writableLength > MAX_UNREAD) socket.pause();
      else socket.resume();
    };
    const onFault = (fault: Fault): void => {
      socket.destroy();
      this.#options.onFault(fault);
    };
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.setTimeout(
      IDLE_TIMEOUT,
      guard("dns connection idle", onFault, () => socket.destroy()),
    );
    socket.on("error", ignore);
    socket.on(
      "close",
      guard("dns connection closed", onFault, () => this.#sockets.delete(socket)),
    );
    socket.on(
      "data",
      guard("dns connection data", onFault, (bytes: Buffer) => {
        waiting = stream.push(bytes);
        answerAll();
      }),
    );
    socket.on("drain", guard("dns connection drain", onFault, answerAll));
  }

  async close(): Promise<void> {
    const servers = [...this.#servers];
    this.#servers.clear();
    const closed = servers.map((server) => {
      const done = once(server, "close");
      server.close();
      return done;
    });
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}
