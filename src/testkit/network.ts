/** Two hosts connected by a link: sockets for the QUIC driver; `sim/` decides the fate of each datagram. */

import {
  Ecn,
  ReceivedBatch,
  type SocketAddress,
  type SocketCommand,
  sameAddress,
  type Transmit,
} from "../base/datagrams.ts";
import { SeededRng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import type { Fault } from "../host/guard.ts";
import { NO_CAPABILITIES, type UdpSocket } from "../host/udp/udp-socket.ts";
import type { SimulatedDatagram } from "../sim/datagram.ts";
import { TraceDigest } from "../sim/digest.ts";
import { Link, type LinkOptions } from "../sim/link.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export const CLIENT_HOST = "10.0.0.1";
export const SERVER_HOST = "10.0.0.2";

const FIRST_EPHEMERAL_PORT = 49_152;
const BATCH_CAPACITY = 64;
const ARENA_BYTES = 128 * 1024;

const ARRIVAL_RANK = 0;
/** After all arrivals of the same instant. */
const BATCH_RANK = 1;

export class SimulatedPath {
  readonly #clock: VirtualClock;
  readonly #digest = new TraceDigest();
  readonly #sockets: SimulatedSocket[] = [];
  readonly #up: Link;
  readonly #down: Link;
  readonly #scheduled = new Map<Link, Instant>();
  #nextPort = FIRST_EPHEMERAL_PORT;

  /** `up` leads from client to server. */
  constructor(clock: VirtualClock, rng: SeededRng, up: LinkOptions, down: LinkOptions) {
    this.#clock = clock;
    const owner = { onArrival: (datagram: SimulatedDatagram) => this.#arrive(datagram), onDrop: () => {} };
    this.#up = new Link(up, new SeededRng(rng.uint32()), owner);
    this.#down = new Link(down, new SeededRng(rng.uint32()), owner);
  }

  /** A fingerprint of every datagram sent so far, with its time. */
  get digest(): string {
    return this.#digest.toString();
  }

  bind(host: typeof CLIENT_HOST | typeof SERVER_HOST, port: number): SimulatedSocket {
    const address: SocketAddress = { family: 4, host, port: port === 0 ? this.#nextPort++ : port };
    const socket = new SimulatedSocket(address, {
      send: (datagram) => this.#send(datagram),
      closed: (closed) => void this.#sockets.splice(this.#sockets.indexOf(closed), 1),
    });
    this.#sockets.push(socket);
    return socket;
  }

  #send(datagram: SimulatedDatagram): void {
    const now = this.#clock.now();
    this.#digest.add(now, datagram.bytes);
    const link = datagram.source.host === CLIENT_HOST ? this.#up : this.#down;
    link.offer(datagram, now);
    this.#schedule(link);
  }

  /** Keeps one event per link in the schedule; earlier ones become stale. */
  #schedule(link: Link): void {
    const { next } = link;
    if (next === undefined || next === this.#scheduled.get(link)) return;
    this.#scheduled.set(link, next);
    this.#clock.schedule(next, ARRIVAL_RANK, () => {
      if (this.#scheduled.get(link) !== next) return false;
      this.#scheduled.delete(link);
      link.advance(next);
      this.#schedule(link);
      return false;
    });
  }

  #arrive(datagram: SimulatedDatagram): void {
    const socket = this.#sockets.find(({ address }) => sameAddress(address, datagram.destination));
    if (socket?.receive(datagram) === "first") {
      this.#clock.schedule(this.#clock.now(), BATCH_RANK, () => {
        socket.deliver();
        return true;
      });
    }
  }
}

interface SocketOwner {
  send(datagram: SimulatedDatagram): void;
  closed(socket: SimulatedSocket): void;
}

class SimulatedSocket implements UdpSocket {
  readonly engine = "simulated";
  readonly address: SocketAddress;
  /** As in the portable engine. */
  readonly capabilities = NO_CAPABILITIES;
  readonly slots = { arena: new Uint8Array(ARENA_BYTES) };
  readonly isBlocked = false;
  onWritable: (() => void) | undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onFault: ((fault: Fault) => void) | undefined;
  readonly #owner: SocketOwner;
  readonly #batch = new ReceivedBatch(new Uint8Array(ARENA_BYTES), BATCH_CAPACITY);
  #inbox: SimulatedDatagram[] = [];
  #dontFragment = false;

  constructor(address: SocketAddress, owner: SocketOwner) {
    this.address = address;
    this.#owner = owner;
  }

  send({ remote, segmentSize, count, length }: Transmit): number {
    for (let i = 0; i < count; i += 1) {
      const bytes = this.slots.arena.slice(i * segmentSize, Math.min((i + 1) * segmentSize, length));
      this.#owner.send({
        source: this.address,
        destination: remote,
        ecn: Ecn.notEct,
        dontFragment: this.#dontFragment,
        bytes,
      });
    }
    return count;
  }

  receive(datagram: SimulatedDatagram): "first" | "another" {
    return this.#inbox.push(datagram) === 1 ? "first" : "another";
  }

  /** Delivers everything that arrived at this instant. */
  deliver(): void {
    const batch = this.#batch;
    const arrived = this.#inbox;
    this.#inbox = [];
    for (const { bytes, source, ecn } of arrived) {
      if (batch.push(bytes, this.address, source, ecn)) continue;
      this.#flush(batch);
      batch.push(bytes, this.address, source, ecn);
    }
    this.#flush(batch);
  }

  #flush(batch: ReceivedBatch): void {
    this.onBatch?.(batch);
    batch.clear();
  }

  handleCommand(command: SocketCommand): boolean {
    this.#dontFragment = command.enabled;
    return true;
  }

  ref(): void {}

  unref(): void {}

  async close(): Promise<void> {
    this.onBatch = undefined;
    this.#owner.closed(this);
  }
}
