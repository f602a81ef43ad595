/**
 * One path of a connection: a path id and everything that belongs to the packets numbered under it: packet numbers and
 * loss recovery, acknowledgements, both sides' connection ids, and the routes that packets take. QUIC version 1 has one
 * path, with id 0. With multipath there are several, each with its own Application packet number space.
 */

import type { Instant } from "../../base/time.ts";
import { AckRequests, type AckTracker } from "../acks/index.ts";
import { MIN_PACKET_ROOM } from "../packet/datagram-size.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import type { LossRecovery } from "../recovery/index.ts";
import type { Routes } from "../route/index.ts";
import { IdFrames } from "./id-frames.ts";
import type { LocalIds } from "./local-ids.ts";
import type { RemoteIds } from "./remote-ids.ts";

export type PathSpaceParts = Pick<PathSpace, "id" | "acks" | "recovery" | "routes" | "localIds" | "remoteIds">;

export class PathSpace {
  /** Part of the packet protection nonce (draft-ietf-quic-multipath §2.4); 0 in version 1. */
  readonly id: number;
  readonly acks: AckTracker;
  readonly recovery: LossRecovery;
  readonly routes: Routes;
  readonly localIds: LocalIds;
  readonly remoteIds: RemoteIds;
  readonly idFrames: IdFrames;
  readonly ackRequests = new AckRequests();
  /** The number of ack-eliciting packets to send for a probe timeout (RFC 9002 §6.2.4). */
  pendingProbes = 0;
  /** True if congestion control or the pacer, not the application, held data back when this path last sent. */
  isBlocked = false;

  constructor(parts: PathSpaceParts) {
    this.id = parts.id;
    this.acks = parts.acks;
    this.recovery = parts.recovery;
    this.routes = parts.routes;
    this.localIds = parts.localIds;
    this.remoteIds = parts.remoteIds;
    this.idFrames = new IdFrames(parts.localIds, parts.remoteIds);
  }

  /** True if the anti-amplification limit allows a small packet (RFC 9000 §8.1). */
  get canSend(): boolean {
    return this.routes.active.sendAllowance() >= MIN_PACKET_ROOM;
  }

  get nextPacketNumber(): number {
    return this.recovery.nextPacketNumber(PacketNumberSpace.application);
  }

  /** When the pacer lets a blocked path send again; undefined if the congestion window forbids it. */
  pacedUntil(now: Instant): Instant | undefined {
    const { controller, pacer, maxDatagramSize } = this.routes.active;
    if (!this.isBlocked || !controller.canSend(maxDatagramSize)) return undefined;
    return pacer.nextSendTime(now, maxDatagramSize);
  }
}
