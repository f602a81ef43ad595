/** A connection of HTTP/2 frames as they are on the wire (RFC 9113 §4.1), for tests. */

import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const DATA = 0x0;
const HEADERS = 0x1;
const RST_STREAM = 0x3;
const SETTINGS = 0x4;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const INITIAL_WINDOW_SIZE = 0x4;

function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export interface StreamEnd {
  /** Bytes of DATA frames. */
  readonly bytes: number;
  readonly endStream: boolean;
  /** The code of RST_STREAM. */
  readonly reset: number | undefined;
}

export class RawHttp2 {
  readonly #socket: TLSSocket;
  readonly #bytes = new Map<number, number>();
  readonly #ended = new Set<number>();
  readonly #resets = new Map<number, number>();
  #buffered: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #changed: (() => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => this.#read(data));
  }

  /** `window` is the initial window of each stream. */
  static async open(port: number, window = 65_535): Promise<RawHttp2> {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    await once(socket, "secureConnect");
    const raw = new RawHttp2(socket);
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
    settings.writeUInt32BE(window, 2);
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, settings)]));
    return raw;
  }

  /** Sends a request for "/" and returns its stream. A request with content stays open. */
  request(method: "GET" | "POST"): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    // RFC 7541 Appendix A: 2 is GET, 3 is POST, 4 is the path "/", 7 is https; a literal of the name at 1, :authority.
    const authority = Buffer.from("localhost");
    const fields = Buffer.from([method === "GET" ? 0x82 : 0x83, 0x84, 0x87, 0x01, authority.length]);
    const flags = END_HEADERS | (method === "GET" ? END_STREAM : 0);
    this.#socket.write(frame(HEADERS, flags, stream, Buffer.concat([fields, authority])));
    if (method === "POST") this.#socket.write(frame(DATA, 0, stream, Buffer.from("begin")));
    return stream;
  }

  reset(stream: number, code: number): void {
    this.#socket.write(frame(RST_STREAM, 0, stream, Buffer.from([0, 0, 0, code])));
  }

  /** Resolves when a stream has so many bytes. */
  async received(stream: number, bytes: number): Promise<void> {
    while ((this.#bytes.get(stream) ?? 0) < bytes) await this.#change();
  }

  /** What came of a stream until RST_STREAM, or END_STREAM where `untilReset` is not asked. */
  async end(stream: number, untilReset: boolean): Promise<StreamEnd> {
    while (!this.#resets.has(stream) && (untilReset || !this.#ended.has(stream))) await this.#change();
    return {
      bytes: this.#bytes.get(stream) ?? 0,
      endStream: this.#ended.has(stream),
      reset: this.#resets.get(stream),
    };
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  #read(data: Buffer): void {
    this.#buffered = Buffer.concat([this.#buffered, data]);
    while (this.#buffered.length >= 9) {
      const length = this.#buffered.readUIntBE(0, 3);
      if (this.#buffered.length < 9 + length) break;
      const [type, flags] = [this.#buffered[3]!, this.#buffered[4]!];
      this.#handle(type, flags, this.#buffered.readUInt32BE(5), this.#buffered.subarray(9, 9 + length));
      this.#buffered = this.#buffered.subarray(9 + length);
    }
    this.#changed?.();
  }

  #handle(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & 1) === 0) this.#socket.write(frame(SETTINGS, 1, 0));
    if (type === DATA) this.#bytes.set(stream, (this.#bytes.get(stream) ?? 0) + payload.length);
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.#ended.add(stream);
    if (type === RST_STREAM) this.#resets.set(stream, payload.readUInt32BE(0));
  }
}
