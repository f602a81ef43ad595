/**
 * UDP by the kernel's own calls: a train leaves as one segmented send (UDP_SEGMENT), arriving trains come coalesced
 * (UDP_GRO), ECN marks are written and read, DF can be set, and a socket on all addresses reports the address that was
 * asked and answers from it.
 *
 * The event loop only says that the socket is readable. Datagrams are read in the loop's check phase, like those of the
 * portable engine: a callback there runs microtasks, as Node's own callbacks do. A turn makes a limited number of calls,
 * so that a flood delays neither timers nor other sockets.
 */

import { getSystemErrorName } from "node:util";
import type { ReceivedBatch, SlotWriter, SocketAddress, SocketCommand, Transmit } from "../../../base/datagrams.ts";
import { ForeignMemory, type PollEvents, type PollHandle } from "../../../base/foreign.ts";
import { type Fault, guard, reportFault } from "../../guard.ts";
import { isPathError } from "../path-errors.ts";
import { grownArena, type UdpCapabilities, type UdpSocket } from "../udp-socket.ts";
import { Incoming, writeControl } from "./control.ts";
import * as sys from "./libc.ts";
import { NAME } from "./message.ts";
import {
  EAGAIN,
  ECONNREFUSED,
  EINTR,
  EINVAL,
  EIO,
  EMSGSIZE,
  ENOBUFS,
  ENOPROTOOPT,
  SystemError,
} from "./system-error.ts";
import { type FastUdp, LARGEST_READ, type OpenedSocket } from "./udp.ts";

/** Calls of recvmsg per turn, including those that bring empty datagrams, or only an error. */
const READS_PER_TURN = 16;

/** UDP_MAX_SEGMENTS of older kernels. */
const MAX_SEGMENTS = 64;
/** A train with its headers has at most 65,535 bytes, like any IP packet. */
const MAX_TRAIN = 65_535 - 20 - 8;

const READABLE: PollEvents = { readable: true, writable: false };

type Outcome = "sent" | "blocked" | "too-large" | "unsegmentable" | "lost";

/** Errors of a segmented send that may succeed datagram by datagram. */
const UNSEGMENTABLE: ReadonlySet<number> = new Set([EINVAL, EIO, EMSGSIZE, ENOPROTOOPT]);

/** The buffer of a train. */
interface Slots extends SlotWriter {
  readonly memory: ForeignMemory;
}

/** A train on its way to the kernel, in the buffer that it was written to. */
interface Train {
  readonly slots: Slots;
  readonly transmit: Transmit;
  /** Datagrams that are done with. */
  done: number;
  /** Datagrams among them that cannot be sent. */
  refused: number;
}

export class FastSocket implements UdpSocket {
  readonly engine = "fast";
  readonly address: SocketAddress;
  readonly capabilities: UdpCapabilities;
  onWritable: (() => void) | undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onReadable: (() => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;
  onRefused: (() => void) | undefined;
  onUnreachable: (() => void) | undefined;

  readonly #handleFault = (fault: Fault): void => (this.onFault ?? reportFault)(fault);
  readonly #udp: FastUdp;
  readonly #descriptor: number;
  readonly #family: 4 | 6;
  readonly #peer: SocketAddress | undefined;
  readonly #incoming: Incoming;
  readonly #isWildcard: boolean;
  #sendArenaSize: number;
  /** Must be kept: a collected handle stops watching. */
  readonly #poll: PollHandle;
  /** Allocated on demand, and replaced while a train waits in it. */
  #slots: Slots | undefined;
  #waiting: Train | undefined;
  /** Destinations, by the object that names them, that refuse segmented sends. */
  readonly #unsegmentable = new WeakSet<SocketAddress>();
  #isScheduled = false;
  /** What sending has found out about a connected socket's peer or path, and the next turn reports. */
  #isRefused = false;
  #isUnreachable = false;
  /** True if libuv stopped watching, which it does for each error that ICMP reports. */
  #isUnwatched = false;
  #isPaused = false;
  #isClosed = false;

  /** `peer` is set if the socket is connected. */
  constructor(udp: FastUdp, opened: OpenedSocket, sendArenaSize: number, peer?: SocketAddress) {
    const { descriptor, address } = opened;
    this.#udp = udp;
    this.#descriptor = descriptor;
    this.#family = address.family;
    this.#peer = peer;
    this.#sendArenaSize = sendArenaSize;
    this.#isWildcard = address.host === "0.0.0.0" || address.host === "::";
    this.#incoming = new Incoming(udp.incoming, udp.addresses);
    this.address = address;
    this.capabilities = udp.capabilities;
    this.#poll = udp.ffi.node.poll(descriptor, READABLE, this.#onReady);
  }

  // ── Receiving ─────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onReady = guard("udp ready", this.#handleFault, (status: number) => {
    if (status < 0) this.#isUnwatched = true;
    this.#schedule();
    this.onReadable?.();
  });

  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = guard(
    "udp read",
    (fault) => {
      this.#endTurn();
      this.#handleFault(fault);
    },
    () => {
      this.#report();
      if (this.#waiting !== undefined) this.#sendWaiting();
      if (!this.#isPaused) this.#read();
      this.#endTurn();
    },
  );

  /** Reports what `#judge` has found. */
  #report(): void {
    if (this.#isRefused) {
      this.#isRefused = false;
      this.onRefused?.();
    }
    if (this.#isUnreachable) {
      this.#isUnreachable = false;
      this.onUnreachable?.();
    }
  }

  /** What an error of a connected socket says about its peer or path. */
  #judge(errno: number): void {
    this.#isRefused ||= errno === ECONNREFUSED;
    this.#isUnreachable ||= isPathError(getSystemErrorName(-errno));
  }

  #endTurn(): void {
    this.#isScheduled = false;
    if (this.#isUnwatched) this.#watch();
    this.#reportLater();
  }

  /** A callback might send, so it is not called while something else is being sent. */
  #reportLater(): void {
    if (this.#isRefused || this.#isUnreachable) this.#schedule();
  }

  #watch(): void {
    if (this.#isClosed) return;
    this.#isUnwatched = false;
    this.#poll.start({ readable: !this.#isPaused, writable: this.isBlocked }, this.#onReady);
  }

  /** Another process reads the socket from now on; this one only sends. */
  pause(): void {
    this.#isPaused = true;
    this.#watch();
  }

  #read(): void {
    const { libc, incoming, received } = this.#udp;
    let used = 0;
    for (let reads = 0; reads < READS_PER_TURN && !this.#isClosed; reads += 1) {
      if (used + LARGEST_READ > received.bytes.length) {
        this.#deliver();
        used = 0;
        if (this.#isClosed) return;
      }
      incoming.setBuffer(received.address + used, LARGEST_READ);
      incoming.prepareToReceive();
      const length = libc.recvmsg(this.#descriptor, incoming.address, 0);
      if (length >= 0) {
        this.#split(used, length);
        used += length;
      } else if (!this.#handleReadError(libc.errno())) break;
    }
    this.#deliver();
  }

  /** Returns true if reading can continue. */
  #handleReadError(errno: number): boolean {
    if (errno === EAGAIN) return false;
    if (errno === EINTR) return true;
    // What ICMP reports about datagrams of a connected socket.
    if (this.#peer !== undefined) {
      this.#judge(errno);
      this.#report();
      return true;
    }
    throw new SystemError("recvmsg", errno);
  }

  /** Adds what one call received to the batch: a datagram, or a train of them. */
  #split(start: number, length: number): void {
    const { incoming, addresses } = this.#udp;
    const remote = addresses.read(incoming.view, NAME) ?? this.#peer;
    // RFC 768: with source port 0 the sender expects no reply, and none could be addressed.
    if (remote === undefined || remote.port === 0) return;
    this.#incoming.read(this.address.port);
    const { segmentSize, ecn } = this.#incoming;
    const local = this.#incoming.local ?? this.address;
    const step = segmentSize > 0 ? segmentSize : Math.max(1, length);
    let offset = 0;
    do {
      const size = Math.min(step, length - offset);
      if (!this.#udp.batch.add(start + offset, size, local, remote, ecn)) {
        this.#deliver();
        if (this.#isClosed) return;
        this.#udp.batch.add(start + offset, size, local, remote, ecn);
      }
      offset += step;
    } while (offset < length);
  }

  #deliver(): void {
    const { batch } = this.#udp;
    try {
      if (batch.count > 0 && !this.#isClosed) this.onBatch?.(batch);
    } finally {
      batch.clear();
    }
  }

  // ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────

  get slots(): SlotWriter {
    return this.#buffer();
  }

  #buffer(): Slots {
    if (this.#slots === undefined) {
      const memory = new ForeignMemory(this.#udp.ffi, this.#sendArenaSize);
      this.#slots = { memory, arena: memory.bytes };
    }
    return this.#slots;
  }

  get isBlocked(): boolean {
    return this.#waiting !== undefined;
  }

  /** If the kernel has no room, the rest of the train waits, and further trains are refused until it has left. */
  send(transmit: Transmit): number {
    if (this.#isClosed || this.#waiting !== undefined) return 0;
    const train: Train = { slots: this.#buffer(), transmit, done: 0, refused: 0 };
    checkTrain(train);
    if (!this.#sendTrain(train)) {
      this.#waiting = train;
      this.#slots = undefined;
      this.#watch();
    }
    const size = grownArena(this.#sendArenaSize, transmit);
    if (size > this.#sendArenaSize) this.#slots = undefined;
    this.#sendArenaSize = size;
    this.#reportLater();
    return transmit.count - train.refused;
  }

  /** Returns false if the kernel has no room for the rest of the train. */
  #sendTrain(train: Train): boolean {
    const { transmit, slots } = train;
    const { count, segmentSize, length, remote } = transmit;
    let largest = this.#address(remote) ? this.#segmentsPerCall(segmentSize, remote) : 0;
    if (largest === 0) {
      train.refused = count;
      train.done = count;
    }
    let isRetried = false;
    while (train.done < count) {
      const segments = Math.min(largest, count - train.done);
      const start = train.done * segmentSize;
      const size = Math.min(start + segments * segmentSize, length) - start;
      const outcome = this.#sendSegments(transmit, slots.memory.address + start, size, segments);
      if (outcome === "blocked") return false;
      if (outcome === "unsegmentable") {
        largest = 1;
        isRetried = true;
        continue;
      }
      // Only a datagram that could be sent alone shows that segmentation was at fault.
      if (outcome === "sent" && isRetried) this.#unsegmentable.add(remote);
      if (outcome === "too-large") train.refused += segments;
      train.done += segments;
    }
    return true;
  }

  #segmentsPerCall(segmentSize: number, remote: SocketAddress): number {
    if (!this.capabilities.gso || this.#unsegmentable.has(remote)) return 1;
    return Math.max(1, Math.min(MAX_SEGMENTS, Math.floor(MAX_TRAIN / segmentSize)));
  }

  /** Writes the destination. Returns false if there is no such address. */
  #address(remote: SocketAddress): boolean {
    const { outgoing, addresses } = this.#udp;
    if (this.#peer !== undefined) {
      outgoing.setNameLength(0);
      return true;
    }
    const length = remote.port === 0 ? 0 : addresses.write(outgoing.view, NAME, remote, this.#family);
    outgoing.setNameLength(length);
    return length > 0;
  }

  #sendSegments({ ecn, segmentSize, local, remote }: Transmit, at: number, size: number, segments: number): Outcome {
    const { libc, outgoing, addresses, capabilities } = this.#udp;
    writeControl(outgoing, addresses, (this.#peer ?? remote).family === 4, {
      ecn: capabilities.ecn ? ecn : 0,
      segmentSize: segments > 1 ? segmentSize : 0,
      source: this.#isWildcard && local?.host !== this.address.host ? local : undefined,
    });
    outgoing.setBuffer(at, size);
    // An error of an earlier datagram, as ICMP reported it, makes a connected socket refuse once.
    for (let attempt = this.#peer === undefined ? 1 : 0; ; attempt += 1) {
      if (libc.sendmsg(this.#descriptor, outgoing.address, 0) >= 0) return "sent";
      const errno = libc.errno();
      if (errno === EAGAIN || errno === ENOBUFS) return "blocked";
      if (errno === EINTR) continue;
      if (attempt === 0) {
        this.#isRefused ||= errno === ECONNREFUSED;
        continue;
      }
      if (segments > 1 && UNSEGMENTABLE.has(errno)) return "unsegmentable";
      if (this.#peer !== undefined) this.#judge(errno);
      // A firewall refuses it, or there is no route: lost, like a datagram that is dropped further on.
      return errno === EMSGSIZE ? "too-large" : "lost";
    }
  }

  #sendWaiting(): void {
    const train = this.#waiting!;
    if (!this.#sendTrain(train)) return;
    this.#waiting = undefined;
    this.#slots ??= train.slots;
    this.#watch();
    this.onWritable?.();
  }

  // ── Options and closing ───────────────────────────────────────────────────────────────────────────────────────────

  handleCommand({ enabled }: SocketCommand): boolean {
    const udp = this.#udp;
    const discovery = enabled ? sys.PMTUDISC_PROBE : sys.PMTUDISC_WANT;
    // On a dual-stack socket, this covers IPv4. An IPv6-only one refuses or ignores it.
    const isSet = udp.setOption(this.#descriptor, sys.IPPROTO_IP, sys.IP_MTU_DISCOVER, discovery);
    if (this.#family === 4) return isSet;
    udp.setOption(this.#descriptor, sys.IPPROTO_IPV6, sys.IPV6_DONTFRAG, enabled ? 1 : 0);
    return udp.setOption(this.#descriptor, sys.IPPROTO_IPV6, sys.IPV6_MTU_DISCOVER, discovery);
  }

  ref(): void {
    if (!this.#isClosed) this.#poll.ref();
  }

  unref(): void {
    if (!this.#isClosed) this.#poll.unref();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#waiting !== undefined) this.#sendTrain(this.#waiting);
    this.#waiting = undefined;
    this.#isClosed = true;
    // In this order: the event loop must not watch a descriptor that may already be another file's.
    this.#poll.close();
    this.#udp.libc.close(this.#descriptor);
  }
}

/** The kernel would send whatever memory lies behind the buffer. */
function checkTrain({ slots, transmit: { count, segmentSize, length } }: Train): void {
  if (length > slots.arena.length || (count - 1) * segmentSize > length || length > count * segmentSize) {
    throw new RangeError(`${count} datagrams of ${segmentSize} bytes are not a train of ${length} bytes`);
  }
}
