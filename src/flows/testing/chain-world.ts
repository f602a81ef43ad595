/**
 * Random chains in the simulator: vehicles with messages and uploads, relays in layers that crash and come back, one server. What each
 * message and each byte came to is compared with what the ends say of it.
 */

import type { DatagramMachine, ReceivedBatch, SlotWriter, SocketAddress, Transmit } from "../../base/datagrams.ts";
import { after, earliest, type Instant, instant, millis, since } from "../../base/time.ts";
import {
  host,
  type NodeElement,
  router,
  SeededRng,
  SimulatedNetwork,
  SimulationError,
  seconds,
  type WireElement,
  wire,
} from "../../sim/index.ts";
import { ChainDestination } from "../chain/destination.ts";
import type { MessageCounts } from "../chain/messages-in-doubt.ts";
import { ChainOrigin } from "../chain/origin.ts";
import { PlainFlowNode } from "../plain/plain-node.ts";
import { FlowRelay } from "../relay/relay.ts";

const MAX_EVENTS = 20_000_000;
const LONGEST = seconds(180);

export interface ChainOutcome {
  /** What must not be. Empty if all is well. */
  readonly faults: readonly string[];
  readonly relays: number;
  readonly crashes: number;
  readonly urgent: number;
  readonly confirmed: number;
  /** Late by the simulator's clock. */
  readonly late: number;
  /** Of those, the ones that the server took for punctual. */
  readonly unnoticed: number;
  readonly overdue: number;
  readonly unconfirmed: number;
  readonly bulk: number;
  /** Bytes and messages that came twice and were dropped. */
  readonly repeated: number;
  readonly ways: number;
  readonly digest: string;
}

/** Chance with the few distributions that a world needs. */
class Dice {
  readonly #rng: SeededRng;

  constructor(seed: number) {
    this.#rng = new SeededRng(seed);
  }

  below(count: number): number {
    return this.#rng.uint32() % count;
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const all = [...items];
    for (let at = all.length - 1; at > 0; at -= 1) {
      const other = this.below(at + 1);
      [all[at], all[other]] = [all[other]!, all[at]!];
    }
    return all;
  }
}

/** A machine that forgets everything when it crashes. */
class Crashing implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  readonly #build: (start: number) => PlainFlowNode;
  #node: PlainFlowNode | undefined;
  #starts = 1;

  constructor(build: (start: number) => PlainFlowNode) {
    this.#build = build;
    this.#node = build(1);
  }

  crash(): void {
    this.#node = undefined;
  }

  restart(): void {
    this.#starts += 1;
    this.#node = this.#build(this.#starts);
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    this.#node?.handleBatch(received, now);
  }

  handleTimeout(now: Instant): void {
    this.#node?.handleTimeout(now);
  }

  nextTimeout(): Instant | undefined {
    return this.#node?.nextTimeout();
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    return this.#node?.pollTransmit(slots, maxSegments, now);
  }

  handleSent(): void {}
  pollEvent(): undefined {
    return undefined;
  }
  pollCommand(): undefined {
    return undefined;
  }
}

const addressOf = (index: number): SocketAddress => ({ family: 4, host: `10.0.0.${index + 1}`, port: 4_000 });
const byteAt = (vehicle: number, offset: number): number => (offset * 31 + (offset >>> 8) * 7 + vehicle * 101) & 0xff;

/** One vehicle: its loads, and what the server got of them. */
class Vehicle {
  readonly origin: ChainOrigin;
  readonly node: PlainFlowNode;
  readonly index: number;
  readonly #period: number;
  readonly #deadline: number;
  readonly #messages: number;
  readonly #total: number;
  readonly sentAt: Instant[] = [];
  readonly received = new Set<number>();
  readonly faults: string[] = [];
  bytes = 0;
  /** Messages that came after their deadline by the simulator's clock, and of those the ones that the server took for punctual. */
  late = 0;
  unnoticed = 0;
  ways = 0;
  counts: MessageCounts | undefined;
  #urgent = -1;
  #bulk = -1;
  #written = 0;
  #isFinished = false;
  #next: Instant | undefined;
  #closed = 0;
  #ended = 0;

  constructor(index: number, dice: Dice, hops: readonly SocketAddress[]) {
    this.index = index;
    this.#period = dice.between(10, 40) * 1_000;
    this.#deadline = dice.between(80, 250) * 1_000;
    this.#messages = dice.between(40, 120);
    this.#total = dice.between(20_000, 400_000);
    let origin: ChainOrigin | undefined;
    this.node = new PlainFlowNode(
      (connect) => {
        origin = new ChainOrigin({
          origin: `${index}`.padStart(16, "0"),
          hops: hops.length,
          connect: (hop, path) => connect(hops[hop]!, path),
        });
        return origin;
      },
      { initialRtt: millis(60) },
    );
    this.origin = origin!;
  }

  /** Both flows are over, here and there. */
  get isDone(): boolean {
    return this.#closed === 2 && this.#ended === 2;
  }

  get next(): Instant | undefined {
    return this.#next;
  }

  /** Its turn: sends what is due. */
  act(now: Instant): void {
    const { origin } = this;
    if (this.#urgent === -1) {
      this.#urgent = origin.open(
        { kind: "stateful-datagram", priority: 0, period: this.#period as never, maxUnit: 100 },
        now,
      );
      this.#bulk = origin.open({ kind: "stateful-stream", priority: 200 }, now);
      this.#next = now;
    }
    while (this.#next !== undefined && this.#next <= now) this.#sendMessage(now);
    this.#write(now);
    for (let event = origin.pollEvent(); event !== undefined; event = origin.pollEvent()) {
      if (event.type === "way") this.ways += 1;
      if (event.type !== "closed") continue;
      this.#closed += 1;
      this.counts ??= event.stats.messages;
      if (event.code !== 0) this.faults.push(`flow ${event.flow} ended with code ${event.code}`);
    }
  }

  onMessage(bytes: Uint8Array, isLate: boolean, now: Instant): void {
    const number = (bytes[0]! << 8) | bytes[1]!;
    if (this.received.has(number)) this.faults.push(`message ${number} came twice`);
    this.received.add(number);
    const over = since(this.sentAt[number]!, now) - this.#deadline;
    if (over > 0) this.late += 1;
    if (over > 0 && !isLate) this.unnoticed += 1;
  }

  onBytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += 1) {
      if (bytes[at] === byteAt(this.index, this.bytes + at)) continue;
      this.faults.push(`byte ${this.bytes + at} is wrong`);
      break;
    }
    this.bytes += bytes.length;
  }

  onEnd(code: number): void {
    this.#ended += 1;
    if (code !== 0) this.faults.push(`the server gave a flow up with code ${code}`);
  }

  /** What is wrong when all is over. */
  judge(): readonly string[] {
    const { counts, faults } = this;
    if (!this.isDone)
      faults.push(`not over: ${this.#closed} and ${this.#ended} of 2, ${this.bytes} of ${this.#total} bytes`);
    if (this.bytes !== this.#total) faults.push(`${this.bytes} of ${this.#total} bytes`);
    if (counts === undefined || counts.given !== this.#messages) faults.push("messages were refused");
    else {
      const missing = this.#messages - this.received.size;
      if (counts.confirmed + counts.unconfirmed !== counts.given) faults.push("the sender's counts have a gap");
      if (missing > counts.unconfirmed) faults.push(`${missing} messages missing, ${counts.unconfirmed} counted`);
      // What the sender takes for punctual was confirmed before its deadline.
      const doubtful = counts.overdue + counts.unconfirmed;
      if (this.late + missing > doubtful) faults.push(`${this.late} late and ${missing} missing, ${doubtful} counted`);
    }
    return faults.map((each) => `vehicle ${this.index}: ${each}`);
  }

  #sendMessage(now: Instant): void {
    const number = this.sentAt.length;
    const bytes = new Uint8Array(20 + (number % 80));
    bytes[0] = number >> 8;
    bytes[1] = number & 0xff;
    this.sentAt.push(now);
    this.origin.send(this.#urgent, bytes, { deadline: after(now, this.#deadline as never) }, now);
    this.#next = after(this.#next!, this.#period as never);
    if (this.sentAt.length < this.#messages) return;
    this.#next = undefined;
    this.origin.finish(this.#urgent, now);
  }

  #write(now: Instant): void {
    if (this.#isFinished) return;
    while (this.#written < this.#total) {
      const piece = new Uint8Array(Math.min(20_000, this.#total - this.#written));
      for (let at = 0; at < piece.length; at += 1) piece[at] = byteAt(this.index, this.#written + at);
      const taken = this.origin.write(this.#bulk, piece, now);
      this.#written += taken;
      if (taken < piece.length) return;
    }
    this.#isFinished = true;
    this.origin.finish(this.#bulk, now);
  }
}

/** One random topology, run until everything is over. */
export function runChainWorld(seed: number): ChainOutcome {
  const dice = new Dice(seed);
  const layers = Array.from({ length: dice.between(1, 4) }, () => dice.between(1, 3));
  const count = dice.between(1, 3);
  const relayCount = layers.reduce((sum, each) => sum + each, 0);
  const layerOf = layers.flatMap((size, layer) => new Array<number>(size).fill(layer));
  const relayAddress = (relay: number): SocketAddress => addressOf(10 + relay);
  const server = addressOf(100);
  /** The next hops of a node in a layer: later relays in any order, now and then an earlier one, and the server at last. */
  const hopsFrom = (layer: number, self: number): SocketAddress[] => {
    const later = layerOf.flatMap((each, relay) => (each === layer + 1 ? [relayAddress(relay)] : []));
    const farther = layerOf.flatMap((each, relay) =>
      each > layer + 1 && dice.below(3) === 0 ? [relayAddress(relay)] : [],
    );
    const wrong = dice.below(8) === 0 ? [relayAddress(dice.below(relayCount))] : [];
    const all = [...dice.shuffled([...later, ...farther]), ...wrong].filter(
      (each) => each.host !== relayAddress(self).host,
    );
    return [...all, server];
  };
  const vehicles = Array.from({ length: count }, (_, index) => new Vehicle(index, dice, hopsFrom(-1, -1)));
  const relays = layerOf.map((layer, relay) => {
    const hops = hopsFrom(layer, relay);
    return new Crashing(
      (start) =>
        new PlainFlowNode(
          (connect) =>
            new FlowRelay({ id: relay + 1, hops: hops.length, connect: (hop, path) => connect(hops[hop]!, path) }),
          { initialRtt: millis(60) },
          start * 1_000_000,
        ),
    );
  });
  const destination = new ChainDestination();
  const vehicleOf = (key: string): Vehicle => vehicles[Number(key.slice(0, 16))]!;
  const serve = (now: Instant): void => {
    for (let event = destination.pollEvent(); event !== undefined; event = destination.pollEvent()) {
      if (event.type === "message") vehicleOf(event.key).onMessage(event.bytes, event.isLate, now);
      if (event.type === "closed") vehicleOf(event.key).onEnd(event.code);
      if (event.type !== "readable") continue;
      const { key } = event;
      for (let piece = destination.read(key, now); piece !== undefined; piece = destination.read(key, now)) {
        vehicleOf(key).onBytes(piece);
      }
    }
  };
  const nodes: NodeElement[] = [router("net")];
  const links: WireElement[] = [];
  const place = (
    name: string,
    address: SocketAddress,
    machine: DatagramMachine<never>,
    application?: (now: Instant) => void,
  ): void => {
    nodes.push(host<never>({ name, address, machine, ...(application && { application }) }));
    links.push(
      wire(name, "net", {
        delay: millis(dice.between(1, 8)),
        rate: dice.between(4, 40) * 1e6,
        queue: dice.between(40, 120),
        loss: dice.below(3) === 0 ? dice.below(20) / 1_000 : 0,
      }),
    );
  };
  for (const vehicle of vehicles) {
    place(`vehicle-${vehicle.index}`, addressOf(vehicle.index), new Waking(vehicle), (now) => vehicle.act(now));
  }
  for (const [index, relay] of relays.entries()) place(`relay-${index}`, relayAddress(index), relay);
  place("server", server, new PlainFlowNode(() => destination, { initialRtt: millis(60) }), serve);
  const network = new SimulatedNetwork({ seed, network: { nodes, links } });
  let crashes = 0;
  for (const relay of relays) {
    for (let at = dice.between(50, 1_500); dice.below(4) > 0 && at < 6_000; at += dice.between(300, 3_000)) {
      crashes += 1;
      network.at(instant(at * 1_000), () => relay.crash());
      if (dice.below(5) === 0) break;
      at += dice.between(5, 1_500);
      network.at(instant(at * 1_000), () => relay.restart());
    }
  }
  try {
    network.run({ until: () => vehicles.every((each) => each.isDone), maxVirtualTime: LONGEST, maxEvents: MAX_EVENTS });
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error;
    vehicles[0]!.faults.push(error.message);
  }
  const sum = (of: (vehicle: Vehicle) => number): number => vehicles.reduce((total, each) => total + of(each), 0);
  const flows = vehicles.flatMap(({ index }) =>
    [0, 1].map((number) => destination.stats(`${`${index}`.padStart(16, "0")} ${number}`)),
  );
  return {
    faults: vehicles.flatMap((each) => each.judge()),
    relays: relayCount,
    crashes,
    urgent: sum(({ counts }) => counts?.given ?? 0),
    confirmed: sum(({ counts }) => counts?.confirmed ?? 0),
    late: sum(({ late }) => late),
    unnoticed: sum(({ unnoticed }) => unnoticed),
    overdue: sum(({ counts }) => counts?.overdue ?? 0),
    unconfirmed: sum(({ counts }) => counts?.unconfirmed ?? 0),
    bulk: sum(({ bytes }) => bytes),
    repeated: flows.reduce((total, each) => total + (each?.repeated ?? 0), 0),
    ways: sum(({ ways }) => ways),
    digest: network.digest,
  };
}

/** A vehicle's node, whose application has a clock of its own. */
class Waking implements DatagramMachine<never> {
  onReady: (() => void) | undefined;
  readonly #vehicle: Vehicle;

  constructor(vehicle: Vehicle) {
    this.#vehicle = vehicle;
  }

  handleBatch(received: ReceivedBatch, now: Instant): void {
    this.#vehicle.node.handleBatch(received, now);
  }

  handleTimeout(now: Instant): void {
    this.#vehicle.node.handleTimeout(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.#vehicle.node.nextTimeout(), this.#vehicle.next);
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    return this.#vehicle.node.pollTransmit(slots, maxSegments, now);
  }

  handleSent(): void {}
  pollEvent(): undefined {
    return undefined;
  }
  pollCommand(): undefined {
    return undefined;
  }
}
