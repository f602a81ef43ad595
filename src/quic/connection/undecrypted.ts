/**
 * Packets that overtook the handshake message with their keys (RFC 9001 §5.7). Only a few are buffered, as copies,
 * because the peer is not authenticated yet.
 */

import type { Ecn } from "../../base/datagrams.ts";
import type { EncryptionLevel } from "../../tls/handshake.ts";
import type { PathSpace } from "../path/index.ts";
import type { Route } from "../route/index.ts";

const MAX_PACKETS = 10;

/** How a datagram arrived. */
export interface PacketOrigin {
  readonly path: PathSpace;
  readonly route: Route;
  readonly ecn: Ecn;
}

interface KeptPacket extends PacketOrigin {
  readonly level: EncryptionLevel;
  readonly bytes: Uint8Array;
}

export class UndecryptedPackets {
  #packets: KeptPacket[] = [];

  /** Buffers a packet. Returns false if there is no room. */
  keep(level: EncryptionLevel, arena: Uint8Array, start: number, end: number, origin: PacketOrigin): boolean {
    if (this.#packets.length >= MAX_PACKETS) return false;
    this.#packets.push({ level, bytes: arena.slice(start, end), ...origin });
    return true;
  }

  take(level: EncryptionLevel): readonly KeptPacket[] {
    if (this.#packets.length === 0) return [];
    const taken = this.#packets.filter((packet) => packet.level === level);
    if (taken.length > 0) this.#packets = this.#packets.filter((packet) => packet.level !== level);
    return taken;
  }

  clear(): void {
    this.#packets = [];
  }
}
