/** HTTP/2 frames in wire format (RFC 9113 §4.1), for tests. */

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
export const DATA = 0x0;
export const HEADERS = 0x1;
export const RST_STREAM = 0x3;
export const SETTINGS = 0x4;
export const PING = 0x6;
export const GOAWAY = 0x7;
export const WINDOW_UPDATE = 0x8;
export const CONTINUATION = 0x9;
export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const INITIAL_WINDOW_SIZE = 0x4;

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Collects bytes and returns complete frames. */
export class FrameReader {
  #buffered: Buffer = Buffer.alloc(0);
  readonly #onFrame: (type: number, flags: number, stream: number, payload: Buffer) => void;

  constructor(onFrame: (type: number, flags: number, stream: number, payload: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  push(data: Buffer): void {
    this.#buffered = Buffer.concat([this.#buffered, data]);
    while (this.#buffered.length >= 9) {
      const length = this.#buffered.readUIntBE(0, 3);
      if (this.#buffered.length < 9 + length) break;
      const [type, flags] = [this.#buffered[3]!, this.#buffered[4]!];
      this.#onFrame(type, flags, this.#buffered.readUInt32BE(5), this.#buffered.subarray(9, 9 + length));
      this.#buffered = this.#buffered.subarray(9 + length);
    }
  }
}
