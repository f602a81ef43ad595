/**
 * What loss detection has learned of one route: how far packets are reordered on it (RFC 9002 §6.1.1), and which losses
 * belong to the controller's latest reduction, so that a reduction can be undone when all of them arrive after all.
 */

import type { Instant } from "../../base/time.ts";

/** RFC 9002 §6.1.1, kPacketThreshold. */
const PACKET_THRESHOLD = 3;

/** How far reordering may raise the threshold. */
const MAX_PACKET_THRESHOLD = 32;

/** The losses that one reduction of the window answers. */
export class LossEpisode {
  /** Packets of this episode that were lost and have not arrived after all. */
  missing = 0;
}

export class LossMemory {
  /** RFC 9002 §7.6.2: persistent congestion is not established before the first RTT sample. */
  firstRttSample: Instant | undefined;
  #packetThreshold = PACKET_THRESHOLD;
  #episode = new LossEpisode();

  get packetThreshold(): number {
    return this.#packetThreshold;
  }

  /** A packet declared lost arrived `distance` packets behind the largest acknowledged. */
  onReordered(distance: number): void {
    this.#packetThreshold = Math.max(this.#packetThreshold, Math.min(distance + 1, MAX_PACKET_THRESHOLD));
  }

  get episode(): LossEpisode {
    return this.#episode;
  }

  /** The window was reduced: losses from now on belong to another episode. */
  beginEpisode(): void {
    this.#episode = new LossEpisode();
  }

  /** A loss of `episode` was only late. True when that was the last one missing of the present episode. */
  onArrivedAfterAll(episode: LossEpisode): boolean {
    if (episode !== this.#episode) return false;
    episode.missing -= 1;
    return episode.missing === 0;
  }
}
