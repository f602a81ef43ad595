/**
 * The socket of one request, which listeners for node:http expect on `req` and `res`. A connection may carry many
 * requests at once, so each request has its own façade, which closes with the request: listeners do not accumulate, and
 * `destroy` ends only this request.
 *
 * Listeners for "upgrade" write an HTTP/1.1 response to it, which `raw-response.ts` parses.
 */
import { type Fault, guard } from "../guard.ts";
import type { PeerAddress, ServerExchange } from "../http/exchange.ts";
import { Timer } from "../timer.ts";
import { RawResponse } from "./raw-response.ts";
import { SecureDuplex } from "./secure-duplex.ts";

export interface SocketOwner {
  /** The value of `socket.server`. */
  readonly server: object;
  /** Bytes; undefined for Node's default. */
  readonly highWaterMark: number | undefined;
  onFault(fault: Fault): void;
  /** Called when a listener throws; the socket is then destroyed. */
  handleListenerError(error: unknown): void;
  /** Called when the socket has been idle for the time that `setTimeout` set. */
  handleTimeout?(): void;
  /** Called before any listener of "close". */
  handleClose?(): void;
}

type Callback = (error?: Error | null) => void;

export class StreamSocket extends SecureDuplex {
  readonly server: object;
  declare readonly connecting: boolean;
  declare readonly pending: boolean;
  /** Set by ServerResponse.assignSocket. */
  _httpMessage: unknown = null;
  timeout = 0;
  bytesRead = 0;
  bytesWritten = 0;
  /** Buffered bytes of the response, for `res.writableLength`. */
  waiting = 0;
  /** True once the exchange has ended: `destroy` then resets nothing. */
  #isOver = false;
  readonly #exchange: ServerExchange;
  readonly #owner: SocketOwner;
  #raw: RawResponse | undefined;
  #timer: Timer | undefined;

  constructor(exchange: ServerExchange, owner: SocketOwner) {
    super(exchange, owner.highWaterMark);
    this.server = owner.server;
    this.#exchange = exchange;
    this.#owner = owner;
  }

  // Undefined over a UNIX domain socket, as with Node's sockets.
  get remoteAddress(): string | undefined {
    return this.#exchange.remoteAddress.address || undefined;
  }
  get remotePort(): number | undefined {
    return this.#exchange.remoteAddress.port || undefined;
  }
  get remoteFamily(): string | undefined {
    return this.remoteAddress && this.#exchange.remoteAddress.family;
  }
  get localAddress(): string | undefined {
    return this.#exchange.localAddress.address || undefined;
  }
  get localPort(): number | undefined {
    return this.#exchange.localAddress.port || undefined;
  }
  get localFamily(): string | undefined {
    return this.localAddress && this.#exchange.localAddress.family;
  }
  get readyState(): string {
    if (this.readable && this.writable) return "open";
    if (this.readable) return "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Catches exceptions from listeners, which destroy only this socket. */
  override emit(event: string | symbol, ...given: unknown[]): boolean {
    // Node's server always has a listener: a connection error never becomes an exception.
    if (event === "error" && this.listenerCount("error") === 0) {
      // Nor does one that a listener emits, which ends the socket.
      this.destroy();
      return false;
    }
    try {
      if (event === "close") this.#owner.handleClose?.();
      return super.emit(event, ...given);
    } catch (error) {
      this.#owner.handleListenerError(error);
      this.destroy();
      return true;
    }
  }

  address(): PeerAddress {
    return this.#exchange.localAddress;
  }

  /** Sets the idle time before "timeout", in milliseconds; 0 for none. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.timeout = milliseconds;
    this.#timer?.clear();
    this.#timer = undefined;
    if (milliseconds > 0 && !this.destroyed) {
      if (callback !== undefined) this.once("timeout", callback);
      const expire = guard(
        "node socket timeout",
        (fault: Fault) => {
          this.#owner.onFault(fault);
          this.destroy();
        },
        () => {
          this.#owner.handleTimeout?.();
          this.emit("timeout");
        },
      );
      this.#timer = new Timer(expire, milliseconds).unref();
    } else if (callback !== undefined) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Restarts the idle timer. */
  touch(): void {
    this.#timer?.refresh();
  }

  // These have no effect on a stream of a shared connection.
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }

  /** True once a complete response has been written as raw bytes. */
  get isRefused(): boolean {
    return this.#raw?.isRefused === true;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  /** Closes the socket when its exchange has ended. */
  closeQuietly(): void {
    this.#isOver = true;
    if (this.#raw !== undefined || this.listenerCount("close") > 0) {
      this.destroy();
      return;
    }
    // The same as `destroy`, which would only emit events that nobody hears.
    this.#timer?.clear();
    const { _readableState, _writableState } = this as unknown as Record<string, Record<string, boolean>>;
    for (const state of [_readableState!, _writableState!]) {
      state.destroyed = true;
      state.closed = true;
      state.closeEmitted = true;
    }
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  // ── Duplex ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  get #response(): RawResponse {
    this.#raw ??= new RawResponse(this.#exchange, {
      push: (chunk) => {
        if (chunk !== null) this.bytesRead += chunk.byteLength;
        this.touch();
        const hasRoom = this.push(chunk);
        // As with net.Socket, "end" needs no reader if there is nothing to read.
        if (chunk === null) this.read(0);
        return hasRoom;
      },
      fail: (error) => this.destroy(error),
    });
    return this.#raw;
  }

  override _read(): void {
    this.#raw?.read();
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: Callback): void {
    this.bytesWritten += chunk.byteLength;
    this.touch();
    this.#response.write(chunk, callback);
  }

  override _final(callback: Callback): void {
    this.#raw?.end();
    callback();
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#timer?.clear();
    if (this.#raw !== undefined) this.#raw.destroy(error);
    else if (!this.#isOver && this.#exchange.aborted === undefined)
      this.#exchange.reset(error ?? new Error("the socket was destroyed"));
    callback(error);
  }
}

for (const name of ["connecting", "pending"]) {
  Object.defineProperty(StreamSocket.prototype, name, { value: false, configurable: true, writable: true });
}

// ServerResponse adds it to its own buffered bytes.
Object.defineProperty(StreamSocket.prototype, "writableLength", {
  configurable: true,
  get(this: StreamSocket & { readonly _writableState: { readonly length: number } }): number {
    return this._writableState.length + this.waiting;
  },
});
