/** Listening ports of our stack with the members of `net.Server`: 'connection' events that node:http takes as they are. */

import { EventEmitter } from "node:events";
import { ResetCode } from "../../tcp/diagnostics/reasons.ts";
import type { ListenOptions, TcpListener } from "../../tcp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { guard } from "../guard.ts";
import { portOf } from "./connect-arguments.ts";
import type { StackDriver } from "./driver.ts";
import { connectionOptions, type TcpSettings } from "./settings.ts";
import { SocketError } from "./socket-error.ts";
import { TcpSocket } from "./tcp-socket.ts";

/** The options of `host.net.createServer`. The settings are those of accepted connections. */
export interface TcpServerOptions extends TcpSettings {
  /** True to keep the writable side open after the peer ended; false by default. */
  readonly allowHalfOpen?: boolean;
  /** True by default. */
  readonly noDelay?: boolean;
  /** False by default. */
  readonly keepAlive?: boolean;
}

/** Where a server listens. */
export interface TcpListenOptions {
  /** 0, the default, lets the host choose. */
  readonly port?: number | string;
  /** All addresses by default. */
  readonly host?: string;
  /** Connections that wait to be accepted; more are answered with SYN cookies. 511 by default. */
  readonly backlog?: number;
}

/** `(options, callback?)` or `(port, host?, backlog?, callback?)`. */
export type TcpListenArguments = readonly (TcpListenOptions | number | string | (() => void) | undefined)[];

/** A listening port with the members of `net.Server`. */
export class TcpServer extends EventEmitter {
  listening = false;
  maxConnections = Number.POSITIVE_INFINITY;
  readonly #driver: StackDriver;
  readonly #options: TcpServerOptions;
  readonly #listeners: TcpListener[] = [];
  readonly #sockets = new Set<TcpSocket>();
  #isReferenced = true;
  #isClosing = false;

  constructor(driver: StackDriver, options: TcpServerOptions, listener?: (socket: TcpSocket) => void) {
    super();
    this.#driver = driver;
    this.#options = options;
    if (listener !== undefined) this.on("connection", listener);
  }

  /** `listen(port?, host?, backlog?, callback?)` or `listen(options, callback?)`. Errors arrive as events. */
  listen(...given: TcpListenArguments): this {
    const { options, callback } = readListenArguments(given);
    const port = portOf(options.port ?? 0);
    if (this.listening) throw new SocketError("listen", "EALREADY");
    if (callback !== undefined) this.once("listening", callback);
    const error = this.#open(port, options);
    this.#driver.later(() => {
      if (error !== undefined) this.emit("error", error);
      else if (this.listening) this.emit("listening");
    });
    return this;
  }

  #open(port: number, { host, backlog }: TcpListenOptions): SocketError | undefined {
    const isAny = host === undefined || host === "::" || host === "0.0.0.0";
    const address = isAny ? undefined : parseIpAddress(host === "localhost" ? "127.0.0.1" : host);
    if (!isAny && (address === undefined || !this.#driver.stack.ip.isOwn(address))) {
      return new SocketError("listen", "EADDRNOTAVAIL", { name: host, port });
    }
    const versions = address !== undefined ? [address.length === 4 ? 4 : 6] : host === "0.0.0.0" ? [4] : [4, 6];
    let chosen = port;
    for (const version of versions as (4 | 6)[]) {
      const options: ListenOptions = {
        version,
        address,
        port: chosen,
        ...(backlog === undefined ? {} : { backlog }),
        connection: {
          ...connectionOptions(this.#options),
          noDelay: this.#options.noDelay ?? true,
          keepAlive: this.#options.keepAlive ?? false,
        },
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
    if (this.#isReferenced) this.#driver.liveness.hold(this);
    return undefined;
  }

  /** Where it listens; null if it does not. */
  address(): { address: string; family: string; port: number } | null {
    const [first] = this.#listeners;
    if (first === undefined) return null;
    const address = first.address === undefined ? "::" : formatIpAddress(first.address);
    return { address, family: address.includes(":") ? "IPv6" : "IPv4", port: first.port };
  }

  /** Calls back with the number of open connections. */
  getConnections(callback: (error: Error | null, count: number) => void): void {
    this.#driver.later(() => callback(null, this.#sockets.size));
  }

  /** Listens no more; 'close' follows when the last connection has ended. */
  close(callback?: (error?: Error) => void): this {
    if (!this.listening) {
      const error = Object.assign(new Error("the server is not listening"), { code: "ERR_SERVER_NOT_RUNNING" });
      this.#driver.later(() => callback?.(error));
      return this;
    }
    if (callback !== undefined) this.once("close", callback);
    this.listening = false;
    this.#isClosing = true;
    this.#driver.liveness.release(this);
    this.#unlisten();
    this.#emitCloseIfDone();
    return this;
  }

  /** Keeps the process alive while the server listens, which is the default. */
  ref(): this {
    this.#isReferenced = true;
    if (this.listening) this.#driver.liveness.hold(this);
    return this;
  }

  /** Lets the process exit while the server listens. */
  unref(): this {
    this.#isReferenced = false;
    this.#driver.liveness.release(this);
    return this;
  }

  /** Closes the server, and waits for its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.listening) await new Promise<void>((resolve) => this.close(() => resolve()));
  }

  #accept(listener: TcpListener): void {
    for (let connection = listener.accept(); connection !== undefined; connection = listener.accept()) {
      const { allowHalfOpen = false } = this.#options;
      const socket = TcpSocket.accepted(this.#driver, connection, { allowHalfOpen });
      if (this.#sockets.size >= this.maxConnections) {
        const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket;
        socket.resetAndDestroy(ResetCode.resourceExceeded);
        this.emit("drop", { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily });
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
    if (!this.#isClosing || this.#sockets.size > 0) return;
    this.#isClosing = false;
    this.#driver.later(() => this.emit("close"));
  }
}

function readListenArguments(given: TcpListenArguments): {
  readonly options: TcpListenOptions;
  readonly callback: (() => void) | undefined;
} {
  const [target, ...rest] = given;
  const callback = given.find((each) => typeof each === "function");
  if (typeof target === "object") return { options: target, callback };
  const host = rest.find((each) => typeof each === "string");
  const backlog = rest.find((each) => typeof each === "number");
  const options = {
    ...(typeof target === "number" || typeof target === "string" ? { port: target } : {}),
    ...(host === undefined ? {} : { host }),
    ...(backlog === undefined ? {} : { backlog }),
  };
  return { options, callback };
}
