/**
 * A host on the simulated network: drives one machine according to its contract (base/datagrams.ts). The clock stands
 * still during a turn. All datagrams that arrive at one instant form one batch.
 */

import { type DatagramMachine, ReceivedBatch, type SocketAddress } from "../base/datagrams.ts";
import type { Instant, Micros } from "../base/time.ts";
import type { SimulatedDatagram } from "./datagram.ts";

export interface HostOptions<Event> {
  readonly name: string;
  readonly address: SocketAddress;
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

export class Host<Event = unknown> {
  readonly name: string;
  readonly address: SocketAddress;
  readonly startAt: Instant;
  /** The machine was called between its turns and needs another one. */
  onReady: (() => void) | undefined;
  readonly #options: HostOptions<Event>;
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
    this.address = options.address;
    this.startAt = options.startAt ?? (0 as Instant);
    options.machine.onReady = () => {
      // During its own turn it is drained anyway.
      if (!this.#isAwake) this.onReady?.();
    };
  }

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
      if (batch.push(bytes, destination, source, ecn)) continue;
      machine.handleBatch(batch, now);
      batch.clear();
      batch.push(bytes, destination, source, ecn);
    }
    if (batch.count > 0) machine.handleBatch(batch, now);
    batch.clear();
    this.#inbox.length = 0;
  }

  #transmit(now: Instant, send: (datagram: SimulatedDatagram) => void): void {
    const { machine, maxSegments = BATCH_CAPACITY } = this.#options;
    for (;;) {
      const transmit = machine.pollTransmit(this.#slots, maxSegments, now);
      if (transmit === undefined) return;
      const { remote, ecn, segmentSize, count, length } = transmit;
      for (let i = 0; i < count; i += 1) {
        const bytes = this.#slots.arena.slice(i * segmentSize, Math.min((i + 1) * segmentSize, length));
        const source = transmit.local ?? this.address;
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
