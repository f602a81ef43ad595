/** Frames of a WebSocket (RFC 6455 §5.2). A message is never split. */

/** What a frame is (RFC 6455 §5.2). */
export const Opcode = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

export const FIN = 0x80;
export const MASKED = 0x80;
export const MASK_LENGTH = 4;

/** A frame. Clients give a mask of 4 random bytes (§5.3); the payload is not changed. */
export function webSocketFrame(opcode: number, payload: Uint8Array, mask?: Uint8Array): Uint8Array {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const start = 2 + lengthBytes + (mask === undefined ? 0 : MASK_LENGTH);
  const frame = new Uint8Array(start + length);
  const maskBit = mask === undefined ? 0 : MASKED;
  frame[0] = FIN | opcode;
  frame[1] = maskBit | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  for (let i = 0, rest = length; i < lengthBytes; i += 1, rest = Math.floor(rest / 256)) {
    frame[1 + lengthBytes - i] = rest % 256;
  }
  if (mask === undefined) {
    frame.set(payload, start);
    return frame;
  }
  frame.set(mask, start - MASK_LENGTH);
  frame.set(masked(payload, mask), start);
  return frame;
}

/** §5.3: each byte with the byte of the mask at its place. */
export function masked(payload: Uint8Array, mask: Uint8Array): Uint8Array {
  const words = payload.length >>> 2;
  // A buffer of its own, whose words are aligned.
  const bytes = new Uint8Array(payload);
  const view = new Uint32Array(bytes.buffer, 0, words);
  const word = new Uint32Array(new Uint8Array(mask).buffer)[0]!;
  for (let i = 0; i < words; i += 1) view[i] = view[i]! ^ word;
  for (let i = words * 4; i < bytes.length; i += 1) bytes[i] = bytes[i]! ^ mask[i & 3]!;
  return bytes;
}

/** The payload of a Close frame (§5.5.1). */
export const closePayload = (status: number): Uint8Array => Uint8Array.of(status >>> 8, status & 0xff);
