/**
 * A short memory of packets declared lost. If one is acknowledged after all it was only late: the loss was spurious
 * (RFC 9002 §6.1), and when that holds for every packet of a congestion event, the event was no congestion.
 */

import type { Instant } from "../../base/time.ts";
import type { LossEpisode, Route } from "../route/index.ts";
import type { SentFrame, SentPacket } from "./sent-packet.ts";

const MAX_REMEMBERED = 128;

export interface LostPacket {
  readonly packetNumber: number;
  readonly route: Route;
  /** Which of the controller's reductions the loss belongs to. */
  readonly episode: LossEpisode;
  readonly lostAt: Instant;
  /** What it carried, which is acknowledged if it arrives after all. */
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
    episode.missing += 1;
    this.#remembered.push({ packetNumber, route, episode, lostAt: now, frames });
  }

  /** Forgets what was declared lost before `then`. */
  forgetBefore(then: Instant): void {
    if (this.#remembered.length === 0 || this.#remembered[0]!.lostAt >= then) return;
    this.#remembered = this.#remembered.filter((lost) => lost.lostAt >= then);
  }

  /** Takes out those within the ranges of an ACK frame (smallest, largest, …; descending). */
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
