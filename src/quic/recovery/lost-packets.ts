/**
 * Keeps recently lost packets. If one is acknowledged after all, it was only late and the loss was spurious (RFC 9002
 * §6.1). If that is true for every packet of a congestion event, there was no congestion.
 */

import type { Instant } from "../../base/time.ts";
import type { LossEpisode, Route } from "../route/index.ts";
import type { SentFrame, SentPacket } from "./sent-packet.ts";

const MAX_REMEMBERED = 128;

export interface LostPacket {
  readonly packetNumber: number;
  readonly route: Route;
  /** The controller's reduction that the loss belongs to. */
  readonly episode: LossEpisode;
  readonly lostAt: Instant;
  /** The frames that it carried, which count as acknowledged if it arrives late. */
  readonly frames: readonly SentFrame[];
}

export class LostPackets {
  /** Ascending by packet number. */
  #remembered: LostPacket[] = [];

  get isEmpty(): boolean {
    return this.#remembered.length === 0;
  }

  remember({ packetNumber, route, frames }: SentPacket, now: Instant): void {
    if (this.#remembered.length === MAX_REMEMBERED) this.#remembered.shift();
    const { episode } = route.losses;
    episode.outstanding += 1;
    this.#remembered.push({ packetNumber, route, episode, lostAt: now, frames });
  }

  /** Drops packets that were declared lost before `then`. */
  dropBefore(then: Instant): void {
    if (this.#remembered.length === 0 || this.#remembered[0]!.lostAt >= then) return;
    this.#remembered = this.#remembered.filter((lost) => lost.lostAt >= then);
  }

  /**
   * Removes the packets within the ranges of an ACK frame (smallest, largest, …; descending) and adds them to `into`.
   */
  takeAcked(ranges: readonly number[], into: LostPacket[]): void {
    let index = this.#remembered.length - 1;
    for (let i = 0; i < ranges.length && index >= 0; i += 2) {
      const smallest = ranges[i]!;
      const largest = ranges[i + 1]!;
      while (index >= 0 && this.#remembered[index]!.packetNumber > largest) index -= 1;
      while (index >= 0 && this.#remembered[index]!.packetNumber >= smallest) {
        into.push(...this.#remembered.splice(index, 1));
        index -= 1;
      }
    }
  }

  clear(): void {
    this.#remembered.length = 0;
  }
}
