/** A connection of our stack as a Duplex with the members of `net.Socket`. */

import { Duplex, type DuplexOptions } from "node:stream";
import { ResetCode } from "../../tcp/diagnostics/reasons.ts";
import type { TcpConnection, TcpEventType } from "../../tcp/index.ts";
import { formatIpAddress } from "../../wire/ip-address.ts";
import { guard } from "../guard.ts";
import { noLimit, Timer } from "../timer.ts";
import type { StackDriver } from "./driver.ts";
import { SocketError } from "./socket-error.ts";

/** A write calls back while at most this many bytes wait to be acknowledged. */
const SEND_BUFFER = 1024 * 1024;
/** What `net.Socket` calls these addresses. */
const FAMILY = { 4: "IPv4", 16: "IPv6" } as const;

export interface TcpSocketOptions extends DuplexOptions {
  readonly isServer: boolean;
}

export class TcpSocket extends Duplex {
  readonly connection: TcpConnection;
  /** True until the connection is established. */
  connecting: boolean;
  bytesWritten = 0;
  /** What an owner such as node:http sets. */
  server: unknown;
  timeout = 0;
  readonly #driver: StackDriver;
  #idle: Timer | undefined;
  #wantsData = false;
  #hasEnded = false;
  #isPumping = false;
  #pendingWrite: (() => void) | undefined;

  constructor(driver: StackDriver, connection: TcpConnection, { isServer, ...options }: TcpSocketOptions) {
    super({ allowHalfOpen: false, highWaterMark: 256 * 1024, ...options, autoDestroy: true, emitClose: true });
    this.#driver = driver;
    this.connection = connection;
    this.connecting = !isServer;
    driver.watch(connection, (type) => this.#handle(type));
  }

  // The members of net.Socket.

  get remoteAddress(): string | undefined {
    return formatIpAddress(this.connection.remote);
  }

  get remotePort(): number {
    return this.connection.remotePort;
  }

  get remoteFamily(): string {
    return FAMILY[this.connection.remote.length as 4 | 16];
  }

  get localAddress(): string {
    return formatIpAddress(this.connection.local);
  }

  get localPort(): number {
    return this.connection.localPort;
  }

  get localFamily(): string {
    return FAMILY[this.connection.local.length as 4 | 16];
  }

  get bytesRead(): number {
    return this.connection.bytesReceived;
  }

  get pending(): boolean {
    return this.connecting;
  }

  get readyState(): string {
    if (this.connecting) return "opening";
    if (this.destroyed) return "closed";
    return this.writable ? (this.readable ? "open" : "writeOnly") : "readOnly";
  }

  address(): { address: string; family: string; port: number } {
    return { address: this.localAddress, family: this.localFamily, port: this.localPort };
  }

  setNoDelay(noDelay = true): this {
    this.connection.setNoDelay(noDelay);
    this.#driver.touch(this.connection);
    return this;
  }

  setKeepAlive(isOn = false, _initialDelay = 0): this {
    this.connection.setKeepAlive(isOn, this.#driver.clock.now());
    this.#driver.touch(this.connection);
    return this;
  }

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

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  /** Resets the connection; `code` is the reason, for peers that understand it. */
  resetAndDestroy(code: number = ResetCode.aborted): this {
    this.connection.abort(code, this.#driver.clock.now());
    this.destroy();
    return this;
  }

  // Duplex.

  override _read(): void {
    this.#wantsData = true;
    this.#pump();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // As the kernel does, because the caller may change the bytes after the callback. Not `slice`: a Buffer's is a view.
    if (!this.connection.write(new Uint8Array(chunk))) {
      callback(new SocketError("write", "EPIPE"));
      return;
    }
    this.bytesWritten += chunk.length;
    this.#idle?.refresh();
    this.#driver.touch(this.connection);
    if (this.connection.buffered <= SEND_BUFFER) {
      callback();
      return;
    }
    this.#pendingWrite = callback;
    this.connection.notifyWhenBelow(SEND_BUFFER / 2);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.connection.end(this.#driver.clock.now());
    this.#driver.touch(this.connection);
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#idle?.clear();
    const now = this.#driver.clock.now();
    if (this.connecting || (error !== null && !this.writableFinished)) this.connection.abort(ResetCode.aborted, now);
    else this.connection.release(now);
    this.connecting = false;
    this.#driver.unwatch(this.connection);
    this.#driver.touch(this.connection);
    this.#pendingWrite = undefined;
    callback(error);
  }

  // What happens on the connection.

  #handle(type: TcpEventType): void {
    switch (type) {
      case "connected":
        this.connecting = false;
        this.emit("connect");
        this.emit("ready");
        break;
      case "readable":
        this.#idle?.refresh();
        this.#pump();
        break;
      case "ended":
        this.#hasEnded = true;
        this.#pump();
        break;
      case "writable":
        this.#continueWriting();
        break;
      case "urgent":
        this.emit("urgent", this.connection.urgentIn);
        break;
      case "soft-error":
        this.#handleSoftError();
        break;
      case "closed":
        this.#handleClosed();
        break;
      case "slow":
        break;
    }
  }

  #pump(): void {
    // A listener of 'data' may read again: node:http's parser must not be entered twice.
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#wantsData) {
        const bytes = this.connection.read();
        if (bytes === undefined) break;
        this.#wantsData = this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      }
    } finally {
      this.#isPumping = false;
    }
    if (this.connection.receiver.isAckDue) this.#driver.touch(this.connection);
    if (this.#hasEnded && this.connection.receiver.readable === 0 && !this.readableEnded) {
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
  #handleSoftError(): void {
    const { softError, remote, remotePort } = this.connection;
    this.emit("softError", softError);
    if (!this.connecting) return;
    const code = softError === "network-unreachable" ? "ENETUNREACH" : "EHOSTUNREACH";
    this.destroy(new SocketError("connect", code, { address: remote, port: remotePort }));
  }

  #handleClosed(): void {
    const { closeReason, remote, remotePort } = this.connection;
    if (closeReason === undefined) {
      this.#hasEnded = true;
      this.#pump();
      return;
    }
    const syscall = this.connecting ? "connect" : "read";
    this.connecting = false;
    this.destroy(new SocketError(syscall, closeReason.code, { address: remote, port: remotePort }, closeReason.reason));
  }
}
