/** Sends the contents of packets again that are lost, or that a probe repeats (RFC 9000 §13.3, RFC 9002 §6.2.4). */

import { PacketNumberSpace } from "../packet/number-space.ts";
import type { PathSpace } from "../path/index.ts";
import type { SentPacket } from "../recovery/sent-packet.ts";
import type { ConnectionFrames } from "./connection-frames.ts";
import type { ConnectionParts } from "./parts.ts";

export class Repeats {
  readonly #parts: ConnectionParts;
  readonly #frames: ConnectionFrames;

  constructor(parts: ConnectionParts, frames: ConnectionFrames) {
    this.#parts = parts;
    this.#frames = frames;
  }

  /** Sends the contents of a packet again, unless they are obsolete (RFC 9000 §13.3). */
  repeat(packet: SentPacket, isLost: boolean): void {
    const { streams, datagrams } = this.#parts;
    for (const frame of packet.frames) {
      if (frame.type === "crypto") frame.owner.handleLost(frame.offset, frame.length);
      else if (
        frame.type === "new-connection-id" ||
        frame.type === "retire-connection-id" ||
        frame.type === "ack-frequency"
      ) {
        frame.owner.handleLost(frame.sequence);
      } else if (frame.type === "ack" || this.#frames.handleLost(frame)) continue;
      else if (frame.type === "datagram") {
        if (isLost) datagrams.handleLost();
      } else if (isLost) streams.handleLost(frame);
      else streams.repeat(frame);
    }
  }

  /**
   * Includes what all spaces are waiting for: Handshake packets cannot be read without the Initial before them, and would
   * otherwise fill the congestion window forever.
   */
  probeHandshake(count: number): void {
    for (const space of this.#parts.spaces) {
      if (space.write === undefined || !space.crypto.hasUnacknowledged) continue;
      space.crypto.repeatUnacknowledged();
      space.pendingProbes = Math.max(space.pendingProbes, count);
    }
  }

  /**
   * RFC 9002 §6.2.4: without new data, probes carry the oldest data in flight. Repeats packets that have up to `limit`
   * bytes together, and at least one.
   */
  repeatOldest(path: PathSpace, limit: number): void {
    const { streams } = this.#parts;
    if (streams.hasStreamData || streams.hasControlFrames) return;
    let bytes = 0;
    for (const packet of path.recovery.inFlight(PacketNumberSpace.application)) {
      if (!packet.frames.some(({ type }) => type !== "ack")) continue;
      bytes += packet.size;
      if (bytes > limit && bytes > packet.size) return;
      this.repeat(packet, false);
    }
  }
}
