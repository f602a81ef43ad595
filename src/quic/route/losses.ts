/**
 * What loss detection has learned about one route: how far packets are reordered (RFC 9002 §6.1.1), and which losses
 * belong to the controller's latest reduction, so that it can be undone if all of those packets arrive late.
 */

import type { Instant } from "../../base/time.ts";

/** RFC 9002 §6.1.1, kPacketThreshold. */
const PACKET_THRESHOLD = 3;

/** The maximum to which reordering may raise the threshold. */
const MAX_PACKET_THRESHOLD = 32;

/** The losses that triggered one reduction of the window. */
export class LossEpisode {
  /** The number of lost packets in this episode that have not arrived late. */
  outstanding = 0;
}

export class LossHistory {
  /** RFC 9002 §7.6.2: persistent congestion is not established before the first RTT sample. */
  firstRttSample: Instant | undefined;
  #packetThreshold = PACKET_THRESHOLD;
  #episode = new LossEpisode();

  get packetThreshold(): number {
    return this.#packetThreshold;
  }

  /** A packet declared lost arrived, `distance` packets after the largest acknowledged. */
  onReordered(distance: number): void {
    this.#packetThreshold = Math.max(this.#packetThreshold, Math.min(distance + 1, MAX_PACKET_THRESHOLD));
  }

  get episode(): LossEpisode {
    return this.#episode;
  }

  /** The window was reduced: losses from now on belong to a new episode. */
  beginEpisode(): void {
    this.#episode = new LossEpisode();
  }

  /**
   * A loss of `episode` turned out to be spurious. Returns true if it was the last outstanding one of the current
   * episode.
   */
  onLateArrival(episode: LossEpisode): boolean {
    if (episode !== this.#episode) return false;
    episode.outstanding -= 1;
    return episode.outstanding === 0;
  }
}
