/**
 * The socket of one request, as listeners of node:http expect it on `req` and `res`. The connection below may carry many
 * requests at once, so each has a façade of its own, which ends when its request does: listeners do not pile up, and
 * destroying it ends this request alone.
 *
 * What is written to it are the bytes of an HTTP/1.1 response, as handlers of "upgrade" write them; `raw-response.ts`
 * makes a response or a tunnel of them.
 */
import { Duplex } from "node:stream";
import { type Fault, guard } from "../guard.ts";
import type { PeerAddress, ServerExchange } from "../http/exchange.ts";
import { Timer } from "../timer.ts";
import { RawResponse } from "./raw-response.ts";

export interface SocketOwner {
  /** What `socket.server` is. */
  readonly server: object;
  readonly onFault: (fault: Fault) => void;
  /** A listener threw; the socket has been destroyed. */
  readonly onListenerError: (error: unknown) => void;
  /** Nothing moved for as long as `setTimeout` was given. */
  readonly onTimeout?: (socket: StreamSocket) => void;
  /** Before "close" reaches any listener. */
  readonly onClose?: () => void;
}

type Callback = (error?: Error | null) => void;

export class StreamSocket extends Duplex {
  readonly server: object;
  readonly encrypted = true;
  readonly authorized = false;
  readonly authorizationError = null;
  readonly connecting = false;
  readonly pending = false;
  readonly alpnProtocol: string;
  /** Set by ServerResponse.assignSocket. */
  _httpMessage: unknown = null;
  timeout = 0;
  bytesRead = 0;
  bytesWritten = 0;
  /** The exchange is over: nothing is to be cut off. */
  isOver = false;
  /** Bytes of the response that wait, for `res.writableLength`. */
  waiting = 0;
  readonly #exchange: ServerExchange;
  readonly #owner: SocketOwner;
  #raw: RawResponse | undefined;
  #timer: Timer | undefined;

  constructor(exchange: ServerExchange, owner: SocketOwner) {
    super({ allowHalfOpen: true });
    this.server = owner.server;
    this.#exchange = exchange;
    this.#owner = owner;
    this.alpnProtocol = exchange.protocol;
  }

  get remoteAddress(): string {
    return this.#exchange.remoteAddress.address;
  }
  get remotePort(): number {
    return this.#exchange.remoteAddress.port;
  }
  get remoteFamily(): string {
    return this.#exchange.remoteAddress.family;
  }
  get localAddress(): string {
    return this.#exchange.localAddress.address;
  }
  get localPort(): number {
    return this.#exchange.localAddress.port;
  }
  get localFamily(): string {
    return this.#exchange.localAddress.family;
  }
  get readyState(): string {
    if (this.readable && this.writable) return "open";
    if (this.readable) return "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** A listener that throws costs its own socket. */
  override emit(event: string | symbol, ...given: unknown[]): boolean {
    // Node's server listens too: an error of a connection is no exception.
    if (event === "error" && this.listenerCount("error") === 0) return false;
    try {
      if (event === "close") this.#owner.onClose?.();
      return super.emit(event, ...given);
    } catch (error) {
      this.#owner.onListenerError(error);
      this.destroy();
      return true;
    }
  }

  address(): PeerAddress {
    return this.#exchange.localAddress;
  }

  /** Milliseconds without a byte either way until "timeout"; 0 for never. */
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
          this.#owner.onTimeout?.(this);
          this.emit("timeout");
        },
      );
      this.#timer = new Timer(expire, milliseconds).unref();
    } else if (callback !== undefined) {
      this.removeListener("timeout", callback);
    }
    return this;
  }

  /** Bytes moved. */
  touch(): void {
    this.#timer?.refresh();
  }

  // A stream of a shared connection has none of these to set.
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

  getPeerCertificate(): object {
    return {};
  }
  getProtocol(): string | null {
    return this.#exchange.protocol === "h3" ? "TLSv1.3" : null;
  }

  /** A whole response was written as bytes. */
  get isRefused(): boolean {
    return this.#raw?.isRefused === true;
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", this.destroy);
  }

  resetAndDestroy(): this {
    return this.destroy();
  }

  // ── What Duplex asks ──────────────────────────────────────────────────────────────────────────────────────────────

  get #response(): RawResponse {
    this.#raw ??= new RawResponse(this.#exchange, {
      push: (chunk) => {
        if (chunk !== null) this.bytesRead += chunk.byteLength;
        this.touch();
        return this.push(chunk);
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
    else if (!this.isOver && this.#exchange.aborted === undefined)
      this.#exchange.reset(error ?? new Error("the socket was destroyed"));
    callback(error);
  }
}

// Node's ServerResponse adds it to what it holds itself.
Object.defineProperty(StreamSocket.prototype, "writableLength", {
  configurable: true,
  get(this: StreamSocket & { readonly _writableState: { readonly length: number } }): number {
    return this._writableState.length + this.waiting;
  },
});
