/** Sessions of just-in-time flows: packets of a peer that obeys no rules, mutated, repeated and out of order. */

import { instant } from "../../src/base/time.ts";
import { FlowSession, NO_DEADLINE, packetBytes, parsePacket, type Unit } from "../../src/flows/index.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";

const ENOUGH = 400;

class FlowsSession implements Session {
  outcome: string | undefined;
  readonly #chance: Chance;
  readonly #victim = new FlowSession({ isServer: true });
  readonly #out = new Uint8Array(2_048);
  #now = 1_000_000;
  #sequence = 0;
  #steps = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#victim.open({ kind: "stateful-datagram" });
    this.#victim.open({ kind: "stateful-stream" });
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    this.#now += chance.oneIn(20) ? chance.below(3_000_000) : chance.below(5_000);
    const now = instant(this.#now);
    const due = this.#victim.nextTimeout();
    if (due !== undefined && due <= now) this.#victim.handleTimeout(now);
    this.#sequence = chance.oneIn(10) ? chance.below(2 ** 31) : this.#sequence + 1;
    const head = {
      flags: chance.below(8),
      sequence: this.#sequence,
      timestamp: Math.floor(this.#now / 16) + chance.below(100),
    };
    const bytes = packetBytes(
      head,
      Array.from({ length: chance.below(6) }, () => this.#unit()),
    );
    this.#victim.handlePacket(chance.oneIn(3) ? mutate(bytes, chance) : bytes, now);
    for (let event = this.#victim.pollEvent(); event !== undefined; event = this.#victim.pollEvent()) {
      if (event.type === "readable" && chance.oneIn(2)) while (this.#victim.read(event.flow) !== undefined);
    }
    // Whatever it was told, what it says can be read.
    for (let n = 0; n < 20; n += 1) {
      const length = this.#victim.pollPacket(this.#out, now);
      if (length === undefined) break;
      parsePacket(this.#out.subarray(0, length));
    }
    if (this.#steps >= ENOUGH || this.#victim.closed !== undefined) this.outcome = "over";
  }

  end(): void {}

  #unit(): Unit {
    const chance = this.#chance;
    const flow = 1 + chance.below(12);
    switch (chance.below(9)) {
      case 0:
      case 1: {
        const fragment = chance.below(3);
        const deadline = chance.oneIn(2) ? NO_DEADLINE : chance.below(200);
        const part = {
          message: chance.below(20),
          fragment,
          isFirst: fragment === 0,
          isLast: chance.oneIn(2),
          deadline,
          priority: 0,
        };
        return {
          type: "datagram",
          flow,
          part: chance.oneIn(4) ? undefined : part,
          isDiscardable: false,
          payload: chance.bytes(40),
        };
      }
      case 2:
      case 3: {
        const isStateful = !chance.oneIn(4);
        const deadline = !isStateful || chance.oneIn(2) ? NO_DEADLINE : chance.below(200);
        const offset = chance.oneIn(10) ? chance.below(2 ** 31) : chance.below(300);
        return {
          type: "stream",
          flow,
          isStateful,
          offset,
          deadline,
          priority: 0,
          isFin: chance.oneIn(10),
          payload: chance.bytes(60),
        };
      }
      case 4:
        return {
          type: "open",
          flow,
          kind: chance.pick([
            "stateless-datagram",
            "stateful-datagram",
            "stateless-stream",
            "stateful-stream",
          ] as const),
          priority: chance.below(256),
          period: chance.below(100),
          maxUnit: chance.below(2_000),
          cost: chance.below(2_000),
        };
      case 5:
        return {
          type: "ack",
          largest: chance.below(30),
          delay: chance.below(9_000),
          runs: [0, 1 + chance.below(30), chance.below(9), chance.below(9)],
        };
      case 6:
        return chance.oneIn(2)
          ? { type: "resume", flow, rate: chance.below(9_000) }
          : { type: "grant", flow, bytes: chance.below(9_000), start: 0, window: chance.below(500) };
      case 7:
        return {
          type: "resource",
          link: chance.below(2 ** 31),
          cpuFree: chance.below(2_000),
          queue: chance.below(500),
          memory: chance.below(9_000),
        };
      default:
        return chance.oneIn(8)
          ? { type: "close", flow, code: chance.below(9) }
          : { type: "pause", flow: 2 * chance.below(6) + 1, until: 0 };
    }
  }
}

export const flows: Target = { name: "flows", start: (seed) => new FlowsSession(seed) };
