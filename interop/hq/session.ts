/** A client's connection over HTTP/0.9 (ALPN hq-interop), for interop runs. */

import type { ClientProtocols, DialedConnection, DialedProtocol } from "../../src/host/client/quic-protocols.ts";
import { describeClose } from "../../src/host/quic/close-reason.ts";
import { HQ_ALPN, HqConnection, type HqEvent } from "../../src/http/hq.ts";
import {
  type Connection,
  type ConnectionEvent,
  isTransportEvent,
  type StreamChunk,
  type StreamId,
} from "../../src/quic/index.ts";

export interface HqOptions {
  /** Updates the keys as soon as that is allowed (RFC 9001 §6.1). */
  readonly updatesKeys?: boolean;
}

/** For a dialer's table of protocols. */
export const hqSessions = (options: HqOptions = {}): ClientProtocols<HqSession> => ({
  [HQ_ALPN]: (dialed) => new HqSession(dialed, options),
});

export class HqSession implements DialedProtocol {
  readonly connection: Connection;
  /** Resolves when the server has sent a session ticket, or the connection has ended. */
  readonly ticket: Promise<void>;
  readonly closed: Promise<void>;
  readonly #dialed: DialedConnection;
  readonly #hq: HqConnection;
  readonly #responses = new Map<StreamId, HqResponse>();
  /** Requests for which the server allows no stream yet. */
  readonly #waiting = new Set<HqResponse>();
  readonly #updatesKeys: boolean;
  #hasUpdatedKeys = false;
  #error: Error | undefined;
  #resolveTicket!: () => void;
  #resolveClosed!: () => void;

  constructor(dialed: DialedConnection, { updatesKeys = false }: HqOptions) {
    this.#dialed = dialed;
    this.connection = dialed.connection;
    this.#hq = new HqConnection(dialed.connection);
    this.#updatesKeys = updatesKeys;
    this.ticket = new Promise((resolve) => {
      this.#resolveTicket = resolve;
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get hasUpdatedKeys(): boolean {
    return this.#hasUpdatedKeys;
  }

  /** Requests a path. The content is received as fast as the caller takes it; flow control stops the server otherwise. */
  get(path: string): AsyncIterable<Uint8Array> {
    const response = new HqResponse(path, {
      read: (id) => this.#hq.readData(id),
      release: (id) => this.#release(id, response),
    });
    if (this.#error === undefined) this.#start(response);
    else response.fail(this.#error);
    return response.content();
  }

  #start(response: HqResponse): void {
    const id = this.#hq.request(response.path);
    if (id === undefined) {
      this.#waiting.add(response);
      return;
    }
    this.#waiting.delete(response);
    this.#responses.set(id, response);
    response.id = id;
  }

  #release(id: StreamId | undefined, response: HqResponse): void {
    this.#waiting.delete(response);
    if (id === undefined) return;
    if (!response.hasEnded) this.#hq.cancel(id);
    this.#responses.delete(id);
  }

  handleEvent(event: ConnectionEvent): void {
    if (event.type === "key-log") this.#dialed.onKeyLog?.(event.line);
    if (event.type === "session") {
      this.#dialed.keepSession(event, undefined);
      this.#resolveTicket();
    }
    if (isTransportEvent(event)) this.#hq.handleTransportEvent(event);
    for (let next = this.#hq.pollEvent(); next !== undefined; next = this.#hq.pollEvent()) this.#handleHq(next);
    if (this.#updatesKeys && !this.#hasUpdatedKeys) this.#hasUpdatedKeys = this.connection.updateKeys();
  }

  #handleHq(event: HqEvent): void {
    switch (event.type) {
      case "data":
        this.#responses.get(event.id)?.wake();
        break;
      case "reset":
        this.#responses.get(event.id)?.fail(new Error("the server has no content for it"));
        break;
      case "requests-available":
        for (const response of [...this.#waiting]) this.#start(response);
        break;
      case "closed":
        this.#handleClosed(this.#error ?? new Error(`the connection ended: ${describeClose(event.reason)}`));
        break;
    }
  }

  #handleClosed(error: Error): void {
    this.#error = error;
    for (const response of [...this.#responses.values(), ...this.#waiting]) response.fail(error);
    this.#resolveTicket();
    void this.#dialed.driver.close().finally(this.#resolveClosed);
  }

  /** Closes the connection; what has not been received is lost. */
  async close(): Promise<void> {
    this.destroy(new Error("the client closed the connection"));
    await this.closed;
  }

  destroy(error: Error): void {
    if (this.#hq.isClosed) return;
    this.#error = error;
    this.#hq.close();
    this.#handleClosed(error);
  }
}

interface ResponseHost {
  read(id: StreamId): StreamChunk | undefined;
  release(id: StreamId | undefined): void;
}

class HqResponse {
  readonly path: string;
  readonly #host: ResponseHost;
  id: StreamId | undefined;
  hasEnded = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(path: string, host: ResponseHost) {
    this.path = path;
    this.#host = host;
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  fail(error: Error): void {
    this.hasEnded = true;
    this.#error ??= error;
    this.wake();
  }

  async *content(): AsyncGenerator<Uint8Array> {
    try {
      while (!this.hasEnded) {
        const chunk = this.id === undefined ? undefined : this.#host.read(this.id);
        if (chunk === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          continue;
        }
        this.hasEnded = chunk.fin;
        if (chunk.bytes.length > 0) yield chunk.bytes;
      }
      if (this.#error !== undefined) throw new Error(`${this.path}: ${this.#error.message}`);
    } finally {
      this.#host.release(this.id);
    }
  }
}
