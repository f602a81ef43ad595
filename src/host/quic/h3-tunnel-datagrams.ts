/** The HTTP Datagrams of a tunnel over HTTP/3, in QUIC DATAGRAM frames (RFC 9297 §2.1). */

import type { Instant } from "../../base/time.ts";
import type { H3Connection } from "../../h3/index.ts";
import type { SendDatagramResult, StreamId } from "../../quic/index.ts";
import type { TunnelDatagrams } from "../http/tunnel.ts";

/** Payloads that wait until the tunnel's owner listens; the oldest give way. */
const MAX_WAITING = 32;

export class H3TunnelDatagrams implements TunnelDatagrams {
  readonly #h3: H3Connection;
  readonly #id: StreamId;
  #onDatagram: ((payload: Uint8Array) => void) | undefined;
  #waiting: Uint8Array[] = [];

  constructor(h3: H3Connection, id: StreamId) {
    this.#h3 = h3;
    this.#id = id;
  }

  get maxPayload(): number {
    return this.#h3.datagrams?.maxPayload(this.#id) ?? 0;
  }

  send(payload: Uint8Array, expires?: Instant): SendDatagramResult {
    return this.#h3.datagrams?.send(this.#id, payload, expires) ?? "unsupported";
  }

  get onDatagram(): ((payload: Uint8Array) => void) | undefined {
    return this.#onDatagram;
  }

  set onDatagram(listener: ((payload: Uint8Array) => void) | undefined) {
    this.#onDatagram = listener;
    if (listener === undefined) return;
    for (const payload of this.#waiting.splice(0)) listener(payload);
  }

  /** Handles a datagram of the request. */
  handle(payload: Uint8Array): void {
    if (this.#onDatagram !== undefined) {
      this.#onDatagram(payload);
      return;
    }
    this.#waiting.push(payload);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
  }
}
