/**
 * Datagrams with several parts: sealed packets of all levels, forgeries, packets of other connections, garbage,
 * nothing.
 */

import type { SocketAddress } from "../../src/base/datagrams.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { concat } from "../../src/wire/text.ts";
import { Chance } from "../chance.ts";
import { writeFrames } from "../frames.ts";
import { longHeaderPacket } from "../long-headers.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";
import { Victim } from "../victim.ts";

/** More addresses than a connection has routes. */
const elsewhere = (chance: Chance): SocketAddress => ({ family: 4, host: "203.0.113.9", port: 9 + chance.below(6) });

class DatagramsSession implements Session {
  readonly #chance: Chance;
  readonly #role: "client" | "server";
  readonly #victim: Victim;
  /** An earlier packet, for a replay. */
  #earlier: Uint8Array = new Uint8Array(0);

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    const role = chance.pick(["client", "server"] as const);
    this.#role = role;
    this.#victim = new Victim(chance, { role, withholdFinished: role === "client" && chance.oneIn(3) });
    const { peer } = this.#victim;
    peer.handshake();
    if (role === "server" && !chance.oneIn(3)) peer.send(EncryptionLevel.oneRtt, [{ type: "handshake-done" }]);
  }

  get outcome(): string | undefined {
    return this.#victim.outcome;
  }

  #part(): Uint8Array {
    const chance = this.#chance;
    const { peer } = this.#victim;
    switch (chance.below(8)) {
      case 0:
        return chance.bytes(300);
      case 1:
      case 2: {
        const known = { destinations: [peer.destination], sources: [peer.id], original: peer.originalDestination };
        return longHeaderPacket(chance, known);
      }
      case 3: {
        // A short header for no connection, possibly a stateless reset.
        const stray = chance.exactBytes(1 + 8 + chance.below(60));
        stray[0] = 0x40 | (stray[0]! & 0x3f);
        if (chance.oneIn(3)) stray.fill(0, Math.max(1, stray.length - 16));
        return stray;
      }
      case 4:
        return this.#earlier;
      default: {
        const levels = [EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.oneRtt].filter((level) =>
          peer.canSeal(level),
        );
        const level = chance.pick(levels);
        // Mostly frames that cannot end the connection, because this target tests the packaging.
        const payload = chance.oneIn(6)
          ? writeFrames(chance, { largestSent: peer.largestReceived(level), level, role: this.#role })
          : Uint8Array.of(0x01);
        const packet = peer.seal(level, payload, { padTo: chance.oneIn(2) ? 0 : 1_200 });
        return chance.oneIn(60) ? mutate(packet, chance) : packet;
      }
    }
  }

  end(): void {
    this.#victim.end();
  }

  step(): void {
    const chance = this.#chance;
    const datagrams: Uint8Array[] = [];
    for (let count = 1 + (chance.oneIn(4) ? chance.below(6) : 0); count > 0; count -= 1) {
      const parts: Uint8Array[] = [];
      for (let more = chance.below(4); more > 0; more -= 1) parts.push(this.#part());
      const datagram = concat(...parts);
      datagrams.push(datagram);
      if (chance.oneIn(8)) this.#earlier = datagram.slice(0, 1_500);
    }
    this.#victim.peer.deliverAll(datagrams, ...(chance.oneIn(20) ? [elsewhere(chance)] : []));
    this.#victim.settle();
  }
}

export const datagrams: Target = { name: "datagrams", start: (seed) => new DatagramsSession(seed) };
