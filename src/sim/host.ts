/**
 * A host on the simulated network: drives one machine according to its contract (base/datagrams.ts). The clock stands
 * still during a turn. All datagrams that arrive at one instant form one batch.
 */

import { type DatagramMachine, ReceivedBatch, type SocketAddress, sameAddress } from "../base/datagrams.ts";
import type { Instant, Micros } from "../base/time.ts";
import type { SimulatedDatagram } from "./datagram.ts";

/** An address of a host with several neighbors. */
export interface HostAddress {
  readonly address: SocketAddress;
  /** The neighbor on whose link the address is; any by default. What is sent from the address leaves on this link. */
  readonly via?: string;
}

export interface HostOptions<Event> {
  readonly name: string;
  /** The address from which datagrams without one are sent. */
  readonly address: SocketAddress;
  /** The neighbor on whose link `address` is; any by default. */
  readonly via?: string;
  /** Further addresses. */
  readonly otherAddresses?: readonly HostAddress[];
  /** The multicast groups that the host has joined. */
  readonly groups?: readonly SocketAddress[];
  readonly machine: DatagramMachine<Event>;
  /** Receives the machine's events one at a time. */
  readonly onEvent?: (event: Event, now: Instant) => void;
  /** The application's turn: after the events, before transmission. Called at every wake-up. */
  readonly application?: (now: Instant) => void;
  /** The time of the first wake-up; 0 by default. */
  readonly startAt?: Instant;
  /** Timers fire at whole multiples of this; 1 µs by default. */
  readonly timerGrain?: Micros;
  /** The maximum number of datagrams in a train; 64 by default. */
  readonly maxSegments?: number;
}

/** Datagrams per batch, and bytes for them. */
const BATCH_CAPACITY = 64;
const ARENA_BYTES = 128 * 1024;

/** A machine spins if it wakes up more often than this at one instant without anything arriving. */
const MAX_IDLE_WAKES = 1_000;

/** An address as the machine knows it, and as it is now. */
interface OwnAddress {
  readonly known: SocketAddress;
  address: SocketAddress;
  via: string | undefined;
}

export class Host<Event = unknown> {
  readonly name: string;
  readonly startAt: Instant;
  /** The next wake-up; other wake-ups in the network's schedule are stale. */
  wakesAt: Instant | undefined;
  /** The machine was called between its turns and needs another one. */
  onReady: (() => void) | undefined;
  readonly #options: HostOptions<Event>;
  readonly #addresses: OwnAddress[];
  readonly #groups: SocketAddress[];
  readonly #inbox: SimulatedDatagram[] = [];
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_BYTES), BATCH_CAPACITY);
  readonly #slots = { arena: new Uint8Array(ARENA_BYTES) };
  #dontFragment = false;
  #isAwake = false;
  #lastWake: Instant | undefined;
  #idleWakes = 0;

  constructor(options: HostOptions<Event>) {
    this.#options = options;
    this.name = options.name;
    this.#addresses = [options, ...(options.otherAddresses ?? [])].map(({ address, via }) => ({
      known: address,
      address,
      via,
    }));
    this.#groups = [...(options.groups ?? [])];
    this.startAt = options.startAt ?? (0 as Instant);
    options.machine.onReady = () => {
      // During its own turn it is drained anyway.
      if (!this.#isAwake) this.onReady?.();
    };
  }

  /** The address from which datagrams without one are sent. */
  get address(): SocketAddress {
    return this.#addresses[0]!.address;
  }

  get addresses(): readonly Readonly<OwnAddress>[] {
    return this.#addresses;
  }

  /** True for datagrams to one of its addresses or groups. */
  accepts(destination: SocketAddress): boolean {
    return this.#addresses.some((own) => sameAddress(own.address, destination)) || this.isMember(destination);
  }

  /** True if the host has joined the group. */
  isMember(group: SocketAddress): boolean {
    return this.#groups.some((one) => sameAddress(one, group));
  }

  /** Joins a multicast group. */
  join(group: SocketAddress): void {
    if (!this.isMember(group)) this.#groups.push(group);
  }

  /** Leaves a multicast group. */
  leave(group: SocketAddress): void {
    const at = this.#groups.findIndex((one) => sameAddress(one, group));
    if (at >= 0) this.#groups.splice(at, 1);
  }

  /** The neighbor on whose link an address is. */
  interfaceOf(address: SocketAddress): string | undefined {
    return this.#addresses.find((own) => sameAddress(own.address, address))?.via;
  }

  /** Replaces an address. The machine does not notice, as if its socket were bound to all addresses. */
  changeAddress(from: SocketAddress, to: SocketAddress, via?: string): void {
    const own = this.#addresses.find((one) => sameAddress(one.address, from));
    if (own === undefined) throw new TypeError(`${this.name} has no address ${from.host}:${from.port}`);
    own.address = to;
    own.via = via ?? own.via;
  }

  /** Takes a datagram from the network. */
  receive(datagram: SimulatedDatagram): void {
    this.#inbox.push(datagram);
  }

  /** One turn of the host: handles everything due at `now` and passes what it sends to `send`. */
  wake(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    this.#isAwake = true;
    try {
      this.#turn(now, send);
    } finally {
      this.#isAwake = false;
    }
  }

  #turn(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    this.#guardAgainstSpinning(now);
    this.#handleInbox(now);
    const { machine, onEvent, application } = this.#options;
    const deadline = this.nextWake();
    if (deadline !== undefined && deadline <= now) machine.handleTimeout(now);
    for (let command = machine.pollCommand(); command !== undefined; command = machine.pollCommand()) {
      this.#dontFragment = command.enabled;
    }
    let event = machine.pollEvent();
    do {
      for (; event !== undefined; event = machine.pollEvent()) onEvent?.(event, now);
      application?.(now);
      this.#transmit(now, send);
      // The application may have caused further events.
      event = machine.pollEvent();
    } while (event !== undefined);
  }

  #handleInbox(now: Instant): void {
    const { machine } = this.#options;
    const batch = this.#batch;
    for (const { bytes, source, destination, ecn } of this.#inbox) {
      const local = this.#knownAs(destination);
      if (batch.push(bytes, local, source, ecn)) continue;
      machine.handleBatch(batch, now);
      batch.clear();
      batch.push(bytes, local, source, ecn);
    }
    if (batch.count > 0) machine.handleBatch(batch, now);
    batch.clear();
    this.#inbox.length = 0;
  }

  #knownAs(address: SocketAddress): SocketAddress {
    return this.#addresses.find((own) => sameAddress(own.address, address))?.known ?? address;
  }

  #presentAddress(known: SocketAddress | undefined): SocketAddress {
    if (known === undefined) return this.address;
    return this.#addresses.find((own) => sameAddress(own.known, known))?.address ?? known;
  }

  #transmit(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    const { machine, maxSegments = BATCH_CAPACITY } = this.#options;
    for (;;) {
      const transmit = machine.pollTransmit(this.#slots, maxSegments, now);
      if (transmit === undefined) return;
      const { remote, ecn, segmentSize, count, length } = transmit;
      const source = this.#presentAddress(transmit.local);
      for (let i = 0; i < count; i += 1) {
        const bytes = this.#slots.arena.slice(i * segmentSize, Math.min((i + 1) * segmentSize, length));
        send({ source, destination: remote, ecn, dontFragment: this.#dontFragment, bytes });
      }
      machine.handleSent(transmit, count, now);
    }
  }

  /** The time of the next wake-up, rounded up to the timer grain. */
  nextWake(): Instant | undefined {
    const deadline = this.#options.machine.nextTimeout();
    const grain = this.#options.timerGrain ?? 1;
    return deadline === undefined ? undefined : ((Math.ceil(deadline / grain) * grain) as Instant);
  }

  /** A machine whose deadline never advances would stop the clock forever. */
  #guardAgainstSpinning(now: Instant): void {
    if (now !== this.#lastWake || this.#inbox.length > 0) {
      this.#lastWake = now;
      this.#idleWakes = 0;
      return;
    }
    this.#idleWakes += 1;
    if (this.#idleWakes > MAX_IDLE_WAKES) {
      throw new Error(`${this.name} spins at ${now} µs: its deadline does not advance`);
    }
  }
}
