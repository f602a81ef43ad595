/** Clients that make a server hold as much memory as possible. Each uses a separate connection and stays. */

import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { Writer } from "../../src/wire/writer.ts";
import { RawH3 } from "./raw-h3.ts";

export interface Attacker {
  /** Keeps the connection alive. */
  ping(): void;
  close(): void;
}

export interface Victim {
  readonly port: number;
  readonly serverName: string;
  /** The path of a large file. */
  readonly large: string;
}

const PIECE = new Uint8Array([0x78]);
/** Within the limits of a stream and of a connection. */
const PIECES = 8_160;
const STREAMS = 900;
const PIECES_PER_PACKET = 40;
const PACKETS_PER_TURN = 10;

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

/** Sends thousands of one-byte pieces with one-byte gaps. */
export async function openPieces({ port, serverName }: Victim): Promise<Attacker> {
  const raw = await RawH3.open(port, serverName, {});
  for (let piece = 0, packets = 0; piece < PIECES; packets++) {
    const frames = Array.from({ length: PIECES_PER_PACKET }, () => {
      const [id, offset] = [(piece % STREAMS) * 4, 2 + 2 * Math.floor(piece / STREAMS)];
      piece++;
      return { type: "stream", id, offset, data: PIECE, fin: false } as const;
    });
    raw.send(frames);
    if (packets % PACKETS_PER_TURN === 0) await turn();
  }
  return { ping: () => raw.send([]), close: () => raw.close() };
}

const ascii = (text: string): Uint8Array => Buffer.from(text, "latin1");

/** A HEADERS frame (RFC 9114 §7.2.2) for a GET request. */
function requestFrame(authority: string, path: string): Uint8Array {
  const lines = [
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", authority],
    [":path", path],
  ] as const;
  const writer = new Writer(new Uint8Array(256));
  writer.write(new Uint8Array([0x00, 0x00]));
  for (const [name, value] of lines) {
    // RFC 9204 §4.5.6: a literal name, whose length has a 3-bit prefix, and a value.
    writer.write(new Uint8Array(name.length < 7 ? [0x20 | name.length] : [0x27, name.length - 7]));
    writer.write(ascii(name));
    writer.uint8(value.length);
    writer.write(ascii(value));
  }
  const section = writer.written();
  return new Uint8Array([0x01, 0x40, section.length, ...section]);
}

const READS = 10;

/** Requests ten responses that get one byte of flow control credit each. */
export async function openSlowReader({ port, serverName, large }: Victim): Promise<Attacker> {
  const raw = await RawH3.open(port, serverName, { initialMaxData: 1_000, initialMaxStreamData: 1 });
  const data = requestFrame(serverName, large);
  for (let i = 0; i < READS; i++) raw.send([{ type: "stream", id: i * 4, offset: 0, data, fin: true }]);
  return { ping: () => raw.send([]), close: () => raw.close() };
}

const PIPELINED = 1_500;

/** Sends pipelined HTTP/1.1 requests without reading the responses. */
export async function openPipeline({ port, serverName, large }: Victim): Promise<Attacker> {
  const options = { port, host: "127.0.0.1", servername: serverName, rejectUnauthorized: false };
  const socket: TLSSocket = connect({ ...options, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  socket.pause();
  await once(socket, "secureConnect");
  socket.write(`GET ${large} HTTP/1.1\r\nHost: ${serverName}\r\n\r\n`.repeat(PIPELINED));
  return { ping: () => undefined, close: () => socket.destroy() };
}
