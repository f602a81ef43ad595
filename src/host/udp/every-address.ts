/**
 * One UDP port on every address of this machine, presented as one socket.
 *
 * A client drops packets from an address other than the one it contacted (RFC 9000 §9). A socket bound to "0.0.0.0" or "::"
 * does not know which address a datagram was sent to (node:dgram has no IP_PKTINFO), and the kernel chooses the source
 * address of responses. So each address also has its own socket, which the kernel prefers to the wildcard. Sockets are
 * opened and closed as addresses come and go.
 *
 * Datagrams that still reach the wildcard are for an address that is new or that no interface lists (127.0.0.2). They are
 * held briefly until that address is found and has its own socket.
 */

import {
  ReceivedBatch,
  type SlotWriter,
  type SocketAddress,
  type SocketCommand,
  type Transmit,
} from "../../base/datagrams.ts";
import { type HostClock, type HostTimer, millisNow, systemClock } from "../clock.ts";
import { detach, type Fault, guard, reportFault } from "../guard.ts";
import { addressContactedBy, listedAddresses } from "./local-addresses.ts";
import { bindPortableSocket, bindSharedSocket } from "./portable-socket.ts";
import type { UdpCapabilities, UdpSocket } from "./udp-socket.ts";

export interface AddressSource {
  /** The machine's addresses of a family; undefined if the system does not list them. */
  listed(family: 4 | 6): readonly string[] | undefined;
  /** The address of this machine that a local peer sends to. */
  contactedBy(peer: SocketAddress, port: number): Promise<string | undefined>;
}

const SYSTEM: AddressSource = { listed: listedAddresses, contactedBy: addressContactedBy };

/** Milliseconds between two scans of the machine's addresses. */
const INTERVAL = 3_000;
/** The same after a datagram reached the wildcard. */
const HURRIED_INTERVAL = 100;

/** Beyond these limits, the wildcard responds, from the address that the kernel chooses. */
const MAX_LISTED = 256;
const MAX_UNLISTED = 64;

/** Held datagrams; further ones are dropped. */
const MAX_HELD = 128;
const ARENA_SIZE = 64 * 1024;

/** Remembered peers whose destination address is unknown; a flood of them clears the table instead of growing it. */
const MAX_UNKNOWN = 10_000;

interface HeldDatagram {
  readonly bytes: Uint8Array;
  readonly remote: SocketAddress;
}

export async function bindEveryAddress(
  port: number,
  wildcard: "0.0.0.0" | "::",
  source: AddressSource = SYSTEM,
  clock: HostClock = systemClock,
): Promise<UdpSocket> {
  // Sockets that share a port would share it with another server as well. An exclusive bind detects that server.
  const probe = await bindPortableSocket(port, wildcard);
  await probe.close();
  return bindEverySharedAddress(probe.address.port, wildcard, source, clock);
}

/** The same on a port that other processes of this server use as well. */
export async function bindEverySharedAddress(
  port: number,
  wildcard: "0.0.0.0" | "::",
  source: AddressSource = SYSTEM,
  clock: HostClock = systemClock,
): Promise<UdpSocket> {
  const socket = new EveryAddress(await bindSharedSocket(port, wildcard), source, clock);
  await socket.start();
  return socket;
}

class EveryAddress implements UdpSocket {
  readonly engine: string;
  readonly address: SocketAddress;
  readonly capabilities: UdpCapabilities;
  onWritable: (() => void) | undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onReadable: (() => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;

  readonly #wildcard: UdpSocket;
  readonly #source: AddressSource;
  readonly #clock: HostClock;
  readonly #handleFault = (fault: Fault): void => (this.onFault ?? reportFault)(fault);
  /** Keyed by the address as the machine lists it. */
  readonly #listed = new Map<string, UdpSocket>();
  readonly #unlisted = new Map<string, UdpSocket>();
  /** Both kinds, keyed by the address as the socket reports it. */
  readonly #byHost = new Map<string, UdpSocket>();
  /** The socket whose arena takes the next train: the last to send, since it usually sends again. */
  #writing: UdpSocket;
  readonly #commands: SocketCommand[] = [];
  #held: HeldDatagram[] = [];
  readonly #unknown = new Set<string>();
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_SIZE), MAX_HELD);
  #timer: HostTimer | undefined;
  #isScanning = false;
  #scannedAt = Number.NEGATIVE_INFINITY;
  #isReferenced = true;
  #isClosed = false;

  constructor(wildcard: UdpSocket, source: AddressSource, clock: HostClock) {
    this.#wildcard = wildcard;
    this.#source = source;
    this.#clock = clock;
    this.#writing = wildcard;
    this.engine = wildcard.engine;
    this.address = wildcard.address;
    this.capabilities = wildcard.capabilities;
    this.#wire(wildcard);
    wildcard.onBatch = (batch) => this.#handleStrays(batch);
  }

  async start(): Promise<void> {
    await this.#scan();
    this.#schedule(INTERVAL);
  }

  #wire(socket: UdpSocket): void {
    socket.onBatch = (batch) => this.onBatch?.(batch);
    socket.onReadable = () => this.onReadable?.();
    socket.onWritable = () => this.onWritable?.();
    socket.onFault = this.#handleFault;
    for (const command of this.#commands) socket.handleCommand(command);
    if (!this.#isReferenced) socket.unref();
  }

  // ── Changing addresses ────────────────────────────────────────────────────────────────────────────────────────────

  #schedule(milliseconds: number): void {
    this.#clock.stopTimer(this.#timer);
    if (this.#isClosed) return;
    this.#timer = this.#clock.startTimer(this.#onTimer, milliseconds);
    this.#timer.unref();
  }

  readonly #onTimer = guard(
    "udp addresses",
    (fault) => {
      this.#handleFault(fault);
      this.#schedule(INTERVAL);
    },
    () => {
      this.#timer = undefined;
      detach("udp strays", this.#handleStrayFault, this.#turn());
    },
  );

  readonly #handleStrayFault = (fault: Fault): void => {
    this.#isScanning = false;
    this.#held = [];
    this.#handleFault(fault);
    this.#schedule(INTERVAL);
  };

  /** Scans the machine's addresses, then delivers the held datagrams. */
  async #turn(): Promise<void> {
    if (this.#isScanning || this.#isClosed) return;
    this.#isScanning = true;
    const held = this.#held;
    this.#held = [];
    const fresh = await this.#scan();
    for (const datagram of held) await this.#place(datagram, fresh);
    this.#flush();
    this.#isScanning = false;
    this.#schedule(this.#held.length > 0 ? HURRIED_INTERVAL : INTERVAL);
  }

  /** Opens sockets for new addresses and closes those of removed ones. Returns the new sockets. */
  async #scan(): Promise<readonly UdpSocket[]> {
    this.#scannedAt = millisNow(this.#clock);
    const names = this.#source.listed(this.address.family);
    if (names === undefined) return [];
    const wanted = new Set(names.slice(0, MAX_LISTED));
    for (const [name, socket] of this.#listed) {
      if (wanted.has(name)) continue;
      this.#listed.delete(name);
      await this.#drop(socket);
    }
    const fresh: UdpSocket[] = [];
    for (const name of wanted) {
      if (this.#listed.has(name)) continue;
      // The address may have been unlisted until now.
      const known = this.#unlisted.get(name);
      this.#unlisted.delete(name);
      const socket = known ?? (await this.#open(name));
      if (socket === undefined) continue;
      this.#listed.set(name, socket);
      fresh.push(socket);
    }
    if (fresh.length > 0) this.#unknown.clear();
    return fresh;
  }

  /** Undefined if it cannot be bound: not ready yet (IPv6 duplicate address detection), or already removed. */
  async #open(host: string): Promise<UdpSocket | undefined> {
    const socket = await bindSharedSocket(this.address.port, host).catch(() => undefined);
    if (socket === undefined) return undefined;
    if (this.#isClosed) {
      await socket.close();
      return undefined;
    }
    this.#wire(socket);
    this.#byHost.set(socket.address.host, socket);
    return socket;
  }

  async #drop(socket: UdpSocket): Promise<void> {
    this.#byHost.delete(socket.address.host);
    if (this.#writing === socket) this.#writing = this.#wildcard;
    // Sending may have been waiting for this socket.
    if (socket.isBlocked) this.onWritable?.();
    await socket.close();
  }

  // ── Datagrams to the wildcard ─────────────────────────────────────────────────────────────────────────────────────

  #handleStrays(batch: ReceivedBatch): void {
    for (let i = 0; i < batch.count; i += 1) {
      const start = batch.offset[i]!;
      const bytes = batch.arena.subarray(start, start + batch.length[i]!);
      const remote = batch.remote[i]!;
      if (this.#unknown.has(peerKey(remote))) this.#deliver(bytes, this.address, remote);
      else if (this.#held.length < MAX_HELD) this.#held.push({ bytes: bytes.slice(), remote });
    }
    this.#flush();
    if (this.#held.length === 0 || this.#isScanning) return;
    this.#schedule(
      Math.max(0, Math.min(HURRIED_INTERVAL, this.#scannedAt + HURRIED_INTERVAL - millisNow(this.#clock))),
    );
  }

  async #place({ bytes, remote }: HeldDatagram, fresh: readonly UdpSocket[]): Promise<void> {
    // With several new addresses it is unclear which one is meant. The client will resend to the right socket.
    if (fresh.length > 1) return;
    const socket = fresh[0] ?? (await this.#unlistedFor(remote));
    if (socket === undefined) {
      if (this.#unknown.size >= MAX_UNKNOWN) this.#unknown.clear();
      this.#unknown.add(peerKey(remote));
    }
    this.#deliver(bytes, (socket ?? this).address, remote);
  }

  /** The socket for an address that no interface lists but that a local peer has contacted. */
  async #unlistedFor(remote: SocketAddress): Promise<UdpSocket | undefined> {
    if (this.#unknown.has(peerKey(remote)) || !this.#isOnThisMachine(remote.host)) return undefined;
    const host = await this.#source.contactedBy(remote, this.address.port);
    if (host === undefined || host.includes(":") !== (this.address.family === 6)) return undefined;
    const known = this.#byHost.get(host);
    if (known !== undefined) return known;
    if (this.#unlisted.size >= MAX_UNLISTED) return undefined;
    const socket = await this.#open(host);
    if (socket !== undefined) this.#unlisted.set(host, socket);
    return socket;
  }

  #isOnThisMachine(host: string): boolean {
    return host.startsWith("127.") || this.#byHost.has(host);
  }

  #deliver(bytes: Uint8Array, local: SocketAddress, remote: SocketAddress): void {
    if (this.#batch.push(bytes, local, remote)) return;
    this.#flush();
    this.#batch.push(bytes, local, remote);
  }

  #flush(): void {
    try {
      if (this.#batch.count > 0 && !this.#isClosed) this.onBatch?.(this.#batch);
    } finally {
      this.#batch.clear();
    }
  }

  // ── Sending and closing ───────────────────────────────────────────────────────────────────────────────────────────

  get slots(): SlotWriter {
    return this.#writing.slots;
  }

  send(transmit: Transmit): number {
    const socket = this.#byHost.get(transmit.local?.host ?? "") ?? this.#wildcard;
    if (socket !== this.#writing) {
      socket.slots.arena.set(this.#writing.slots.arena.subarray(0, transmit.length));
      this.#writing = socket;
    }
    return socket.send(transmit);
  }

  get isBlocked(): boolean {
    for (const { isBlocked } of this.#byHost.values()) if (isBlocked) return true;
    return this.#wildcard.isBlocked;
  }

  handleCommand(command: SocketCommand): boolean {
    this.#commands.push(command);
    let isDone = this.#wildcard.handleCommand(command);
    for (const socket of this.#byHost.values()) isDone = socket.handleCommand(command) && isDone;
    return isDone;
  }

  ref(): void {
    this.#isReferenced = true;
    this.#wildcard.ref();
    for (const socket of this.#byHost.values()) socket.ref();
  }

  unref(): void {
    this.#isReferenced = false;
    this.#wildcard.unref();
    for (const socket of this.#byHost.values()) socket.unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#clock.stopTimer(this.#timer);
    await Promise.all([this.#wildcard.close(), ...[...this.#byHost.values()].map((socket) => socket.close())]);
  }
}

const peerKey = ({ host, port }: SocketAddress): string => `${host} ${port}`;
