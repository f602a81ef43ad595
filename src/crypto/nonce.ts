/** The AEAD nonce of a packet (RFC 9001 §5.3): the IV XOR the packet number. */

import { IV_LENGTH } from "./engine.ts";

/**
 * Writes IV XOR (path ID, packet number) into `nonce`. The packet number takes the last 62 bits and the path ID the
 * first 32, as in draft-ietf-quic-multipath; for path 0 this is exactly RFC 9001.
 */
export function writePacketNonce(nonce: Uint8Array, iv: Uint8Array, pathId: number, packetNumber: number): void {
  const high = Math.floor(packetNumber / 0x1_0000_0000);
  const low = packetNumber >>> 0;
  nonce[0] = iv[0]! ^ (pathId >>> 24);
  nonce[1] = iv[1]! ^ (pathId >>> 16);
  nonce[2] = iv[2]! ^ (pathId >>> 8);
  nonce[3] = iv[3]! ^ pathId;
  nonce[4] = iv[4]! ^ (high >>> 24);
  nonce[5] = iv[5]! ^ (high >>> 16);
  nonce[6] = iv[6]! ^ (high >>> 8);
  nonce[7] = iv[7]! ^ high;
  nonce[8] = iv[8]! ^ (low >>> 24);
  nonce[9] = iv[9]! ^ (low >>> 16);
  nonce[10] = iv[10]! ^ (low >>> 8);
  nonce[11] = iv[11]! ^ low;
}

export const createNonce = (): Uint8Array => new Uint8Array(IV_LENGTH);
