/** WebTransport in the capsules of HTTP/2: mostly well-formed, in pieces of any size. */

import { type Instant, millis } from "../../src/base/time.ts";
import { capsule } from "../../src/http/capsules/index.ts";
import {
  CapsuleConnection,
  IMPLEMENTED_TYPES,
  LOWEST_BIT_TYPES,
  type StreamTypes,
} from "../../src/webtransport/h2/index.ts";
import { OWN_LIMITS, type Role } from "../../src/webtransport/mux/index.ts";
import type { VarInt } from "../../src/wire/varint.ts";
import { Writer } from "../../src/wire/writer.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import { type Session, type Target, VictimFault } from "../session.ts";

const NOW = millis(1) as number as Instant;
const ENOUGH = 400;
const RESET_STREAM = 0x190b4d39;
/** With one integer, and with a stream before it. */
const LIMITS = [0x190b4d3d, 0x190b4d3f, 0x190b4d40, 0x190b4d41, 0x190b4d43] as const;
const STREAM_LIMITS = [0x190b4d3a, 0x190b4d3e, 0x190b4d42] as const;

class CapsuleSession implements Session {
  readonly #chance: Chance;
  readonly #victim: CapsuleConnection;
  readonly #role: Role;
  readonly #types: StreamTypes;
  /** Bytes that were sent on each stream, and streams that have ended. */
  readonly #sent = new Map<number, number>();
  readonly #over = new Set<number>();
  #steps = 0;

  constructor(seed: number) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#role = chance.pick(["client", "server"] as const);
    this.#types = chance.pick([IMPLEMENTED_TYPES, LOWEST_BIT_TYPES]);
    const peer = chance.oneIn(3)
      ? { ...OWN_LIMITS, maxData: chance.below(2_000), maxStreamsUni: chance.below(4) }
      : OWN_LIMITS;
    this.#victim = new CapsuleConnection({ role: this.#role, peer, streamTypes: this.#types, onPending: () => {} });
  }

  get outcome(): string | undefined {
    const { failure, hasEnded } = this.#victim;
    if (failure !== undefined) return failure.name;
    if (hasEnded) return "closed";
    return this.#steps >= ENOUGH ? "open" : undefined;
  }

  step(): void {
    const chance = this.#chance;
    this.#steps += 1;
    const whole = this.#capsule();
    const bytes = chance.oneIn(300) ? mutate(whole, chance) : whole;
    const cut = chance.below(bytes.length + 1);
    this.#victim.handle(bytes.slice(0, cut));
    this.#victim.handle(bytes.slice(cut));
    this.#useSession();
    for (let chunks = 0; this.#victim.poll(NOW) !== undefined; chunks += 1) {
      if (chunks > 1_000) throw new VictimFault("the victim sends endlessly");
    }
    if (this.#victim.streams.unread > OWN_LIMITS.maxData) throw new VictimFault("more waits than was allowed");
  }

  end(): void {
    this.#victim.handleEnd();
    const { size } = this.#victim.streams;
    if (size > 0) throw new VictimFault(`${size} streams are left over`);
    if (!this.#victim.session.isClosed) throw new VictimFault("the session is still open");
  }

  /** What an application does: reads, answers, opens streams, and abandons some. */
  #useSession(): void {
    const chance = this.#chance;
    const { session } = this.#victim;
    for (let event = session.pollEvent(); event !== undefined; event = session.pollEvent()) {
      if (event.type === "readable" && !chance.oneIn(4)) while (session.read(event.id, 1 + chance.below(100)));
      if (event.type === "readable" && chance.oneIn(30)) session.stopSending(event.id, chance.below(300));
      if (event.type === "stream" && event.direction === "bidi")
        session.write(event.id, chance.bytes(50), chance.oneIn(2));
    }
    if (chance.oneIn(20)) session.openStream(chance.pick(["uni", "bidi"]));
    if (chance.oneIn(20)) session.sendDatagram(chance.bytes(100));
    if (chance.oneIn(50)) session.drain();
    if (chance.oneIn(2_000)) session.close({ closeCode: chance.below(300), reason: "bye" });
  }

  #capsule(): Uint8Array {
    const chance = this.#chance;
    const isWild = chance.oneIn(200);
    const own = 4 * chance.below(12) + (this.#role === "server" ? 0 : 1) + chance.pick([0, 2]);
    const id = isWild ? chance.below(60) : own;
    const integers = (type: number, ...values: readonly VarInt[]): Uint8Array => {
      const writer = new Writer(new Uint8Array(40));
      for (const value of values) writer.varint(isWild ? chance.varint() : value);
      return capsule(type, writer.written());
    };
    switch (chance.below(8)) {
      case 0:
        if (this.#over.has(id) && !isWild) break;
        this.#over.add(id);
        return integers(RESET_STREAM, id, chance.below(300), this.#sent.get(id) ?? 0);
      case 1:
        return integers(chance.pick(LIMITS), 5_000_000 + this.#steps);
      case 2:
        if (id % 4 >= 2 && !isWild) break;
        return integers(chance.pick(STREAM_LIMITS), id, 2_000_000 + this.#steps);
      case 3:
        return capsule(0, chance.bytes(100));
      case 4:
        return capsule(
          chance.pick([0x190b4d38, 0x1234, isWild ? 0x2843 : 0x1235, isWild ? 0x78ae : 0x1236]),
          chance.bytes(30),
        );
    }
    if (this.#over.has(id) && !isWild) return capsule(0x190b4d38);
    const data = chance.bytes(200);
    const isLast = chance.oneIn(20);
    this.#sent.set(id, (this.#sent.get(id) ?? 0) + data.length);
    if (isLast) this.#over.add(id);
    const writer = new Writer(new Uint8Array(8));
    writer.varint(id);
    return capsule(isLast ? this.#types.last : this.#types.more, writer.written(), data);
  }
}

export const capsules: Target = { name: "capsules", start: (seed) => new CapsuleSession(seed) };
