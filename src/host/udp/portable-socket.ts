/**
 * UDP on node:dgram. Datagrams are gathered during the event loop's poll phase and then delivered as one batch. Sends
 * go to the kernel immediately, one by one, and wait in libuv's queue only if the kernel's buffer is full.
 */

import { type BindOptions, createSocket, type RemoteInfo, type Socket } from "node:dgram";
import {
  ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type SocketCommand,
  type Transmit,
} from "../../base/datagrams.ts";
import { type Fault, guard, reportFault } from "../guard.ts";
import { isPathError } from "./path-errors.ts";
import { FULL_SEND_ARENA, grownArena, NO_CAPABILITIES, type UdpSocket } from "./udp-socket.ts";

/** Room for the datagrams that libuv reads in one turn (32) at usual sizes, and for one datagram of any size. */
const ARENA_SIZE = 64 * 1024;
const BATCH_CAPACITY = 128;

/** For sockets with one connection each, which may be thousands: four datagrams of the usual size. */
export const SMALL_SEND_ARENA = 6 * 1024;

/** Requested from the kernel, which may grant less: room for a few milliseconds at line rate. */
const KERNEL_BUFFER = 4 * 1024 * 1024;

/** The socket counts as blocked above this many bytes in libuv's queue. */
const SEND_QUEUE_HIGH = 256 * 1024;

/** Remembered peers; a flood of spoofed ones clears the table instead of growing it. */
const MAX_ADDRESSES = 20_000;

/**
 * Opens a socket that receives only from `peer` and reports if its port is unreachable. The system chooses the local address
 * unless it is given.
 */
export async function connectPortableSocket(
  peer: SocketAddress,
  sendArenaSize: number,
  local: string = peer.family === 6 ? "::" : "0.0.0.0",
): Promise<UdpSocket> {
  const socket = await bind(0, local);
  await new Promise<void>((resolve, reject) => {
    socket.connect(peer.port, peer.host, (error?: Error) => (error ? reject(error) : resolve()));
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  return new PortableSocket(socket, peer.family, sendArenaSize, true);
}

export async function bindPortableSocket(
  port: number,
  host: string,
  sendArenaSize: number = FULL_SEND_ARENA,
): Promise<UdpSocket> {
  return new PortableSocket(await bind(port, host), host.includes(":") ? 6 : 4, sendArenaSize, false);
}

/** Binds one of several sockets of this process that share a port on different addresses, including the wildcard. */
export async function bindSharedSocket(port: number, host: string): Promise<UdpSocket> {
  return new PortableSocket(await bind(port, host, SHARING), host.includes(":") ? 6 : 4, FULL_SEND_ARENA, false);
}

/** A socket that another program has bound. On all addresses, the kernel chooses the source address of answers. */
export async function adoptPortableSocket(descriptor: number, family: 4 | 6): Promise<UdpSocket> {
  return new PortableSocket(await open({ fd: descriptor }, family, {}), family, FULL_SEND_ARENA, false);
}

interface Sharing {
  readonly reuseAddr?: boolean;
  readonly reusePort?: boolean;
}

/** With SO_REUSEPORT, Linux lets only processes of the same user share a port. Node supports it since 22.12. */
const [nodeMajor, nodeMinor] = process.versions.node.split(".").map(Number) as [number, number];
export const hasReusePort = process.platform === "linux" && (nodeMajor > 22 || (nodeMajor === 22 && nodeMinor >= 12));
/** Windows allows a wildcard beside specific addresses anyway; SO_REUSEADDR would let other processes take the port. */
const SHARING: Sharing = process.platform === "win32" ? {} : hasReusePort ? { reusePort: true } : { reuseAddr: true };

const bind = (port: number, host: string, sharing: Sharing = {}): Promise<Socket> =>
  open({ port, address: host }, host.includes(":") ? 6 : 4, sharing);

async function open(place: BindOptions, family: 4 | 6, sharing: Sharing): Promise<Socket> {
  const socket = createSocket({
    ...sharing,
    type: family === 6 ? "udp6" : "udp4",
    ipv6Only: family === 6,
    // Every address is a literal; the default would call the resolver for each datagram.
    lookup: (address, _options, callback) => callback(null, address, family),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(place, () => {
      socket.off("error", reject);
      resolve();
    });
  }).catch((error: unknown) => {
    socket.close();
    throw error;
  });
  return socket;
}

class PortableSocket implements UdpSocket {
  readonly engine = "portable";
  readonly address: SocketAddress;
  readonly capabilities = NO_CAPABILITIES;
  onWritable: (() => void) | undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onReadable: (() => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;
  onRefused: (() => void) | undefined;
  onUnreachable: (() => void) | undefined;
  isBlocked = false;

  readonly #handleFault = (fault: Fault): void => (this.onFault ?? reportFault)(fault);
  readonly #socket: Socket;
  readonly #family: 4 | 6;
  #sendArenaSize: number;
  readonly #isConnected: boolean;
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_SIZE), BATCH_CAPACITY);
  readonly #addresses = new Map<string, SocketAddress>();
  /** Allocated on demand, and replaced once libuv has queued datagrams from it. */
  #slots: SlotWriter | undefined;
  /** True while libuv's queue holds datagrams that the kernel had no room for. */
  #isQueueing = false;
  #isScheduled = false;
  #isClosed = false;

  constructor(socket: Socket, family: 4 | 6, sendArenaSize: number, isConnected: boolean) {
    this.#socket = socket;
    this.#family = family;
    this.#sendArenaSize = sendArenaSize;
    this.#isConnected = isConnected;
    const { address, port } = socket.address();
    this.address = { family, host: address, port };
    enlargeBuffers(socket);
    const fault = this.#handleFault;
    socket.on(
      "message",
      guard("udp message", fault, (datagram: Buffer, from: RemoteInfo) => this.#receive(datagram, from)),
    );
    socket.on(
      "error",
      guard("udp error", fault, (error: NodeJS.ErrnoException) => {
        if (isConnected && error.code === "ECONNREFUSED") this.onRefused?.();
        else if (isConnected && isPathError(error.code)) this.onUnreachable?.();
        else fault({ entry: "udp error", error });
      }),
    );
  }

  #receive(datagram: Buffer, from: RemoteInfo): void {
    if (from.port === 0) return; // RFC 768: the sender expects no reply, and none could be addressed
    const remote = this.#remote(from);
    if (!this.#batch.push(datagram, this.address, remote)) {
      this.#flush();
      if (!this.#batch.push(datagram, this.address, remote)) return;
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    // Runs after the poll phase, which calls `#receive` for each datagram.
    setImmediate(this.#onTurn);
    this.onReadable?.();
  }

  readonly #onTurn = guard(
    "udp turn",
    (fault) => {
      this.#isScheduled = false;
      this.#handleFault(fault);
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

  #remote({ address, port }: RemoteInfo): SocketAddress {
    const key = `${address} ${port}`;
    let remote = this.#addresses.get(key);
    if (remote === undefined) {
      if (this.#addresses.size >= MAX_ADDRESSES) this.#addresses.clear();
      remote = { family: this.#family, host: address, port };
      this.#addresses.set(key, remote);
    }
    return remote;
  }

  get slots(): SlotWriter {
    this.#slots ??= { arena: new Uint8Array(this.#sendArenaSize) };
    return this.#slots;
  }

  send(transmit: Transmit): number {
    const { count, segmentSize, length, remote } = transmit;
    const { arena } = this.slots;
    let sent = 0;
    try {
      while (sent < count) {
        const start = sent * segmentSize;
        const datagram = arena.subarray(start, Math.min(start + segmentSize, length));
        // Without a callback, a datagram that cannot be sent is simply lost; loss recovery handles that.
        // One error tells about the whole train.
        if (this.#isConnected) this.#socket.send(datagram, sent === 0 ? this.#onConnectedSent : this.#onceQueued());
        else if (this.#isQueueing) this.#socket.send(datagram, remote.port, remote.host, this.#onQueueSent);
        else this.#socket.send(datagram, remote.port, remote.host);
        this.#isQueueing = this.#socket.getSendQueueSize() > 0;
        sent += 1;
      }
    } catch {
      // An invalid address (ERR_SOCKET_BAD_PORT) or a closed socket: the rest is lost.
    }
    if (this.#isQueueing && !this.#isClosed) {
      // The kernel's buffer was full: libuv's queue still points into this arena.
      this.#slots = undefined;
      this.isBlocked = this.#socket.getSendQueueSize() > SEND_QUEUE_HIGH;
    }
    const size = grownArena(this.#sendArenaSize, transmit);
    if (size > this.#sendArenaSize) this.#slots = undefined;
    this.#sendArenaSize = size;
    return sent;
  }

  #onceQueued(): (() => void) | undefined {
    return this.#isQueueing ? this.#onQueueSent : undefined;
  }

  readonly #onConnectedSent = guard("udp connected sent", this.#handleFault, (error: NodeJS.ErrnoException | null) => {
    if (this.#isClosed) return;
    if (error !== null && isPathError(error.code)) this.onUnreachable?.();
    if (this.#isQueueing) this.#onQueueSent();
  });

  readonly #onQueueSent = guard("udp sent", this.#handleFault, () => {
    if (this.#isClosed) return;
    const waiting = this.#socket.getSendQueueSize();
    this.#isQueueing = waiting > 0;
    if (!this.isBlocked || waiting > SEND_QUEUE_HIGH / 2) return;
    this.isBlocked = false;
    this.onWritable?.();
  });

  /** node:dgram cannot set these options. Linux does not fragment datagrams larger than the path MTU it knows. */
  handleCommand(_command: SocketCommand): boolean {
    return false;
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#isClosed = true;
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

function enlargeBuffers(socket: Socket): void {
  for (const set of ["setRecvBufferSize", "setSendBufferSize"] as const) {
    try {
      socket[set](KERNEL_BUFFER);
    } catch {
      // Larger buffers only improve speed.
    }
  }
}
