/** The packet number spaces of one path, by `PacketNumberSpace`. Discarding a space drops all of it but one fact. */

import type { Instant } from "../../base/time.ts";
import type { PacketNumberSpace } from "../packet/number-space.ts";
import type { SendSpace } from "./send-space.ts";

export class SendSpaces {
  /** The remaining spaces. */
  readonly all: readonly (SendSpace | undefined)[];
  readonly #spaces: (SendSpace | undefined)[];
  /** When the latest of the packets was sent that were acknowledged in discarded spaces. */
  #latestAckedTimeSent: Instant | undefined;

  constructor(spaces: readonly (SendSpace | undefined)[]) {
    this.#spaces = [...spaces];
    this.all = this.#spaces;
  }

  find(kind: PacketNumberSpace): SendSpace | undefined {
    return this.#spaces[kind];
  }

  get(kind: PacketNumberSpace): SendSpace {
    const space = this.#spaces[kind];
    if (space === undefined) throw new RangeError("this path does not have that packet number space");
    return space;
  }

  discard(kind: PacketNumberSpace): void {
    this.#latestAckedTimeSent = later(this.#latestAckedTimeSent, this.get(kind).latestAckedTimeSent);
    this.#spaces[kind] = undefined;
  }

  /** When the latest of the packets was sent that were acknowledged in other spaces than this, discarded ones too. */
  latestAckedBeside(space: SendSpace): Instant | undefined {
    let latest = this.#latestAckedTimeSent;
    for (const other of this.#spaces) if (other !== space) latest = later(latest, other?.latestAckedTimeSent);
    return latest;
  }
}

const later = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;
