/**
 * Packets that overtook the handshake message whose keys they need (RFC 9001 §5.7). Few are kept, and copied, because
 * nobody has been authenticated yet.
 */

import type { Level } from "../../tls/handshake.ts";

const MAX_PACKETS = 10;

interface KeptPacket {
  readonly level: Level;
  readonly bytes: Uint8Array;
  readonly ecn: number;
}

export class UndecryptedPackets {
  #packets: KeptPacket[] = [];

  /** False when there is no room. */
  keep(level: Level, arena: Uint8Array, start: number, end: number, ecn: number): boolean {
    if (this.#packets.length >= MAX_PACKETS) return false;
    this.#packets.push({ level, bytes: arena.slice(start, end), ecn });
    return true;
  }

  take(level: Level): readonly KeptPacket[] {
    if (this.#packets.length === 0) return [];
    const taken = this.#packets.filter((packet) => packet.level === level);
    if (taken.length > 0) this.#packets = this.#packets.filter((packet) => packet.level !== level);
    return taken;
  }

  clear(): void {
    this.#packets = [];
  }
}
