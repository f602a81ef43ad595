/**
 * Datagrams of one origin, such as an HTTP request or a WebTransport session: sent in order, dropped when they are too
 * old, and with one place in the scheduler tree among streams and other flows (RFC 9221 §5.1, §5.4).
 */

import type { Instant } from "../../base/time.ts";
import { varintLength } from "../../wire/varint.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitDatagram, emitPadding } from "../frame/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { Demand, Leaf, type Sender, type SendPriority } from "../scheduler/index.ts";
import type { DatagramFlow, SendDatagramResult } from "../transport.ts";
import { DATAGRAM_OVERHEAD } from "./limits.ts";

/** What a flow needs of the connection's datagrams. */
export interface DatagramQueueHost {
  readonly maxPayload: number;
  readonly now: Instant;
  /** True if `bytes` more may wait. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
  onChange(flow: DatagramQueue): void;
  onQueued(length: number): void;
  onSent(): void;
  /** A datagram was dropped before it was sent. */
  onDropped(reason: "expired" | "too-large"): void;
  setPriority(flow: DatagramQueue, priority: SendPriority): void;
  remove(flow: DatagramQueue): void;
}

interface Waiting {
  readonly data: Uint8Array;
  readonly expires: Instant | undefined;
}

export class DatagramQueue implements DatagramFlow, Sender<SentFrame> {
  readonly leaf: Leaf<DatagramQueue> = new Leaf<DatagramQueue>(this);
  readonly #host: DatagramQueueHost;
  readonly #maxBytes: number;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #isClosed = false;

  constructor(host: DatagramQueueHost, maxBytes: number) {
    this.#host = host;
    this.#maxBytes = maxBytes;
  }

  get length(): number {
    return this.#waiting.length;
  }

  get indivisible(): number | undefined {
    return this.#waiting[0]?.data.length;
  }

  get demand(): Demand {
    return this.#waiting.length === 0 ? Demand.none : Demand.free;
  }

  send(data: Uint8Array, expires?: Instant): SendDatagramResult {
    const host = this.#host;
    if (this.#isClosed) return "closed";
    if (host.maxPayload <= 0) return "unsupported";
    if (data.length > host.maxPayload) return "too-large";
    const size = data.length + DATAGRAM_OVERHEAD;
    if (this.#bytes + size > this.#maxBytes || !host.reserve(size)) {
      this.#dropExpired();
      if (this.#bytes + size > this.#maxBytes || !host.reserve(size)) return "full";
    }
    this.#bytes += size;
    this.#waiting.push({ data, expires });
    host.onQueued(data.length);
    host.onChange(this);
    return "queued";
  }

  setPriority(priority: SendPriority): void {
    if (!this.#isClosed) this.#host.setPriority(this, priority);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting.length = 0;
    this.#host.release(this.#bytes);
    this.#bytes = 0;
    this.#host.remove(this);
  }

  writeFrame(writer: Writer, frames: SentFrame[]): number {
    this.#dropUnsendable();
    const next = this.#waiting[0];
    if (next === undefined) return 0;
    const { length } = next.data;
    const spare = writer.remaining - 1 - length;
    if (spare < 0) return -1;
    const hasLength = spare >= varintLength(length);
    // RFC 9221 §4: without a length only at the end of the packet, so PADDING comes before.
    if (!hasLength && spare > 0) emitPadding(writer, spare);
    emitDatagram(writer, next.data, hasLength);
    frames.push({ type: "datagram" });
    this.#shift();
    this.#host.onSent();
    return 0;
  }

  /** Drops what is too old, or larger than a packet since the path's MTU has shrunk. */
  #dropUnsendable(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.expires !== undefined && next.expires <= this.#host.now) this.#host.onDropped("expired");
      else if (next.data.length > this.#host.maxPayload) this.#host.onDropped("too-large");
      else return;
      this.#shift();
    }
  }

  /** Makes room in a full flow. */
  #dropExpired(): void {
    const { now } = this.#host;
    const isExpired = ({ expires }: Waiting): boolean => expires !== undefined && expires <= now;
    let freed = 0;
    for (const waiting of this.#waiting) {
      if (!isExpired(waiting)) continue;
      freed += waiting.data.length + DATAGRAM_OVERHEAD;
      this.#host.onDropped("expired");
    }
    if (freed === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !isExpired(waiting));
    this.#bytes -= freed;
    this.#host.release(freed);
    this.#host.onChange(this);
  }

  #shift(): void {
    const size = this.#waiting.shift()!.data.length + DATAGRAM_OVERHEAD;
    this.#bytes -= size;
    this.#host.release(size);
  }
}
