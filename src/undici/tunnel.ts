// Upgrades and CONNECT: the response that opens a tunnel, and the tunnel as a Duplex with the methods of a socket.
import { Duplex } from "node:stream";
import type { Field } from "../host/client/session.ts";
import { isForTunnel, opensTunnel } from "../host/client/tunnel.ts";
import { undiciErrors } from "../host/client/undici.ts";
import { acceptanceOf } from "../host/websocket/handshake.ts";
import type { DispatchRequest } from "./request.ts";

/** Controls the exchange below a tunnel. */
export interface TunnelControl {
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

type Written = (error?: Error | null) => void;

export class TunnelSocket extends Duplex {
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  readonly #control: TunnelControl;
  #written: { readonly chunk: Uint8Array | undefined; readonly done: Written } | undefined;
  #onWritten: (() => void) | undefined;
  #isOver = false;

  constructor(control: TunnelControl) {
    super({ allowHalfOpen: false });
    this.#control = control;
  }

  // ---- From the exchange

  receive(chunk: Buffer): void {
    if (!this.destroyed && !this.push(chunk)) this.#control.pause();
  }

  receiveEnd(): void {
    this.#isOver = true;
    if (!this.destroyed) this.push(null);
  }

  fail(error: Error): void {
    this.#isOver = true;
    this.destroy(error);
  }

  /** The request's content: what is written. */
  async *content(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const written = this.#written;
      if (written === undefined) {
        if (this.destroyed || this.#isOver) return;
        await new Promise<void>((resolve) => {
          this.#onWritten = resolve;
        });
        continue;
      }
      if (written.chunk !== undefined) yield written.chunk;
      this.#written = undefined;
      written.done();
      if (written.chunk === undefined) return;
    }
  }

  /** Ends the content: there is no tunnel. */
  refuse(): void {
    this.#isOver = true;
    this.#onWritten?.();
  }

  // ---- As a socket

  setTimeout(_milliseconds: number, _callback?: () => void): this {
    return this;
  }

  setNoDelay(_noDelay?: boolean): this {
    return this;
  }

  setKeepAlive(_keepAlive?: boolean, _delay?: number): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  // ---- Duplex

  override _read(): void {
    this.#control.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Written): void {
    this.#write(chunk, done);
  }

  override _final(done: Written): void {
    if (this.#isOver) done();
    else this.#write(undefined, done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#onWritten?.();
    if (!this.#isOver) this.#control.abort(error ?? new undiciErrors.RequestAbortedError());
    done(error);
  }

  #write(chunk: Uint8Array | undefined, done: Written): void {
    this.#written = { chunk, done };
    this.#onWritten?.();
    this.#onWritten = undefined;
  }
}

interface Opened {
  readonly status: number;
  readonly fields: readonly Field[];
}

/**
 * The response as it is over HTTP/1.1, which undici's WebSocket and `upgrade` check: over HTTP/2 and HTTP/3 it is a 200
 * without `upgrade` and `sec-websocket-accept` (RFC 8441 §5). Undefined if the response opens no tunnel.
 */
export function tunnelResponse(request: DispatchRequest, status: number, fields: readonly Field[]): Opened | undefined {
  const { head, websocketKey } = request;
  if (!isForTunnel(head) || !opensTunnel(status)) return undefined;
  if (head.protocol === undefined || status === 101) return { status, fields };
  const others = fields.filter(([name]) => name.toLowerCase() !== "sec-websocket-accept");
  const upgraded: Field[] = [
    ["upgrade", head.protocol],
    ["connection", "upgrade"],
  ];
  if (websocketKey !== undefined) {
    upgraded.push(["sec-websocket-accept", acceptanceOf(websocketKey)]);
  }
  return { status: 101, fields: [...upgraded, ...others] };
}
