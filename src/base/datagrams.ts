/**
 * The machine contract for datagrams: every protocol over UDP is a machine without I/O. Its driver has a
 * clock and a wire: a socket, the simulator or a capture. The contract is batched because sockets are.
 *
 * Calling order for a driver: `handleBatch` and `handleTimeout` as things happen; then drain `pollEvent`, let the
 * application act, drain `pollTransmit`, and ask `nextTimeout`.
 */

import type { Instant } from "./time.ts";

/** One end of a UDP path. Hosts create one object per address and port, so `===` usually suffices to compare. */
export interface SocketAddress {
  readonly family: 4 | 6;
  /** Textual address without brackets or port: `127.0.0.1`, `::1`. */
  readonly host: string;
  readonly port: number;
}

export const sameAddress = (a: SocketAddress, b: SocketAddress): boolean =>
  a === b || (a.port === b.port && a.host === b.host);

/** The two ECN bits of an IP header (RFC 3168 §5). */
export const Ecn = { notEct: 0, ect1: 1, ect0: 2, ce: 3 } as const;
export type Ecn = (typeof Ecn)[keyof typeof Ecn];

/** All datagrams of one wake-up, in one arena. Valid only during `handleBatch`; may be changed in place. */
export class ReceivedBatch {
  readonly arena: Uint8Array;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly ecn: Uint8Array;
  readonly local: SocketAddress[] = [];
  readonly remote: SocketAddress[] = [];
  count = 0;
  #used = 0;

  constructor(arena: Uint8Array, capacity: number) {
    this.arena = arena;
    this.offset = new Uint32Array(capacity);
    this.length = new Uint32Array(capacity);
    this.ecn = new Uint8Array(capacity);
  }

  /** Copies a datagram in. Returns false if the batch is full and must be handled first. */
  push(datagram: Uint8Array, local: SocketAddress, remote: SocketAddress, ecn: Ecn = Ecn.notEct): boolean {
    const index = this.count;
    if (index === this.offset.length || this.#used + datagram.length > this.arena.length) return false;
    this.arena.set(datagram, this.#used);
    this.add(this.#used, datagram.length, local, remote, ecn);
    this.#used += datagram.length;
    return true;
  }

  /** Adds a datagram that is in the arena already. Returns false if the batch is full and must be handled first. */
  add(offset: number, length: number, local: SocketAddress, remote: SocketAddress, ecn: Ecn): boolean {
    const index = this.count;
    if (index === this.offset.length) return false;
    this.offset[index] = offset;
    this.length[index] = length;
    this.ecn[index] = ecn;
    this.local[index] = local;
    this.remote[index] = remote;
    this.count = index + 1;
    return true;
  }

  /** Empties the batch for reuse. */
  clear(): void {
    this.count = 0;
    this.#used = 0;
  }
}

/**
 * Where a machine writes what it wants to send: `count` datagrams laid end to end from `arena[0]`. Each is
 * `segmentSize` bytes long except the last, which may be shorter: the layout of one segmented send (GSO).
 */
export interface SlotWriter {
  readonly arena: Uint8Array;
}

/** One train of datagrams for one destination, as written into the `SlotWriter`'s arena. */
export interface Transmit {
  readonly local: SocketAddress | undefined;
  readonly remote: SocketAddress;
  readonly ecn: Ecn;
  /** The size of every datagram of the train except the last. */
  readonly segmentSize: number;
  readonly count: number;
  /** Total bytes written. */
  readonly length: number;
}

/** What only the owner of the socket can do. */
export type SocketCommand = { readonly type: "set-dont-fragment"; readonly enabled: boolean };

export interface DatagramMachine<Event> {
  /**
   * Set by the driver, called when there is something to poll, and not again until `pollEvent` or `pollTransmit` has
   * returned undefined. It tells the driver to run a turn, whatever the cause (a datagram, a timeout, a command). A
   * turn polls until both are drained.
   */
  onReady: (() => void) | undefined;
  /** Takes the datagrams of one wake-up. */
  handleBatch(received: ReceivedBatch, now: Instant): void;
  /** Does what is due at `now`. */
  handleTimeout(now: Instant): void;
  /** When to call `handleTimeout`; undefined for never. */
  nextTimeout(): Instant | undefined;
  /** Returns at most `maxSegments` datagrams, or undefined if nothing may be sent now. */
  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined;
  /** `sent` of the train's datagrams left the host; fewer than `count` means the socket is blocked. */
  handleSent(transmit: Transmit, sent: number, now: Instant): void;
  /** Returns the next event; undefined if there is none. */
  pollEvent(): Event | undefined;
  /** Returns what the socket's owner should do next; undefined if nothing. */
  pollCommand(): SocketCommand | undefined;
}
