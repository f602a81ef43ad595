/** Faulty handshakes: each input is a new connection, with mutated transport parameters or TLS messages. */

import type { HostileOptions } from "../../src/quic/testing/hostile-options.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { concat } from "../../src/wire/text.ts";
import { varintLength } from "../../src/wire/varint.ts";
import { Writer } from "../../src/wire/writer.ts";
import { Chance } from "../chance.ts";
import { mutate } from "../mutate.ts";
import type { Session, Target } from "../session.ts";
import { Victim } from "../victim.ts";

class HandshakeSession implements Session {
  readonly #seed: number;
  readonly #faults: (chance: Chance) => Partial<HostileOptions>;
  outcome: string | undefined;

  constructor(seed: number, faults: (chance: Chance) => Partial<HostileOptions>) {
    this.#seed = seed;
    this.#faults = faults;
  }

  end(): void {}

  step(): void {
    const chance = new Chance(this.#seed);
    const role = chance.pick(["client", "client", "client", "server"] as const);
    const victim = new Victim(chance, { role, ...this.#faults(chance) });
    victim.peer.handshake();
    // Closed or waiting: after enough silence it ends on its own.
    const isComplete = victim.outcome === undefined && victim.peer.connection?.isHandshakeComplete === true;
    victim.end();
    this.outcome = isComplete ? "completed" : (victim.outcome ?? "never accepted");
  }
}

/** The parameters of RFC 9000 §18.2 that a client may send, with their legal values. */
const LEGAL: readonly (readonly [id: number, smallest: number, largest: number])[] = [
  [0x01, 0, 2 ** 40],
  [0x03, 1_200, 2 ** 40],
  [0x04, 0, 2 ** 40],
  [0x05, 0, 2 ** 40],
  [0x06, 0, 2 ** 40],
  [0x07, 0, 2 ** 40],
  [0x08, 0, 2 ** 40],
  [0x09, 0, 2 ** 40],
  [0x0a, 0, 20],
  [0x0b, 0, 2 ** 14 - 1],
  [0x0e, 2, 2 ** 40],
];

/** Legal parameters in any order, mixed with unknown, reserved, forbidden, too large and duplicate ones. */
function parameters(chance: Chance): Partial<HostileOptions> {
  const entries: Uint8Array[] = [];
  const legal = LEGAL.filter(() => chance.oneIn(2));
  for (const [id, smallest, largest] of legal.sort(() => chance.below(3) - 1)) {
    const writer = new Writer(new Uint8Array(16));
    const value = chance.pick([smallest, largest, Math.min(largest, smallest + chance.below(1_000))]);
    writer.varint(id);
    writer.varint(varintLength(value));
    writer.varint(value);
    entries.push(writer.written());
  }
  for (let count = chance.oneIn(3) ? chance.below(4) : 0; count > 0; count -= 1) {
    const writer = new Writer(new Uint8Array(128));
    const id = chance.oneIn(2) ? chance.varint() : chance.below(0x12);
    const value = chance.oneIn(3) ? chance.bytes(40) : varint(chance);
    writer.varint(id);
    writer.varint(chance.oneIn(30) ? chance.varint() : value.length);
    writer.write(value);
    entries.push(writer.written());
  }
  // Our own connection ID, so that some pass its validation (RFC 9000 §7.3).
  if (!chance.oneIn(12)) entries.push(concat(Uint8Array.of(0x0f, 8), new Uint8Array(8).fill(0x66)));
  const whole = concat(...entries);
  return { rawParameters: chance.oneIn(8) ? mutate(whole, chance) : whole };
}

function varint(chance: Chance): Uint8Array {
  const writer = new Writer(new Uint8Array(8));
  writer.varint(chance.varint());
  return writer.written();
}

/** Changes, duplicates or drops one message of the handshake. */
function messages(chance: Chance): Partial<HostileOptions> {
  let faults = chance.pick([1, 1, 1, 2]);
  return {
    tamper: (level, message) => {
      if (faults === 0 || (level === EncryptionLevel.initial && chance.oneIn(3)) || chance.oneIn(3)) return message;
      faults -= 1;
      if (chance.oneIn(12)) return concat(message, message);
      if (chance.oneIn(12)) return new Uint8Array(0);
      if (chance.oneIn(12)) return chance.bytes(400);
      return mutate(message, chance);
    },
  };
}

export const transportParameters: Target = {
  name: "transport-parameters",
  start: (seed) => new HandshakeSession(seed, parameters),
};

export const tls: Target = { name: "tls", start: (seed) => new HandshakeSession(seed, messages) };
