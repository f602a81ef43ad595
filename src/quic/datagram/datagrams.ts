/**
 * All datagrams of a connection (RFC 9221): the flows that send them, those received, and what both sides allow.
 * Datagrams are congestion controlled like streams, but there is no flow control and no retransmission.
 */

import type { Instant } from "../../base/time.ts";
import { varintLength } from "../../wire/varint.ts";
import { transportError } from "../errors.ts";
import type { DatagramFrame } from "../frame/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import { DEFAULT_PRIORITY, type Sender, type SendPriority } from "../scheduler/index.ts";
import type { DatagramEvent } from "../trace.ts";
import type { DatagramFlow, DatagramFlowOptions } from "../transport.ts";
import { DatagramQueue } from "./datagram-queue.ts";
import type { DatagramLimits } from "./limits.ts";
import { ReceivedDatagrams } from "./received-datagrams.ts";

/** The type and a length of two bytes, which the peer's limit includes. */
const FRAME_OVERHEAD = 3;
/** The largest datagram ends its packet, so it needs only the type. */
const LAST_FRAME_OVERHEAD = 1;

/** Places senders among the streams. */
export interface SenderPlaces {
  place(sender: Sender<SentFrame>, priority: SendPriority): void;
  /** Call after anything that may change what a sender can send. */
  update(sender: Sender<SentFrame>): void;
}

export interface DatagramsHost {
  readonly now: Instant;
  /** The largest frame that fits into a packet of its own. */
  readonly maxDatagramFrame: number;
  onDatagramReadable(): void;
  /** There may be something to send. */
  onWake(): void;
}

/** Counters of a connection's datagrams. */
export interface DatagramFacts {
  readonly sent: number;
  readonly lost: number;
  /** Dropped before they were sent, because they were too old. */
  readonly expired: number;
  /** Dropped before they were sent, because the path's MTU had shrunk. */
  readonly oversized: number;
  /** Received, and dropped because nobody read them in time. */
  readonly unread: number;
}

export class Datagrams implements DatagramFacts {
  readonly #host: DatagramsHost;
  readonly #places: SenderPlaces;
  readonly #trace: ((event: DatagramEvent) => void) | undefined;
  /** Undefined if this side takes none. */
  readonly #limits: DatagramLimits | undefined;
  readonly #received: ReceivedDatagrams;
  readonly #sendBuffer: number;
  /** The peer's max_datagram_frame_size. */
  #peerMaxFrame = 0;
  #reserved = 0;
  #isClosed = false;
  sent = 0;
  lost = 0;
  expired = 0;
  oversized = 0;

  constructor(
    host: DatagramsHost,
    places: SenderPlaces,
    limits: DatagramLimits | undefined,
    trace?: (event: DatagramEvent) => void,
  ) {
    this.#host = host;
    this.#places = places;
    this.#trace = trace;
    this.#limits = limits;
    this.#received = new ReceivedDatagrams(limits?.receiveBuffer ?? 0);
    this.#sendBuffer = limits?.sendBuffer ?? 0;
  }

  /** The largest datagram that can be sent now; 0 if the peer takes none. */
  get maxPayload(): number {
    if (this.#limits === undefined) return 0;
    // RFC 9221 §3: the limit includes the frame's type and length.
    const fits = this.#host.maxDatagramFrame - LAST_FRAME_OVERHEAD;
    return Math.max(0, Math.min(this.#peerMaxFrame - FRAME_OVERHEAD, fits));
  }

  /** True if a datagram waits to be sent. */
  get hasQueued(): boolean {
    return this.#reserved > 0;
  }

  get unread(): number {
    return this.#received.dropped;
  }

  setPeerMaxFrame(size: number): void {
    this.#peerMaxFrame = size;
  }

  openFlow({ priority = DEFAULT_PRIORITY, maxBytes = this.#sendBuffer }: DatagramFlowOptions = {}): DatagramFlow {
    const places = this.#places;
    const set = this;
    const flow = new DatagramQueue(
      {
        get maxPayload() {
          return set.#isClosed ? 0 : set.maxPayload;
        },
        get now() {
          return set.#host.now;
        },
        reserve: (bytes) => this.#reserve(bytes),
        release: (bytes) => {
          this.#reserved -= bytes;
        },
        onChange: (changed) => {
          places.update(changed);
          this.#host.onWake();
        },
        onQueued: (length) => this.#trace?.({ type: "quic:datagram-data-moved", direction: "written", length }),
        onSent: () => {
          this.sent += 1;
        },
        onDropped: (reason) => {
          if (reason === "expired") this.expired += 1;
          else this.oversized += 1;
        },
        setPriority: (moved, to) => places.place(moved, to),
        remove: (closed) => places.update(closed),
      },
      maxBytes,
    );
    places.place(flow, priority);
    return flow;
  }

  #reserve(bytes: number): boolean {
    if (this.#reserved + bytes > this.#sendBuffer) return false;
    this.#reserved += bytes;
    return true;
  }

  handleFrame({ data, hasLength }: DatagramFrame): void {
    // RFC 9221 §3.
    if (this.#limits === undefined || this.#limits.maxFrameSize === 0) {
      throw transportError("PROTOCOL_VIOLATION", "DATAGRAM", "was sent to a peer that does not take datagrams");
    }
    const size = 1 + (hasLength ? varintLength(data.length) : 0) + data.length;
    if (size > this.#limits.maxFrameSize) {
      const { maxFrameSize } = this.#limits;
      throw transportError(
        "PROTOCOL_VIOLATION",
        "DATAGRAM",
        `has ${size} bytes, more than the announced ${maxFrameSize}`,
      );
    }
    if (!this.#isClosed && this.#received.add(data)) this.#host.onDatagramReadable();
  }

  handleLost(): void {
    this.lost += 1;
  }

  /** The oldest datagram not read yet. */
  read(): Uint8Array | undefined {
    const data = this.#received.read();
    if (data === undefined) return undefined;
    this.#trace?.({ type: "quic:datagram-data-moved", direction: "read", length: data.length });
    return data;
  }

  close(): void {
    this.#isClosed = true;
    this.#received.clear();
  }
}
