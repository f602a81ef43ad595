/** Sessions of just-in-time flows: packets of a peer that obeys no rules, mutated, repeated and out of order. */

import { instant } from "../../src/base/time.ts";
import { FlowSession, packetBytes, parsePacket } from "../../src/flows/index.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";
import { anyUnit } from "./flow-units.ts";

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
      Array.from({ length: chance.below(6) }, () => anyUnit(chance)),
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
}

export const flows: Target = { name: "flows", start: (seed) => new FlowsSession(seed) };
