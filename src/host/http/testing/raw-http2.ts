/** A client that sends and receives raw HTTP/2 frames, for tests. */

import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  FrameReader,
  frame,
  GOAWAY,
  HEADERS,
  INITIAL_WINDOW_SIZE,
  PING,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  uint32,
  WINDOW_UPDATE,
} from "./http2-frames.ts";

/** RFC 7541 §6.2.2: a field that is not indexed, with a new name. */
const literal = (name: string, value: string | undefined): Buffer =>
  value === undefined
    ? Buffer.alloc(0)
    : Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);

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
  /** The stream of each DATA frame with content. */
  readonly order: number[] = [];
  /** The payload of the server's SETTINGS. */
  settings: Buffer | undefined;
  readonly #frames = new FrameReader((...parts) => this.#handle(...parts));
  #nextStream = 1;
  /** Of PING. */
  #acknowledged = 0;
  /** The code of GOAWAY. */
  #goaway: number | undefined;
  #changed: (() => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("error", () => undefined);
    socket.on("close", () => this.#changed?.());
    socket.on("data", (data: Buffer) => {
      this.#frames.push(data);
      this.#changed?.();
    });
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
  request(method: "GET" | "POST", priority?: string): number {
    this.requests(method, [priority]);
    return this.#nextStream - 2;
  }

  /** Sends several requests in one write, each with its Priority field. */
  requests(method: "GET" | "POST", priorities: readonly (string | undefined)[]): void {
    this.#socket.write(Buffer.concat(priorities.map((priority) => this.#request(method, priority))));
  }

  #request(method: "GET" | "POST", priority: string | undefined): Buffer {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    // RFC 7541 Appendix A: 2 is GET, 3 is POST, 4 is the path "/", 7 is https; a literal of the name at 1, :authority.
    const authority = Buffer.from("localhost");
    const fields = Buffer.from([method === "GET" ? 0x82 : 0x83, 0x84, 0x87, 0x01, authority.length]);
    const flags = END_HEADERS | (method === "GET" ? END_STREAM : 0);
    const head = frame(HEADERS, flags, stream, Buffer.concat([fields, authority, literal("priority", priority)]));
    return method === "POST" ? Buffer.concat([head, frame(DATA, 0, stream, Buffer.from("begin"))]) : head;
  }

  reset(stream: number, code: number): void {
    this.#socket.write(frame(RST_STREAM, 0, stream, uint32(code)));
  }

  /** Sends END_STREAM in an empty DATA frame. */
  endStream(stream: number): void {
    this.#socket.write(frame(DATA, END_STREAM, stream));
  }

  /** Gives the server more flow control credit, in bytes. */
  openWindow(stream: number, bytes: number): void {
    this.#socket.write(frame(WINDOW_UPDATE, 0, stream, uint32(bytes)));
  }

  /** Resolves when a stream has received at least this many bytes. */
  async received(stream: number, bytes: number): Promise<void> {
    while ((this.#bytes.get(stream) ?? 0) < bytes) await this.#change();
  }

  /** Resolves with a stream's state at END_STREAM or RST_STREAM, or only at RST_STREAM with `untilReset`. */
  async end(stream: number, untilReset: boolean): Promise<StreamEnd> {
    while (!this.#resets.has(stream) && (untilReset || !this.#ended.has(stream))) await this.#change();
    return {
      bytes: this.#bytes.get(stream) ?? 0,
      endStream: this.#ended.has(stream),
      reset: this.#resets.get(stream),
    };
  }

  /** Sends PRIORITY_UPDATE (RFC 9218 §7.1). */
  reprioritize(stream: number, value: string): void {
    this.#socket.write(frame(0x10, 0, 0, Buffer.concat([uint32(stream), Buffer.from(value)])));
  }

  /** The code of GOAWAY, once it has arrived. */
  async whenOver(): Promise<number | undefined> {
    while (!this.isOver) await this.#change();
    return this.#goaway;
  }

  /** Resolves when the server has answered a PING, and so has read everything that was sent before. */
  async ping(): Promise<void> {
    const before = this.#acknowledged;
    this.sendFrame(frame(PING, 0, 0, new Uint8Array(8)));
    while (this.#acknowledged === before) await this.#change();
  }

  /** Sends any frame. */
  sendFrame(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing any more, so that the server's writes get stuck. */
  pause(): void {
    this.#socket.pause();
  }

  /** True if the server has closed the connection. */
  get isOver(): boolean {
    return this.#goaway !== undefined || this.#socket.destroyed || this.#socket.readableEnded;
  }

  /** Resolves when the kernel has taken everything sent so far. */
  async turn(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.write(new Uint8Array(0), () => resolve());
    });
    await new Promise((resolve) => setImmediate(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = resolve;
    });
  }

  #handle(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.settings = Buffer.from(payload);
    if (type === SETTINGS && (flags & ACK) === 0) this.#socket.write(frame(SETTINGS, ACK, 0));
    if (type === DATA && payload.length > 0) this.order.push(stream);
    if (type === DATA) this.#bytes.set(stream, (this.#bytes.get(stream) ?? 0) + payload.length);
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.#ended.add(stream);
    if (type === GOAWAY) this.#goaway = payload.readUInt32BE(4);
    if (type === PING && (flags & ACK) !== 0) this.#acknowledged += 1;
    if (type === RST_STREAM) this.#resets.set(stream, payload.readUInt32BE(0));
  }
}
