/** Chains of just-in-time flows: a relay between two peers that obey no rules, a destination of such a client, an origin with such hops. */

import { type Instant, instant } from "../../src/base/time.ts";
import {
  ChainDestination,
  type ChainNode,
  ChainOrigin,
  FlowRelay,
  FlowSession,
  packetBytes,
  parsePacket,
} from "../../src/flows/index.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";
import { anyUnit, ORIGIN } from "./flow-units.ts";

const ENOUGH = 300;

interface Victim {
  readonly node: ChainNode;
  readonly session: FlowSession;
}

class FlowRelaysSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #victims: Victim[] = [];
  readonly #destination = new ChainDestination({ maxFlows: 2 });
  readonly #origin: ChainOrigin;
  readonly #relay: FlowRelay;
  readonly #out = new Uint8Array(2_048);
  #now = 1_000_000;
  #sequence = 0;
  #steps = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    const connect = (node: () => ChainNode) => (): FlowSession => {
      const session = new FlowSession({ isServer: false });
      this.#victims.push({ node: node(), session });
      return session;
    };
    this.#relay = new FlowRelay({
      id: 1,
      hops: 2,
      connect: connect(() => this.#relay),
      process: ({ priority }) =>
        priority % 2 === 0 ? undefined : { process: ({ bytes }) => (bytes.length % 3 === 0 ? "keep" : bytes) },
    });
    this.#origin = new ChainOrigin({ origin: ORIGIN, hops: 2, connect: connect(() => this.#origin) });
    const now = instant(this.#now);
    this.#origin.open({ kind: "stateful-datagram" }, now);
    this.#origin.open({ kind: "stateful-stream" }, now);
    for (const node of [this.#relay, this.#destination, this.#destination]) this.#accept(node);
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    this.#now += chance.oneIn(20) ? chance.below(3_000_000) : chance.below(5_000);
    const now = instant(this.#now);
    for (const { node, session } of [...this.#victims]) {
      const due = session.nextTimeout();
      if (due !== undefined && due <= now) session.handleTimeout(now);
      node.handle(session, now);
    }
    for (const node of [this.#relay, this.#destination, this.#origin]) {
      const due = node.nextTimeout();
      if (due !== undefined && due <= now) node.handleTimeout(now);
    }
    this.#attack(now);
    if (chance.oneIn(4)) this.#feed(now);
    for (const key of [0, 1, 2]) while (this.#destination.read(`${ORIGIN} ${key}`, now) !== undefined);
    while (this.#destination.pollEvent() !== undefined);
    while (this.#origin.pollEvent() !== undefined);
    this.#send(now);
    if (this.#steps >= ENOUGH || this.#victims.length === 0) this.outcome = "over";
  }

  end(): void {}

  #accept(node: FlowRelay | ChainDestination): void {
    const session = new FlowSession({ isServer: true });
    node.accept(session);
    this.#victims.push({ node, session });
  }

  #attack(now: Instant): void {
    const chance = this.#chance;
    const { node, session } = chance.pick(this.#victims);
    this.#sequence = chance.oneIn(10) ? chance.below(2 ** 31) : this.#sequence + 1;
    const timestamp = chance.oneIn(30) ? chance.below(2 ** 31) : Math.floor(this.#now / 16) + chance.below(100);
    const path = Array.from({ length: chance.below(3) }, () => chance.below(4));
    const units = Array.from({ length: chance.below(6) }, () => anyUnit(chance));
    const bytes = packetBytes({ flags: chance.below(8), sequence: this.#sequence, timestamp, path }, units);
    session.handlePacket(chance.oneIn(3) ? mutate(bytes, chance) : bytes, now);
    node.handle(session, now);
  }

  /** The origin has something to send. */
  #feed(now: Instant): void {
    const chance = this.#chance;
    if (this.#origin.stats(0) !== undefined) this.#origin.send(0, chance.bytes(40), {}, now);
    if (this.#origin.stats(1) !== undefined) this.#origin.write(1, chance.bytes(40), now);
  }

  /** Whatever they were told, what they say can be read. */
  #send(now: Instant): void {
    for (let index = this.#victims.length - 1; index >= 0; index -= 1) {
      const { node, session } = this.#victims[index]!;
      for (let n = 0; n < 20; n += 1) {
        const length = session.pollPacket(this.#out, now);
        if (length === undefined) break;
        parsePacket(this.#out.subarray(0, length));
      }
      if (session.closed === undefined) continue;
      this.#victims.splice(index, 1);
      node.handle(session, now);
    }
  }
}

export const flowRelays: Target = { name: "flow-relays", start: (seed) => new FlowRelaysSession(seed) };
