/**
 * The memcached proxy on sockets: listeners for clients, a socket for each connection to a backend, and one timer.
 * Everything that one turn of the event loop brings is answered with one write per socket.
 */

import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type SecureContextOptions } from "node:tls";
import type { BackendConnection } from "../../memcache/backend/connection.ts";
import { buildPlan } from "../../memcache/config/build.ts";
import type { MemcacheConfig } from "../../memcache/config/config.ts";
import type { BuildEnvironment } from "../../memcache/config/environment.ts";
import { type BackendEvent, MemcacheProxy, type Plan } from "../../memcache/proxy/proxy.ts";
import type { ClientSession } from "../../memcache/proxy/session.ts";
import { hostAndPort } from "../../wire/ip-address.ts";
import { type HostClock, type HostTimer, systemClock } from "../clock.ts";
import { type Fault, guard, ignore, reportFault } from "../guard.ts";
import { LONGEST_TIMEOUT } from "../timer.ts";
import { BackendSocket, type BackendTls } from "./backend-socket.ts";
import { ClientSocket } from "./client-socket.ts";

export interface MemcacheListen {
  readonly host?: string;
  readonly port?: number;
  /** A Unix socket instead of a port. */
  readonly path?: string;
  /** Of a socket that is bound already, instead of a place. */
  readonly descriptor?: number | undefined;
  /** Selects the routes with this tag. */
  readonly tag?: string;
  readonly tls?: SecureContextOptions & { readonly requestCert?: boolean; readonly rejectUnauthorized?: boolean };
}

export interface MemcacheServerOptions {
  readonly version: string;
  readonly clock?: HostClock;
  /** The longest value, in bytes. */
  readonly maxValue?: number;
  readonly maxConnections?: number;
  /** For backends that use TLS. */
  readonly backendTls?: SecureContextOptions & { readonly serverName?: string };
  readonly onEvent?: (event: BackendEvent) => void;
  readonly onFault?: (fault: Fault) => void;
}

const DEFAULT_MAX_CONNECTIONS = 1024;
const TOO_MANY = Buffer.from("ERROR Too many open connections\r\n");

export class MemcacheServer {
  readonly proxy: MemcacheProxy;
  readonly #options: MemcacheServerOptions;
  readonly #clock: HostClock;
  readonly #onFault: (fault: Fault) => void;
  readonly #servers: Server[] = [];
  readonly #clients = new Map<ClientSession, ClientSocket>();
  readonly #sockets = new Map<BackendConnection, BackendSocket>();
  readonly #backendTls: BackendTls;
  readonly #flush: () => void;
  readonly #fire: () => void;
  #isFlushing = false;
  #timer: HostTimer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(options: MemcacheServerOptions) {
    const { clock = systemClock, version, maxValue, onEvent, onFault = reportFault } = options;
    this.#options = options;
    this.#clock = clock;
    this.#onFault = onFault;
    const { backendTls } = options;
    this.#backendTls = {
      context: backendTls === undefined ? undefined : createSecureContext(backendTls),
      serverName: backendTls?.serverName,
    };
    const started = clock.now();
    this.proxy = new MemcacheProxy({
      facts: {
        pid: process.pid,
        uptime: () => (clock.now() - started) / 1_000_000,
        time: () => clock.date() / 1_000,
        version,
      },
      ...(maxValue === undefined ? {} : { maxValue }),
      ...(onEvent === undefined ? {} : { onEvent }),
    });
    this.#flush = guard("memcache flush", onFault, () => this.#writeAll());
    this.#fire = guard("memcache timer", onFault, () => this.#handleTimer());
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** What plans are built with. */
  get environment(): BuildEnvironment {
    const { proxy } = this;
    return {
      alarms: proxy,
      counters: proxy.stats,
      log: proxy.handlerLog,
      backendFor: (options) => proxy.backendFor(options),
      date: () => this.#clock.date(),
      random: () => randomInt(0x1_0000_0000) / 0x1_0000_0000,
    };
  }

  /** Puts a configuration in force, or throws and leaves the old one. */
  configure(config: MemcacheConfig): void {
    this.apply(buildPlan(config, this.environment));
  }

  apply(plan: Plan): void {
    this.proxy.configure(plan, this.#clock.now());
    // New backends are dialled before a watcher hears that the configuration is in force.
    this.#writeAll();
  }

  /** Listens, and resolves with the address or the path. */
  listen(listen: MemcacheListen): Promise<string> {
    const { host = "127.0.0.1", port = 11_211, path, descriptor, tag = "", tls } = listen;
    const server =
      tls === undefined ? createServer({ allowHalfOpen: true }) : createTlsServer({ ...tls, allowHalfOpen: true });
    this.#servers.push(server);
    server.on(
      tls === undefined ? "connection" : "secureConnection",
      guard(
        "memcache connection",
        (fault, socket) => {
          socket.destroy();
          this.#onFault(fault);
        },
        (socket: Socket) => this.#accept(socket, tag),
      ),
    );
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      const place = path === undefined ? { host, port } : { path };
      const target = descriptor === undefined ? place : { fd: descriptor };
      server.listen(
        target,
        guard("memcache listening", this.#onFault, () => {
          server.off("error", reject);
          server.on(
            "error",
            guard("memcache server error", this.#onFault, (error: Error) => {
              throw error;
            }),
          );
          const address = server.address();
          resolve(
            typeof address === "object" && address !== null
              ? hostAndPort(address.address, address.port)
              : String(address),
          );
        }),
      );
    });
  }

  /** Stops listening, lets active requests finish for `grace` milliseconds, and closes everything. */
  async close(grace = 0): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    const deadline = this.#clock.now() + grace * 1_000;
    while (this.proxy.stats.activeRequests > 0 && this.#clock.now() < deadline) await this.#pause();
    for (const client of this.#clients.values()) client.destroy();
    this.proxy.close(this.#clock.now());
    for (const socket of this.#sockets.values()) socket.close();
    this.#clock.stopTimer(this.#timer);
    await Promise.all(closed);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#clock.startTimer(resolve, 10));
  }

  #accept(socket: Socket, tag: string): void {
    const { maxConnections = DEFAULT_MAX_CONNECTIONS } = this.#options;
    if (this.#clients.size >= maxConnections) {
      socket.on("error", ignore);
      socket.end(TOO_MANY);
      socket.destroySoon();
      return;
    }
    const session = this.proxy.openSession(tag);
    const { stats } = this.proxy;
    const client = new ClientSocket(socket, session, {
      clock: this.#clock,
      onFault: this.#onFault,
      onChange: () => this.#change(),
      onBytes: (read, written) => {
        stats.bytesRead += read;
        stats.bytesWritten += written;
      },
      onClose: () => {
        this.#clients.delete(session);
        this.proxy.closeSession(session);
      },
    });
    this.#clients.set(session, client);
  }

  /** Writes what has been said to watchers. */
  flush(): void {
    this.#change();
  }

  /** Flushes at the end of this turn, when everything that arrived has been handled. */
  #change(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#clock.defer(this.#flush);
  }

  #writeAll(): void {
    this.#isFlushing = false;
    const { proxy } = this;
    for (;;) {
      const session = proxy.takeChangedSession();
      if (session !== undefined) {
        this.#clients.get(session)?.flush();
        continue;
      }
      const connection = proxy.takeChangedConnection();
      if (connection === undefined) break;
      this.#serve(connection);
    }
    this.#setTimer();
  }

  #serve(connection: BackendConnection): void {
    let socket = this.#sockets.get(connection);
    if (socket === undefined) {
      const tls = this.#backendTls;
      const onChange = (): void => this.#change();
      socket = new BackendSocket(connection, { clock: this.#clock, tls, onFault: this.#onFault, onChange });
      this.#sockets.set(connection, socket);
    }
    const command = connection.takeCommand();
    if (command === "connect") socket.open();
    else if (command === "close") {
      socket.close();
      if (connection.state === "idle") this.#sockets.delete(connection);
    }
    this.proxy.updateTimer(connection);
    const chunks = connection.takeOutput();
    if (chunks.length > 0) socket.write(chunks);
  }

  #setTimer(): void {
    const next = this.proxy.nextTimeout();
    // A timer that fires too early is set again; that is cheaper than to move it with every request.
    if (next === undefined || next >= this.#timerAt || this.#isClosed) return;
    this.#clock.stopTimer(this.#timer);
    this.#timerAt = next;
    const milliseconds = Math.max(1, Math.ceil((next - this.#clock.now()) / 1_000));
    this.#timer = this.#clock.startTimer(this.#fire, Math.min(milliseconds, LONGEST_TIMEOUT));
  }

  #handleTimer(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.proxy.handleTimeout(this.#clock.now());
    this.#writeAll();
  }
}
