/** Frames after the handshake: any types, order and values, in correctly sealed packets. */

import { millis } from "../../src/base/time.ts";
import { DEFAULT_DATAGRAM_LIMITS } from "../../src/quic/datagram/index.ts";
import { DEFAULT_LIMITS } from "../../src/quic/index.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { Chance } from "../chance.ts";
import { writeFrames } from "../frames.ts";
import { mutate } from "../mutate.ts";
import { resuming } from "../resuming.ts";
import { type Session, type Target, VictimFault } from "../session.ts";
import { Victim } from "../victim.ts";

const EXTENSIONS = {
  ackFrequency: true,
  datagrams: { ...DEFAULT_DATAGRAM_LIMITS, receiveBuffer: 4_000, sendBuffer: 4_000 },
};

/** Low limits, which are reached sooner. */
const TIGHT = { ...DEFAULT_LIMITS, initialMaxData: 20_000, initialMaxStreamData: 4_000, sendBufferPerStream: 8_000 };

class FramesSession implements Session {
  readonly #chance: Chance;
  readonly #role: "client" | "server";
  readonly #victim: Victim;
  /** Levels of the inputs while the handshake may be incomplete. */
  readonly #levels: readonly EncryptionLevel[];
  readonly #isExtended: boolean;
  #isMutated = false;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    const role = chance.pick(["client", "server"] as const);
    const withholdFinished = role === "client" && chance.oneIn(8);
    this.#role = role;
    this.#isExtended = chance.oneIn(2);
    const victim = {
      ...(chance.oneIn(2) ? {} : { limits: TIGHT, keepAlive: millis(700), keyUpdateAfter: 100 }),
      ...(this.#isExtended ? EXTENSIONS : {}),
    };
    const parameters = this.#isExtended ? { minAckDelay: millis(1), maxDatagramFrameSize: 1_000 } : {};
    const resumption = role === "client" && chance.oneIn(4) ? resuming(chance) : {};
    const silent = chance.oneIn(6);
    this.#victim = new Victim(chance, { role, withholdFinished, silent, victim, parameters, ...resumption });
    const { peer } = this.#victim;
    peer.handshake();
    if (role === "server" && !chance.oneIn(3)) peer.send(EncryptionLevel.oneRtt, [{ type: "handshake-done" }]);
    this.#levels = Object.values(EncryptionLevel).filter((level) => peer.canSeal(level));
  }

  get outcome(): string | undefined {
    return this.#victim.outcome;
  }

  end(): void {
    this.#victim.end();
  }

  step(): void {
    const chance = this.#chance;
    const { peer } = this.#victim;
    const isOther = !peer.isComplete || chance.oneIn(40);
    const level = isOther ? chance.pick(this.#levels) : EncryptionLevel.oneRtt;
    const largestSent = peer.largestReceived(level);
    let payload = writeFrames(chance, { largestSent, level, role: this.#role, isExtended: this.#isExtended });
    if (chance.oneIn(100)) {
      payload = mutate(payload, chance);
      this.#isMutated = true;
    }
    peer.deliver(
      peer.seal(level, payload, {
        ...(chance.oneIn(400) ? { keyPhase: 1 } : {}),
        ...(chance.oneIn(1_000) ? { firstByteBits: chance.below(0x20) } : {}),
        ...(chance.oneIn(30) ? { packetNumber: chance.below(1_000) } : {}),
      }),
    );
    if (chance.oneIn(8)) this.#victim.act();
    this.#victim.settle();
    if (peer.isComplete) this.#victim.checkCloseReason();
    // IDs are eight bytes long unless a mutation changed that, so the victim's packets are readable.
    if (peer.unreadable > 0 && !this.#isMutated) throw new VictimFault("the victim sent an unreadable packet");
  }
}

export const frames: Target = { name: "frames", start: (seed) => new FramesSession(seed) };
