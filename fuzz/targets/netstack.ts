/**
 * Frames for a host of our own: a peer talks to it by ARP, neighbour discovery, ICMP, UDP and TCP, and its frames arrive as they
 * are, mutated, again, or not at all. The transport's checksum is vouched for, and the header's is mended, so that mutations get
 * as deep as a forger's.
 */

import { type Instant, instant } from "../../src/base/time.ts";
import { parsePrefix } from "../../src/ip/index.ts";
import {
  createCable,
  ETHERNET_HEADER,
  EtherType,
  etherTypeOf,
  type LinkDevice,
  randomMac,
  WrappedDevice,
} from "../../src/link/index.ts";
import { Stack } from "../../src/netstack/index.ts";
import type { TcpConnection } from "../../src/tcp/index.ts";
import { finishChecksum, sumWords } from "../../src/wire/checksum.ts";
import { parseIpAddress } from "../../src/wire/ip-address.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const ADDRESSES = { victim: ["10.77.0.1/24", "fd77::1/64"], peer: ["10.77.0.2/24", "fd77::2/64"] } as const;
const VICTIM = ["10.77.0.1", "fd77::1"].map((text) => parseIpAddress(text)!);
const BACKLOG = 64;
const MAX_INPUTS = 5_000;
/** Frames of the peer that may come again. */
const KEPT = 64;

/** Shows the frames that the peer sends, and delivers none by itself. */
class Tap extends WrappedDevice {
  readonly #onSent: (frame: Uint8Array) => void;

  constructor(inner: LinkDevice, onSent: (frame: Uint8Array) => void) {
    super(inner);
    this.#onSent = onSent;
  }

  override transmit(frame: Uint8Array): boolean {
    this.#onSent(frame.slice());
    return true;
  }
}

class NetstackSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #victim: Stack;
  readonly #peer: Stack;
  readonly #device: LinkDevice;
  readonly #kept: Uint8Array[] = [];
  #waiting: Uint8Array[] = [];
  #now = instant(1_000_000);
  #inputs = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    const { rng } = this.#chance;
    const [a, b] = createCable();
    this.#device = a;
    const host = (device: LinkDevice, addresses: readonly string[]): Stack =>
      new Stack(
        {
          rng,
          tcp: { resetDiagnostics: "binary" },
          interfaces: [{ device, mac: randomMac(rng), addresses: addresses.map((text) => parsePrefix(text)!) }],
        },
        this.#now,
      );
    this.#victim = host(a, ADDRESSES.victim);
    this.#peer = host(new Tap(b, (frame) => this.#waiting.push(frame)), ADDRESSES.peer);
    for (const version of [4, 6] as const) {
      this.#victim.tcp.listen({ version, port: 80, backlog: BACKLOG });
      this.#peer.tcp.listen({ version, port: 80, backlog: BACKLOG });
      this.#victim.udp.bind({ version, port: 53 });
    }
  }

  step(): void {
    this.#inputs += 1;
    const chance = this.#chance;
    if (this.#waiting.length === 0) this.#act();
    this.#turn(this.#peer);
    const fresh = this.#waiting.shift();
    if (fresh !== undefined) this.#keep(fresh);
    const frame = fresh !== undefined && !chance.oneIn(3) ? fresh : chance.pick(this.#kept);
    if (frame !== undefined) this.#deliver(chance.oneIn(3) ? frame : this.#mended(mutate(frame, chance)));
    if (chance.oneIn(50)) this.#pass(chance.pick([1_000, 100_000, 2_000_000, 60_000_000]));
    this.#turn(this.#victim);
    if (this.#victim.tcp.size > 2 * BACKLOG + 2_000) throw new VictimFault(`${this.#victim.tcp.size} connections`);
    if (this.#inputs >= MAX_INPUTS) this.outcome = "sent enough";
  }

  /** Everything that was half open or closing is over in the end. */
  end(): void {
    for (let i = 0; i < 400; i += 1) {
      for (const connection of [...this.#victim.tcp.connections()]) {
        connection.release(this.#now);
        this.#victim.tcp.touch(connection);
      }
      this.#pass(5_000_000);
      if (this.#victim.tcp.size === 0) return;
    }
    if (this.#victim.tcp.size > 0) {
      const states = [...this.#victim.tcp.connections()].map(({ state }) => state);
      throw new VictimFault(`connections are left: ${states.join(", ")}`);
    }
  }

  /** Something for the peer to say. */
  #act(): void {
    const chance = this.#chance;
    const to = chance.pick(VICTIM);
    const now = this.#now;
    switch (chance.below(5)) {
      case 0:
        this.#peer.ip.ping(to, 1, 1, chance.bytes(4_000), now);
        break;
      case 1: {
        const binding = this.#peer.udp.bind({ version: to.length === 4 ? 4 : 6, port: 0 });
        binding?.send(chance.bytes(3_000), { address: to, port: chance.pick([53, 9]) }, now);
        binding?.close();
        break;
      }
      case 2:
        this.#peer.tcp.connect(to, chance.pick([80, 80, 81]), now);
        break;
      default: {
        const connection = chance.pick([...this.#peer.tcp.connections()]) as TcpConnection | undefined;
        if (connection === undefined) break;
        if (chance.oneIn(8)) connection.end(now);
        else if (chance.oneIn(20)) connection.abort(4, now);
        else connection.write(chance.exactBytes(1 + chance.below(4_000)));
        this.#peer.tcp.touch(connection);
      }
    }
    if (this.#peer.tcp.size > 100) for (const each of [...this.#peer.tcp.connections()]) each.abort(4, now);
  }

  #keep(frame: Uint8Array): void {
    if (this.#kept.length < KEPT) this.#kept.push(frame);
    else this.#kept[this.#chance.below(KEPT)] = frame;
  }

  /** Makes the checksum of an IPv4 header right again. */
  #mended(frame: Uint8Array): Uint8Array {
    const end = ETHERNET_HEADER + (frame[ETHERNET_HEADER]! & 0x0f) * 4;
    if (frame.length < end || end < ETHERNET_HEADER + 20 || etherTypeOf(frame) !== EtherType.ipv4) return frame;
    if (this.#chance.oneIn(8)) return frame;
    frame.set([0, 0], ETHERNET_HEADER + 10);
    const sum = finishChecksum(sumWords(frame, ETHERNET_HEADER, end));
    frame.set([sum >> 8, sum & 0xff], ETHERNET_HEADER + 10);
    return frame;
  }

  #deliver(frame: Uint8Array): void {
    this.#device.onFrame?.(frame, this.#now, true);
  }

  #turn(stack: Stack): void {
    stack.handleTimeout(this.#now);
    const { tcp } = stack;
    for (let event = tcp.pollEvent(); event !== undefined; event = tcp.pollEvent()) {
      if (event.type === "accepted") {
        for (let next = event.listener.accept(); next !== undefined; next = event.listener.accept())
          this.#use(tcp, next);
      } else this.#use(tcp, event.connection);
    }
    stack.flush(this.#now);
  }

  /** An application that reads, answers, and closes now and then. */
  #use(tcp: Stack["tcp"], connection: TcpConnection): void {
    while (connection.read() !== undefined);
    if (this.#chance.oneIn(4)) connection.write(this.#chance.bytes(2_000));
    if (this.#chance.oneIn(8) || connection.receiver.isFinished) connection.end(this.#now);
    tcp.touch(connection);
  }

  #pass(span: number): void {
    this.#now = (this.#now + span) as Instant;
    this.#turn(this.#victim);
    this.#turn(this.#peer);
    if (this.#waiting.length > KEPT) this.#waiting = [];
  }
}

export const netstack: Target = { name: "netstack", start: (seed) => new NetstackSession(seed) };
