/** A connection of our stack as a Duplex with the members of `net.Socket`. */

import { Duplex, type DuplexOptions } from "node:stream";
import { millis } from "../../base/time.ts";
import { ResetCode } from "../../tcp/diagnostics/reasons.ts";
import type { TcpConnection, TcpConnectionOptions, TcpEventType } from "../../tcp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { type Fault, guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";
import { portOf, readConnectArguments, type TcpConnectArguments, type TcpConnectOptions } from "./connect-arguments.ts";
import type { StackDriver } from "./driver.ts";
import { connectionOptions } from "./settings.ts";
import { SocketError } from "./socket-error.ts";

/** A write calls back while at most this many bytes wait to be acknowledged. */
const SEND_BUFFER = 1024 * 1024;
/** What `net.Socket` calls these addresses. */
const FAMILY = { 4: "IPv4", 16: "IPv6" } as const;

/** What a Duplex takes; `allowHalfOpen` is false by default. */
export interface TcpSocketOptions extends DuplexOptions {}

/** A connection with the members of `net.Socket`. */
export class TcpSocket extends Duplex {
  /** True from `connect` until the connection is established. */
  connecting = false;
  bytesWritten = 0;
  /** What an owner such as node:http sets. */
  server: unknown;
  timeout = 0;
  readonly #driver: StackDriver;
  #connection: TcpConnection | undefined;
  #idle: Timer | undefined;
  #wantsData = false;
  #hasEnded = false;
  #isPumping = false;
  #isReferenced = true;
  #noDelay: boolean | undefined;
  #keepAlive: { readonly isOn: boolean; readonly delay: number } | undefined;
  #pendingWrite: (() => void) | undefined;
  /** Writing that waits for a name to be resolved. */
  #waiting: (() => void)[] = [];

  constructor(driver: StackDriver, options: TcpSocketOptions = {}) {
    super({ allowHalfOpen: false, highWaterMark: 256 * 1024, ...options, autoDestroy: true, emitClose: false });
    this.#driver = driver;
  }

  /** A socket on a connection that a listener accepted. */
  static accepted(driver: StackDriver, connection: TcpConnection, options: TcpSocketOptions): TcpSocket {
    const socket = new TcpSocket(driver, options);
    socket.#attach(connection);
    return socket;
  }

  // The members of net.Socket.

  /** `connect(options, callback?)` or `connect(port, host?, callback?)`. Errors arrive as events. */
  connect(...given: TcpConnectArguments): this {
    const { options, callback } = readConnectArguments(given);
    const port = portOf(options.port);
    const settings = connectionOptions(options);
    if (callback !== undefined) this.once("connect", callback as never);
    if (this.connecting || this.#connection !== undefined) {
      this.destroy(new SocketError("connect", "EISCONN"));
      return this;
    }
    this.connecting = true;
    if (options.timeout !== undefined) this.setTimeout(options.timeout);
    if (this.#isReferenced) this.#driver.liveness.hold(this);
    const host = options.host ?? "localhost";
    const onFault = (fault: Fault): void => {
      this.destroy(fault.error);
      this.#driver.onFault(fault);
    };
    const settle = guard("netstack lookup", onFault, (result: readonly Uint8Array[] | Error) => {
      if (this.destroyed) return;
      if (result instanceof Error) this.destroy(result);
      else this.#open(result, port, options, settings);
    });
    this.#driver.names.resolve(host, settle, options.lookup);
    return this;
  }

  /** The connection of the stack; undefined before there is one. */
  get connection(): TcpConnection | undefined {
    return this.#connection;
  }

  get remoteAddress(): string | undefined {
    return this.#connection === undefined ? undefined : formatIpAddress(this.#connection.remote);
  }

  get remotePort(): number | undefined {
    return this.#connection?.remotePort;
  }

  get remoteFamily(): string | undefined {
    return FAMILY[this.#connection?.remote.length as 4 | 16];
  }

  get localAddress(): string | undefined {
    return this.#connection === undefined ? undefined : formatIpAddress(this.#connection.local);
  }

  get localPort(): number | undefined {
    return this.#connection?.localPort;
  }

  get localFamily(): string | undefined {
    return FAMILY[this.#connection?.local.length as 4 | 16];
  }

  get bytesRead(): number {
    return this.#connection?.bytesReceived ?? 0;
  }

  get pending(): boolean {
    return this.connecting || this.#connection === undefined;
  }

  get readyState(): string {
    if (this.connecting) return "opening";
    if (this.destroyed || this.#connection === undefined) return "closed";
    return this.writable ? (this.readable ? "open" : "writeOnly") : "readOnly";
  }

  /** The local end; empty before there is one. */
  address(): { address?: string; family?: string; port?: number } {
    if (this.#connection === undefined) return {};
    return { address: this.localAddress!, family: this.localFamily!, port: this.localPort! };
  }

  /** Turns Nagle's algorithm off, or on (RFC 9293 MUST-17). */
  setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay;
    if (this.#connection === undefined) return this;
    this.#connection.setNoDelay(noDelay);
    this.#driver.touch(this.#connection);
    return this;
  }

  /** `initialDelay` is in milliseconds; 0 leaves it as it is. */
  setKeepAlive(isOn = false, initialDelay = 0): this {
    this.#keepAlive = { isOn, delay: initialDelay };
    if (this.#connection === undefined) return this;
    const idle = initialDelay > 0 ? millis(initialDelay) : undefined;
    this.#connection.setKeepAlive(isOn, this.#driver.clock.now(), idle);
    this.#driver.touch(this.#connection);
    return this;
  }

  /** Emits 'timeout' after this time without traffic; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.timeout = milliseconds;
    this.#idle?.clear();
    this.#idle = undefined;
    if (milliseconds > 0) {
      this.#idle = new Timer(
        guard("netstack idle", this.#driver.onFault, () => {
          this.emit("timeout");
        }),
        noLimit(milliseconds),
        this.#driver.clock,
      ).unref();
    }
    if (callback !== undefined) {
      if (milliseconds > 0) this.once("timeout", callback);
      else this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Keeps the process alive while the socket is open, which is the default. */
  ref(): this {
    this.#isReferenced = true;
    if (!this.destroyed && !this.pending) this.#driver.liveness.hold(this);
    return this;
  }

  /** Lets the process exit while the socket is open. */
  unref(): this {
    this.#isReferenced = false;
    this.#driver.liveness.release(this);
    return this;
  }

  /** Destroys the socket once everything is written. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  /** Resets the connection; `code` is the reason, for peers that understand it. */
  resetAndDestroy(code: number = ResetCode.aborted): this {
    this.#connection?.abort(code, this.#driver.clock.now());
    this.destroy();
    return this;
  }

  // Opening.

  #open(
    addresses: readonly Uint8Array[],
    port: number,
    options: TcpConnectOptions,
    settings: Partial<TcpConnectionOptions>,
  ): void {
    const { localAddress, localPort } = options;
    const address = localAddress === undefined ? undefined : parseIpAddress(localAddress);
    if (localAddress !== undefined && address === undefined) {
      this.destroy(new SocketError("bind", "EADDRNOTAVAIL", { name: localAddress }));
      return;
    }
    const keepAliveIdle = options.keepAliveInitialDelay ?? 0;
    if (options.noDelay !== undefined) this.#noDelay = options.noDelay;
    if (options.keepAlive !== undefined) this.#keepAlive = { isOn: options.keepAlive, delay: keepAliveIdle };
    let failure: SocketError | undefined;
    for (const remote of addresses) {
      const now = this.#driver.clock.now();
      const result = this.#driver.stack.tcp.connect(remote, port, now, { address, port: localPort }, settings);
      if (typeof result !== "string") {
        this.#attach(result);
        for (const run of this.#waiting.splice(0)) run();
        return;
      }
      failure ??= new SocketError("connect", result, { address: remote, port });
    }
    this.destroy(failure ?? new SocketError("connect", "EINVAL"));
  }

  #attach(connection: TcpConnection): void {
    this.#connection = connection;
    this.#driver.watch(connection, (type) => this.#handle(connection, type));
    if (this.#noDelay !== undefined) this.setNoDelay(this.#noDelay);
    if (this.#keepAlive !== undefined) this.setKeepAlive(this.#keepAlive.isOn, this.#keepAlive.delay);
    if (this.#isReferenced) this.#driver.liveness.hold(this);
    this.#driver.touch(connection);
  }

  // Duplex.

  override _read(): void {
    this.#wantsData = true;
    if (this.#connection !== undefined) this.#pump(this.#connection);
  }

  override _write(chunk: Uint8Array, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const connection = this.#connection;
    if (connection === undefined) {
      if (this.connecting) this.#waiting.push(() => this._write(chunk, encoding, callback));
      else callback(new SocketError("write", "ENOTCONN"));
      return;
    }
    // As the kernel does, because the caller may change the bytes after the callback. Not `slice`: a Buffer's is a view.
    if (!connection.write(new Uint8Array(chunk))) {
      callback(new SocketError("write", "EPIPE"));
      return;
    }
    this.bytesWritten += chunk.length;
    this.#idle?.refresh();
    this.#driver.touch(connection);
    if (connection.buffered <= SEND_BUFFER) {
      callback();
      return;
    }
    this.#pendingWrite = callback;
    connection.notifyWhenBelow(SEND_BUFFER / 2);
  }

  override _final(callback: (error?: Error | null) => void): void {
    const connection = this.#connection;
    if (this.connecting) {
      // RFC 9293 §3.10.4: a CLOSE waits for the connection, as on Linux, so that what was written arrives.
      this.#waiting.push(() => this._final(callback));
      return;
    }
    connection?.end(this.#driver.clock.now());
    if (connection !== undefined) this.#driver.touch(connection);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#idle?.clear();
    const connection = this.#connection;
    if (connection !== undefined) {
      const now = this.#driver.clock.now();
      if (this.connecting || (error !== null && !this.writableFinished)) connection.abort(ResetCode.aborted, now);
      else connection.release(now);
      this.#driver.unwatch(connection);
      this.#driver.touch(connection);
    }
    this.connecting = false;
    this.#pendingWrite = undefined;
    this.#waiting = [];
    this.#driver.liveness.release(this);
    callback(error);
    this.#driver.later(() => this.emit("close", error !== null));
  }

  // What happens on the connection.

  #handle(connection: TcpConnection, type: TcpEventType): void {
    switch (type) {
      case "connected":
        this.connecting = false;
        for (const run of this.#waiting.splice(0)) run();
        this.emit("connect");
        this.emit("ready");
        break;
      case "readable":
        this.#idle?.refresh();
        this.#pump(connection);
        break;
      case "ended":
        this.#hasEnded = true;
        this.#pump(connection);
        break;
      case "writable":
        this.#continueWriting();
        break;
      case "urgent":
        this.emit("urgent", connection.urgentIn);
        break;
      case "soft-error":
        this.#handleSoftError(connection);
        break;
      case "closed":
        this.#handleClosed(connection);
        break;
      case "slow":
        this.emit("slow");
        break;
    }
  }

  #pump(connection: TcpConnection): void {
    // A listener of 'data' may read again: node:http's parser must not be entered twice.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#wantsData) {
        const bytes = connection.read();
        if (bytes === undefined) break;
        this.#wantsData = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      }
    } finally {
      this.#isPumping = false;
    }
    if (connection.receiver.isAckDue) this.#driver.touch(connection);
    if (this.#hasEnded && connection.receiver.readable === 0 && !this.readableEnded) {
      this.#hasEnded = false;
      this.push(null);
    }
  }

  #continueWriting(): void {
    const callback = this.#pendingWrite;
    if (callback === undefined) return;
    this.#pendingWrite = undefined;
    callback();
  }

  /** While connecting, an unreachable host is the end, as on Linux; later it may be reachable again. */
  #handleSoftError({ softError, remote, remotePort }: TcpConnection): void {
    this.emit("softError", softError);
    if (!this.connecting) return;
    const code = softError === "network-unreachable" ? "ENETUNREACH" : "EHOSTUNREACH";
    this.destroy(new SocketError("connect", code, { address: remote, port: remotePort }));
  }

  #handleClosed(connection: TcpConnection): void {
    const { closeReason, remote, remotePort } = connection;
    if (closeReason === undefined) {
      this.#hasEnded = true;
      this.#pump(connection);
      return;
    }
    const syscall = this.connecting ? "connect" : "read";
    this.connecting = false;
    this.destroy(new SocketError(syscall, closeReason.code, { address: remote, port: remotePort }, closeReason.reason));
  }
}
