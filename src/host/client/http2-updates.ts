/**
 * PRIORITY_UPDATE from a client of HTTP/2 (RFC 9218 §7.1): node:http2 has no function for it, so this writes frames between
 * Node's own ones. It also lets others read along.
 */
import { emitPriority, emitPriorityUpdate, Http2Boundary, type PartialPriority } from "../../http/priority/index.ts";
import { TappedSocket } from "../http/tapped-socket.ts";

/** A client's TLS connection as node:http2 sees it. */
export class UpdatingSocket extends TappedSocket {
  readonly #boundary = new Http2Boundary();
  /** Updates that wait for the end of a frame, the newest of each request: no more than there are requests. */
  readonly #waiting = new Map<number, Uint8Array>();

  /** Tells the server the priority of a request's response from now on. */
  update(id: number, priority: PartialPriority): void {
    this.#waiting.set(id, emitPriorityUpdate(id, emitPriority(priority)));
    this.#flush();
  }

  override _write(chunk: Uint8Array, encoding: unknown, done: (error?: Error | null) => void): void {
    this.#boundary.handle(chunk);
    super._write(chunk, encoding, done);
    this.#flush();
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], done: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) this.#boundary.handle(chunk);
    super._writev(chunks, done);
    this.#flush();
  }

  /** Node's unref() does not reach the connection through a tap. */
  ref(): void {
    this.tls.ref();
  }

  unref(): void {
    this.tls.unref();
  }

  #flush(): void {
    if (this.#waiting.size === 0 || !this.#boundary.isOpen || this.tls.destroyed || this.tls.writableEnded) return;
    for (const frame of this.#waiting.values()) this.tls.write(frame);
    this.#waiting.clear();
  }
}
