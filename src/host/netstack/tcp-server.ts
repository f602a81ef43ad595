/** Listening ports of our stack with the members of `net.Server`: 'connection' events that node:http takes as they are. */

import { EventEmitter } from "node:events";
import type { ListenOptions, TcpListener } from "../../tcp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { guard } from "../guard.ts";
import type { StackDriver } from "./driver.ts";
import { SocketError } from "./socket-error.ts";
import { TcpSocket } from "./tcp-socket.ts";

export interface TcpServerOptions {
  readonly allowHalfOpen?: boolean;
  readonly noDelay?: boolean;
  readonly keepAlive?: boolean;
}

export interface TcpListenArguments {
  readonly port?: number;
  /** All addresses by default. */
  readonly host?: string;
  readonly backlog?: number;
}

export class TcpServer extends EventEmitter {
  listening = false;
  maxConnections = Number.POSITIVE_INFINITY;
  readonly #driver: StackDriver;
  readonly #options: TcpServerOptions;
  readonly #listeners: TcpListener[] = [];
  readonly #sockets = new Set<TcpSocket>();

  constructor(driver: StackDriver, options: TcpServerOptions, listener?: (socket: TcpSocket) => void) {
    super();
    this.#driver = driver;
    this.#options = options;
    if (listener !== undefined) this.on("connection", listener);
  }

  /** `listen(port, host?, callback?)` or `listen({ port, host, backlog }, callback?)`. */
  listen(target: number | TcpListenArguments = 0, ...rest: (string | (() => void) | undefined)[]): this {
    const host = rest.find((each) => typeof each === "string");
    const callback = rest.find((each) => typeof each === "function");
    const options = typeof target === "number" ? { port: target, ...(host === undefined ? {} : { host }) } : target;
    if (callback !== undefined) this.once("listening", callback);
    const error = this.#open(options);
    this.#driver.later(() => {
      if (error === undefined) this.emit("listening");
      else this.emit("error", error);
    });
    return this;
  }

  #open({ port = 0, host, backlog }: TcpListenArguments): SocketError | undefined {
    const address = host === undefined || host === "::" || host === "0.0.0.0" ? undefined : parseIpAddress(host);
    if (host !== undefined && address === undefined && host !== "::" && host !== "0.0.0.0") {
      return new SocketError("listen", "EADDRNOTAVAIL");
    }
    const versions = address !== undefined ? [address.length === 4 ? 4 : 6] : host === "0.0.0.0" ? [4] : [4, 6];
    let chosen = port;
    for (const version of versions as (4 | 6)[]) {
      const options: ListenOptions = {
        version,
        address,
        port: chosen,
        ...(backlog === undefined ? {} : { backlog }),
        connection: { noDelay: this.#options.noDelay ?? true, keepAlive: this.#options.keepAlive ?? false },
      };
      const listener = this.#driver.stack.tcp.listen(options);
      if (listener === undefined) {
        this.#unlisten();
        return new SocketError("listen", "EADDRINUSE", { address: address ?? new Uint8Array(4), port });
      }
      chosen = listener.port;
      this.#listeners.push(listener);
      this.#driver.watchListener(listener, () => this.#accept(listener));
    }
    this.listening = true;
    return undefined;
  }

  address(): { address: string; family: string; port: number } | null {
    const [first] = this.#listeners;
    if (first === undefined) return null;
    const address = first.address === undefined ? "::" : formatIpAddress(first.address);
    return { address, family: address.includes(":") ? "IPv6" : "IPv4", port: first.port };
  }

  getConnections(callback: (error: Error | null, count: number) => void): void {
    this.#driver.later(() => callback(null, this.#sockets.size));
  }

  /** Listens no more; 'close' follows when the last connection has ended. */
  close(callback?: (error?: Error) => void): this {
    if (callback !== undefined) this.once("close", callback);
    this.#unlisten();
    this.#emitCloseIfDone();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #accept(listener: TcpListener): void {
    for (let connection = listener.accept(); connection !== undefined; connection = listener.accept()) {
      const socket = new TcpSocket(this.#driver, connection, {
        isServer: true,
        allowHalfOpen: this.#options.allowHalfOpen ?? false,
      });
      if (this.#sockets.size >= this.maxConnections) {
        socket.resetAndDestroy(10);
        continue;
      }
      socket.server = this;
      this.#sockets.add(socket);
      const handleClose = guard("netstack socket closed", this.#driver.onFault, () => {
        this.#sockets.delete(socket);
        this.#emitCloseIfDone();
      });
      socket.once("close", handleClose);
      this.emit("connection", socket);
    }
  }

  #unlisten(): void {
    for (const listener of this.#listeners.splice(0)) {
      this.#driver.unwatchListener(listener);
      this.#driver.stack.tcp.unlisten(listener, this.#driver.clock.now());
    }
    this.#driver.schedule();
  }

  #emitCloseIfDone(): void {
    if (this.#listeners.length > 0 || this.#sockets.size > 0 || !this.listening) return;
    this.listening = false;
    this.#driver.later(() => this.emit("close"));
  }
}
