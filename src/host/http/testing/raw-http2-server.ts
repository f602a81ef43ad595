/** A server that sends and receives raw HTTP/2 frames, for tests of a client. */

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";
import type { IdentitySource } from "../../certificates/identity.ts";
import {
  ACK,
  DATA,
  END_HEADERS,
  END_STREAM,
  FrameReader,
  frame,
  HEADERS,
  PREFACE,
  RST_STREAM,
  SETTINGS,
  uint32,
} from "./http2-frames.ts";

/** One request stream on the wire. */
export class RawHttp2Stream {
  bytes = 0;
  endStream = false;
  /** The code of RST_STREAM. */
  reset: number | undefined;
  #changed: (() => void) | undefined;
  readonly #send: (type: number, flags: number, payload?: Uint8Array) => void;

  constructor(send: (type: number, flags: number, payload?: Uint8Array) => void) {
    this.#send = send;
  }

  /** Sends a head with status 200, and content of the given length in bytes. */
  respond(bytes = 0): void {
    this.#send(HEADERS, END_HEADERS, Buffer.from([0x88])); // RFC 7541 Appendix A
    if (bytes > 0) this.#send(DATA, 0, Buffer.alloc(bytes));
  }

  end(): void {
    this.#send(DATA, END_STREAM);
  }

  sendReset(code: number): void {
    this.#send(RST_STREAM, 0, uint32(code));
  }

  handle(type: number, flags: number, payload: Buffer): void {
    if (type === DATA) this.bytes += payload.length;
    if ((type === DATA || type === HEADERS) && (flags & END_STREAM) !== 0) this.endStream = true;
    if (type === RST_STREAM) this.reset = payload.readUInt32BE(0);
    this.#changed?.();
  }

  async until(condition: (stream: this) => boolean): Promise<this> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
    return this;
  }
}

export interface RawHttp2Server {
  readonly url: string;
  close(): void;
}

export async function serveRawHttp2(
  { cert, key }: IdentitySource,
  onStream: (stream: RawHttp2Stream) => void,
): Promise<RawHttp2Server> {
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert: cert as Buffer, key: key as Buffer, ALPNProtocols: ["h2"] }, (socket) => {
    sockets.add(socket);
    const streams = new Map<number, RawHttp2Stream>();
    const reader = new FrameReader((type, flags, id, payload) => {
      if (type === SETTINGS && (flags & ACK) === 0) socket.write(frame(SETTINGS, ACK, 0));
      if (id === 0) return;
      let stream = streams.get(id);
      const isNew = stream === undefined;
      stream ??= new RawHttp2Stream((...parts) => socket.write(frame(parts[0], parts[1], id, parts[2])));
      streams.set(id, stream);
      stream.handle(type, flags, payload);
      if (isNew) onStream(stream);
    });
    let preface = PREFACE.length;
    socket.on("error", () => undefined);
    socket.on("data", (data: Buffer) => {
      const skipped = Math.min(preface, data.length);
      preface -= skipped;
      reader.push(data.subarray(skipped));
    });
    socket.write(frame(SETTINGS, 0, 0));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
