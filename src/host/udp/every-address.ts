/**
 * One UDP port at every address of this machine, as one socket.
 *
 * A client drops what comes from another address than the one it asked (RFC 9000 §9), but a socket at "0.0.0.0" or "::" does not
 * say to which address a datagram came (node:dgram has no IP_PKTINFO), and the kernel chooses the one that answers leave
 * from. So each address has a socket of its own beside the wildcard; the kernel prefers the more specific one. Addresses
 * come and go, and the sockets with them.
 *
 * What still comes to the wildcard is for an address that is new, or that no interface lists (127.0.0.2). Such datagrams
 * are held for a moment until that address is found and has its socket.
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
import { addressAskedBy, listedAddresses } from "./local-addresses.ts";
import { bindPortableSocket, bindSharedSocket } from "./portable-socket.ts";
import type { UdpSocket } from "./udp-socket.ts";

export interface AddressSource {
  /** The machine's addresses of a family; undefined where it does not tell. */
  listed(family: 4 | 6): readonly string[] | undefined;
  /** The address that a peer on this machine has asked at a port of ours. */
  askedBy(peer: SocketAddress, port: number): Promise<string | undefined>;
}

const SYSTEM: AddressSource = { listed: listedAddresses, askedBy: addressAskedBy };

/** Milliseconds between two looks at the machine's addresses. */
const INTERVAL = 3_000;
/** The same where a datagram came to the wildcard. */
const HURRIED_INTERVAL = 100;

/** Beyond these, the wildcard answers, by the address that the kernel chooses. */
const MAX_LISTED = 256;
const MAX_UNLISTED = 64;

/** Datagrams that wait for their address; more are lost, as on a network that is too slow. */
const MAX_HELD = 128;
const ARENA_SIZE = 64 * 1024;

/** Remembered peers of which it is not known what address they asked; a flood of them empties the table. */
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
  // Sockets that share a port would share it with a second server too: a first one that does not share finds out.
  const probe = await bindPortableSocket(port, wildcard);
  await probe.close();
  const socket = new EveryAddress(await bindSharedSocket(probe.address.port, wildcard), source, clock);
  await socket.start();
  return socket;
}

class EveryAddress implements UdpSocket {
  readonly engine: string;
  readonly address: SocketAddress;
  readonly carriesEcn: boolean;
  onWritable: (() => void) | undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;

  readonly #wildcard: UdpSocket;
  readonly #source: AddressSource;
  readonly #clock: HostClock;
  readonly #handleFault = (fault: Fault): void => (this.onFault ?? reportFault)(fault);
  /** By the name under which the machine lists the address. */
  readonly #listed = new Map<string, UdpSocket>();
  readonly #unlisted = new Map<string, UdpSocket>();
  /** Both, by what the socket says its address is. */
  readonly #byHost = new Map<string, UdpSocket>();
  /** Whose arena the next train is written to: that of the socket which sent last, since it will mostly send again. */
  #writing: UdpSocket;
  readonly #commands: SocketCommand[] = [];
  #held: HeldDatagram[] = [];
  readonly #unknown = new Set<string>();
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_SIZE), MAX_HELD);
  #timer: HostTimer | undefined;
  #isLooking = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isReferenced = true;
  #isClosed = false;

  constructor(wildcard: UdpSocket, source: AddressSource, clock: HostClock) {
    this.#wildcard = wildcard;
    this.#source = source;
    this.#clock = clock;
    this.#writing = wildcard;
    this.engine = wildcard.engine;
    this.address = wildcard.address;
    this.carriesEcn = wildcard.carriesEcn;
    this.#wire(wildcard);
    wildcard.onBatch = (batch) => this.#handleStrays(batch);
  }

  async start(): Promise<void> {
    await this.#look();
    this.#schedule(INTERVAL);
  }

  #wire(socket: UdpSocket): void {
    socket.onBatch = (batch) => this.onBatch?.(batch);
    socket.onWritable = () => this.onWritable?.();
    socket.onFault = this.#handleFault;
    for (const command of this.#commands) socket.handleCommand(command);
    if (!this.#isReferenced) socket.unref();
  }

  // ── Addresses that come and go ────────────────────────────────────────────────────────────────────────────────────

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
    this.#isLooking = false;
    this.#held = [];
    this.#handleFault(fault);
    this.#schedule(INTERVAL);
  };

  /** Looks at the machine's addresses, and places the datagrams that have waited for that. */
  async #turn(): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    const held = this.#held;
    this.#held = [];
    const fresh = await this.#look();
    for (const datagram of held) await this.#place(datagram, fresh);
    this.#flush();
    this.#isLooking = false;
    this.#schedule(this.#held.length > 0 ? HURRIED_INTERVAL : INTERVAL);
  }

  /** Opens sockets at addresses that are new, and closes those of addresses that are gone. Gives the new ones. */
  async #look(): Promise<readonly UdpSocket[]> {
    this.#lookedAt = millisNow(this.#clock);
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
      // It may be listed now because it was not before.
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

  /** Undefined where there is no binding to it: an address that is not ready yet (IPv6 checks for duplicates), or gone again. */
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
    // It may have been the one that sending waited for.
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
    if (this.#held.length === 0 || this.#isLooking) return;
    this.#schedule(Math.max(0, Math.min(HURRIED_INTERVAL, this.#lookedAt + HURRIED_INTERVAL - millisNow(this.#clock))));
  }

  async #place({ bytes, remote }: HeldDatagram, fresh: readonly UdpSocket[]): Promise<void> {
    // Which of several new addresses it was sent to is not known: the client repeats it, and then it comes to the right socket.
    if (fresh.length > 1) return;
    const socket = fresh[0] ?? (await this.#unlistedFor(remote));
    if (socket === undefined) {
      if (this.#unknown.size >= MAX_UNKNOWN) this.#unknown.clear();
      this.#unknown.add(peerKey(remote));
    }
    this.#deliver(bytes, (socket ?? this).address, remote);
  }

  /** The socket at the address that a peer on this machine has asked, though no interface lists it. */
  async #unlistedFor(remote: SocketAddress): Promise<UdpSocket | undefined> {
    if (this.#unknown.has(peerKey(remote)) || !this.#isOnThisMachine(remote.host)) return undefined;
    const host = await this.#source.askedBy(remote, this.address.port);
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

  // ── Sending, and the rest ─────────────────────────────────────────────────────────────────────────────────────────

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
