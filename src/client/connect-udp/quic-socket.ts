// A tunnel as the socket of our own QUIC endpoint, which runs over it as over UDP: HTTP/3 through HTTP/3.
import { Ecn, ReceivedBatch, type SlotWriter, type SocketAddress, type Transmit } from "../../base/datagrams.ts";
import type { HostClock } from "../../host/clock.ts";
import { type Fault, guard, reportFault } from "../../host/guard.ts";
import type { UdpTunnel } from "../../host/http/udp-tunnel.ts";
import { FULL_SEND_ARENA, NO_CAPABILITIES, type UdpCapabilities, type UdpSocket } from "../../host/udp/udp-socket.ts";

/** Room for the datagrams of a turn; more of them are delivered at once. */
const RECEIVE_ARENA = 64 * 1024;
const BATCH_CAPACITY = 64;

export class TunnelQuicSocket implements UdpSocket {
  readonly engine = "tunnel";
  /** Names the socket; nothing is bound. */
  readonly address: SocketAddress;
  /** What does not fit is dropped, so nothing is ever fragmented. */
  readonly capabilities: UdpCapabilities = { ...NO_CAPABILITIES, df: true };
  isBlocked = false;
  /** The peer has ended the tunnel. */
  hasEnded = false;
  onWritable: (() => void) | undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onRefused: (() => void) | undefined;
  onUnreachable: (() => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;

  readonly #peer: SocketAddress;
  readonly #clock: HostClock;
  readonly #onClose: () => void;
  readonly #batch = new ReceivedBatch(new Uint8Array(RECEIVE_ARENA), BATCH_CAPACITY);
  #tunnel: UdpTunnel | undefined;
  #slots: SlotWriter | undefined;
  #isScheduled = false;
  #isClosed = false;

  constructor(address: SocketAddress, peer: SocketAddress, clock: HostClock, onClose: () => void) {
    this.address = address;
    this.#peer = peer;
    this.#clock = clock;
    this.#onClose = onClose;
  }

  /** The tunnel is open. */
  attach(tunnel: UdpTunnel): void {
    this.#tunnel = tunnel;
  }

  /** The largest datagram that can be sent now. */
  get maxPayload(): number {
    return this.#tunnel?.maxPayload ?? 0;
  }

  get slots(): SlotWriter {
    this.#slots ??= { arena: new Uint8Array(FULL_SEND_ARENA) };
    return this.#slots;
  }

  send({ count, segmentSize, length }: Transmit): number {
    const { arena } = this.slots;
    for (let sent = 0; sent < count; sent += 1) {
      const start = sent * segmentSize;
      const result = this.#tunnel?.send(arena.subarray(start, Math.min(start + segmentSize, length)));
      // Over HTTP/3 the queue of the connection is full, and nobody tells when it is not: the datagram is lost.
      if (result !== "full" || this.#tunnel?.waitsForRoom !== true) continue;
      this.isBlocked = true;
      return sent;
    }
    return count;
  }

  handleCommand(): boolean {
    return true;
  }

  /** A datagram from the target. */
  deliver(payload: Uint8Array): void {
    if (this.#isClosed) return;
    if (!this.#batch.push(payload, this.address, this.#peer, Ecn.notEct)) {
      this.#flush();
      this.#batch.push(payload, this.address, this.#peer, Ecn.notEct);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.defer(this.#onTurn);
  }

  handleDrain(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    this.onWritable?.();
  }

  /** The tunnel has ended. Before the handshake is done, the target counts as unreachable; later a new tunnel may help. */
  handleClose(): void {
    if (this.#isClosed) return;
    this.hasEnded = true;
    this.isBlocked = false;
    if (this.onRefused !== undefined) this.onRefused();
    else this.onUnreachable?.();
  }

  /** The connection to the proxy decides. */
  ref(): void {}
  unref(): void {}

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#onClose();
    this.#tunnel?.close();
  }

  readonly #onTurn = guard(
    "client udp turn",
    (fault) => {
      this.#isScheduled = false;
      (this.onFault ?? reportFault)(fault);
    },
    () => {
      this.#isScheduled = false;
      this.#flush();
    },
  );

  #flush(): void {
    try {
      if (this.#batch.count > 0 && !this.#isClosed) this.onBatch?.(this.#batch);
    } finally {
      this.#batch.clear();
    }
  }
}
