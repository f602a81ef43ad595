/** An authoritative server on sockets: UDP and TCP on one port, TLS and QUIC on another. */

import type { Authority, Message, Response } from "../../../dns/index.ts";
import type { Identity } from "../../certificates/index.ts";
import { contextOptionsOf, NO_CONTEXT_OPTIONS } from "../../certificates/secure-context.ts";
import type { Fault } from "../../guard.ts";
import type { Bindable, BoundAddress } from "../../http/listener.ts";
import { bindHost } from "../../listen/bind.ts";
import { QuicListener } from "../../quic/listener.ts";
import { serveDoq } from "./quic-protocol.ts";
import type { DnsPeer, QueryTransport, Respond } from "./responder.ts";
import { DnsStreamListener } from "./stream-listener.ts";
import { DnsUdpListener } from "./udp-listener.ts";

export interface NameServerOptions {
  readonly authority: Authority;
  /** An address or a name of this machine; "::" is all. */
  readonly host: string;
  /** Of UDP and TCP; 0 lets the system choose. */
  readonly port: number;
  /** DNS over TLS (RFC 7858) and over QUIC (RFC 9250), on the same port number. None by default. */
  readonly secure?: { readonly port: number; readonly identity: Identity } | undefined;
  /** Called with each query that was answered. */
  readonly onQuery?: ((event: QueryEvent) => void) | undefined;
  readonly onFault: (fault: Fault) => void;
}

export interface QueryEvent {
  readonly over: QueryTransport;
  readonly from: DnsPeer;
  /** Undefined if the query was malformed. */
  readonly query: Message | undefined;
  readonly rcode: number;
  /** Bytes. */
  readonly size: number;
}

export class NameServer implements AsyncDisposable {
  readonly #listeners: Bindable[] = [];
  readonly #answer: (query: Uint8Array, over: QueryTransport, from: DnsPeer) => Response | undefined;
  #port = 0;
  #securePort: number | undefined;

  private constructor({ authority, onQuery }: NameServerOptions) {
    this.#answer = (bytes, over, from) => {
      const response = authority.respond(bytes, over === "udp" ? "datagram" : "stream");
      if (response !== undefined) {
        const { query, rcode } = response;
        onQuery?.({ over, from, query, rcode, size: response.bytes.length });
      }
      return response;
    };
  }

  /** Rejects with a `ServeError` if a port cannot be used. */
  static async start(options: NameServerOptions): Promise<NameServer> {
    const server = new NameServer(options);
    try {
      await server.#listen(options);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The port of UDP and TCP. */
  get port(): number {
    return this.#port;
  }

  /** The port of TLS and QUIC. */
  get securePort(): number | undefined {
    return this.#securePort;
  }

  /** Answers a query that came in another way, such as over HTTPS. */
  respond(query: Uint8Array, over: QueryTransport, from: DnsPeer): Response | undefined {
    return this.#answer(query, over, from);
  }

  async #listen({ host, port, secure, onFault }: NameServerOptions): Promise<void> {
    const respond: Respond = (query, over, from) => this.#answer(query, over, from)?.bytes;
    this.#port = await this.#bind(host, port, [
      { transport: "tcp", create: () => new DnsStreamListener({ respond, onFault }) },
      { transport: "udp", create: () => new DnsUdpListener({ respond, onFault }) },
    ]);
    if (secure === undefined) return;
    const { identity } = secure;
    const tls = contextOptionsOf(identity, NO_CONTEXT_OPTIONS);
    this.#securePort = await this.#bind(host, secure.port, [
      { transport: "tcp", create: () => new DnsStreamListener({ respond, onFault, tls }) },
      {
        transport: "udp",
        create: () =>
          new QuicListener({
            identities: [identity],
            serverProtocols: serveDoq(respond),
            onExchange: () => {},
            onFault,
            earlyData: "safe",
          }),
      },
    ]);
  }

  async #bind(host: string, port: number, bindings: Parameters<typeof bindHost>[0]): Promise<number> {
    const { listeners, addresses } = await bindHost(bindings, host, port);
    this.#listeners.push(...listeners);
    const [first] = addresses as readonly [BoundAddress, ...BoundAddress[]];
    return first.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close(0)));
  }
}
