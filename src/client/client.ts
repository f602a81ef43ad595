/// <reference lib="esnext.disposable" preserve="true" />
// createClient: fetch over a pool of connections, and details of its responses.
import { ClientError } from "../host/client/errors.ts";
import { type HostClock, systemClock } from "../host/clock.ts";
import { type ClientTunnel, type ConnectInit, connectWith } from "./connect.ts";
import { type ConnectUdpInit, connectUdpWith } from "./connect-udp/connect-udp.ts";
import { type ForwardUdpInit, UdpForwarder } from "./connect-udp/forwarder.ts";
import { openUdpTunnel } from "./connect-udp/open.ts";
import type { UdpTunnelSocket } from "./connect-udp/socket.ts";
import type { Exchange } from "./exchange.ts";
import type { ExchangeFacts } from "./facts.ts";
import { type FetchInit, fetchWith } from "./fetch.ts";
import type { ClientOptions } from "./options.ts";
import { type CloseOptions, type ConnectionFacts, ConnectionPool } from "./pool.ts";
import { priorityMembers, type RequestPriority } from "./priority.ts";
import type { UploadInit, UploadOutcome } from "./upload/options.ts";
import type { UploadSource } from "./upload/source.ts";

/** A pool of connections with `fetch`. `await using` closes it. */
export class Client {
  readonly #pool: ConnectionPool;
  readonly #facts = new WeakMap<Response, ExchangeFacts>();
  readonly #exchanges = new WeakMap<Response, Exchange>();

  /** `clock` enables virtual time. */
  constructor(options: ClientOptions = {}, clock: HostClock = systemClock) {
    this.#pool = new ConnectionPool(options, clock);
  }

  /** Fetches like the Fetch standard, over the best protocol of the origin and options. Rejects with a ClientError. */
  async fetch(input: string | URL | Request, init: FetchInit = {}): Promise<Response> {
    const pool = this.#pool;
    if (pool.closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    const { response, facts, exchange } = await fetchWith(
      (url) => pool.origin(url),
      pool.settings,
      input,
      init,
      pool.trials,
    );
    this.#facts.set(response, facts);
    this.#exchanges.set(response, exchange);
    return response;
  }

  /**
   * Requests a tunnel: bytes of another protocol, such as "websocket" or "connect-udp", in both directions, over the best
   * version of HTTP that the server has. Without `protocol`, a plain CONNECT through a proxy to `init.target`. Rejects with
   * a `TunnelRefusedError` if the server answers anything else than a tunnel, and otherwise like `fetch`.
   */
  async connect(url: string | URL, init: ConnectInit = {}): Promise<ClientTunnel> {
    const pool = this.#pool;
    if (pool.closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    return connectWith((at) => pool.origin(at), pool.settings, url, init);
  }

  /**
   * UDP to a target such as "example.com:443" through a proxy (RFC 9298), as a socket with the shape of node:dgram's connected
   * one. Rejects like `connect`. Experimental.
   */
  async connectUdp(target: string, init: ConnectUdpInit): Promise<UdpTunnelSocket> {
    const pool = this.#pool;
    if (pool.closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    return connectUdpWith((at) => pool.origin(at), pool.settings, target, init);
  }

  /**
   * Opens a local UDP port whose datagrams go to a target through a proxy (RFC 9298), for programs that know nothing of it.
   * Experimental.
   */
  async forwardUdp(target: string, init: ForwardUdpInit): Promise<UdpForwarder> {
    const pool = this.#pool;
    if (pool.closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    return UdpForwarder.open(
      (request, callbacks) => openUdpTunnel((at) => pool.origin(at), pool.settings, request, callbacks),
      target,
      init,
    );
  }

  /**
   * Uploads a file (a path, a Blob, or a source of your own), and goes on where it stopped when the connection, the network or,
   * with `init.memory`, the process ends: by the drafts of resumable uploads or tus 1.0, as the server speaks, or in one ordinary
   * request. Rejects with an `UploadError`. Experimental.
   */
  async upload(url: string | URL, source: UploadSource, init: UploadInit = {}): Promise<UploadOutcome> {
    if (this.#pool.closed) throw new ClientError("CLIENT_CLOSED", "the client is closed");
    const { uploadWith } = await import("./upload/upload.ts");
    return uploadWith(this, url, source, init);
  }

  /** Details of a response: protocol, address, timings, connection. Some are live until the body ends. */
  facts(response: Response): ExchangeFacts | undefined {
    return this.#facts.get(response);
  }

  /**
   * Tells the server another priority for the rest of a response (RFC 9218 §7): members that are missing get their default. Returns
   * false if the server is not told: over HTTP/1.1, over HTTP/2 without `http2PriorityUpdate` or to a server that does not read the
   * frame, or if the response has arrived. Throws a ClientError for a
   * priority that does not exist.
   */
  reprioritize(response: Response, priority: RequestPriority): boolean {
    return this.#exchanges.get(response)?.reprioritize(priorityMembers(priority)) ?? false;
  }

  /**
   * Opens a connection for a URL's origin before its first request, unless there is one or six wait already. It is closed after 10 s
   * without a request. Failures are left to requests.
   */
  preconnect(url: string | URL): void {
    const target = new URL(url);
    if (target.protocol !== "https:" && target.protocol !== "http:") {
      throw new ClientError("REQUEST_INVALID", `${target.protocol}// is not supported`, {
        hint: "use https:// or http://",
      });
    }
    if (!this.#pool.closed) this.#pool.preconnect(target);
  }

  /** The open connections. */
  connections(): readonly ConnectionFacts[] {
    return this.#pool.connections();
  }

  /**
   * This machine has changed to another network: forgets alternative services that do not persist (RFC 7838 §2.2) and
   * where HTTP/3 failed.
   */
  networkChanged(): void {
    this.#pool.networkChanged();
  }

  /**
   * Waits for responses in progress, then closes all connections. Responses that have not ended after the timeout
   * (10 s) are aborted; an unread response never ends on its own.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    await this.#pool.close(options);
  }

  /** Closes all connections immediately; requests in progress fail. */
  async destroy(error: Error = new ClientError("CLIENT_CLOSED", "the client was closed")): Promise<void> {
    await this.#pool.destroy(error);
  }

  /** Closes the client, like `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Creates a client. Connections are opened by its first request. Throws a `ClientError` for options that it cannot
 * use.
 */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}
