/** Datagrams that wait for a place in a message, and are dropped when they are too old (RFC 9221). */

import { Fifo } from "../../base/fifo.ts";
import type { Instant } from "../../base/time.ts";
import { Demand, Leaf } from "../../quic/scheduler/index.ts";
import type { SendDatagramResult } from "../../quic/transport.ts";
import type { Writer } from "../../wire/writer.ts";
import type { MuxDialect } from "./dialect.ts";

/** Bytes that may wait. */
const MAX_WAITING = 256 * 1024;
/** What a small datagram takes in memory besides its bytes. */
const OVERHEAD = 64;

interface Waiting {
  readonly payload: Uint8Array;
  readonly expires: Instant | undefined;
}

export class DatagramSender {
  readonly leaf: Leaf<DatagramSender> = new Leaf<DatagramSender>(this);
  /** The largest payload; 0 until the peer has said that it takes datagrams. */
  maxPayload = 0;
  readonly #waiting = new Fifo<Waiting>();
  #bytes = 0;

  get demand(): Demand {
    return this.#waiting.size > 0 ? Demand.free : Demand.none;
  }

  send(payload: Uint8Array, expires: Instant | undefined): SendDatagramResult {
    if (this.maxPayload === 0) return "unsupported";
    if (payload.length > this.maxPayload) return "too-large";
    if (this.#bytes + payload.length > MAX_WAITING) return "full";
    this.#waiting.push({ payload, expires });
    this.#bytes += payload.length + OVERHEAD;
    return "queued";
  }

  /** Writes the next one that is not too old. Returns false if there is not enough room for it. */
  writeFrame(writer: Writer, dialect: MuxDialect, now: Instant): boolean {
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      const { payload, expires } = next;
      const isOld = expires !== undefined && expires <= now;
      if (!isOld) {
        if (dialect.datagramOverhead(payload.length) + payload.length > writer.remaining) return false;
        dialect.datagram(writer, payload);
      }
      this.#waiting.shift();
      this.#bytes -= payload.length + OVERHEAD;
      if (!isOld) return true;
    }
    return true;
  }
}
