// Captures packets without capture privileges: a UDP relay on loopback that writes each forwarded datagram to a pcap
// file with synthesized IPv4 and UDP headers (LINKTYPE_RAW).
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { closeSync, openSync, writeSync } from "node:fs";
import { guard, reportFault } from "../guard.ts";

const LINKTYPE_RAW = 101;
const CLIENT = { address: 0x7f000001, port: 40_000 };

export interface CapturingRelay extends AsyncDisposable {
  /** The port for the client to connect to. */
  readonly port: number;
}

/** Relays between one client and the server at 127.0.0.1:serverPort. The capture does not show the relay itself. */
export async function captureRelay(serverPort: number, path: string): Promise<CapturingRelay> {
  const file = openSync(path, "w", 0o600);
  writeSync(file, pcapHeader());
  const [outer, inner] = await Promise.all([bind(), bind()]);
  const server = { address: 0x7f000001, port: serverPort };
  let clientPort: number | undefined;
  outer.on(
    "message",
    guard("relay outward", reportFault, (datagram: Buffer, { port }: RemoteInfo) => {
      clientPort = port;
      writeSync(file, packet(CLIENT, server, datagram));
      inner.send(datagram, serverPort, "127.0.0.1");
    }),
  );
  inner.on(
    "message",
    guard("relay inward", reportFault, (datagram: Buffer) => {
      writeSync(file, packet(server, CLIENT, datagram));
      if (clientPort !== undefined) outer.send(datagram, clientPort, "127.0.0.1");
    }),
  );
  return {
    port: outer.address().port,
    async [Symbol.asyncDispose]() {
      outer.close();
      inner.close();
      await Promise.all([once(outer, "close"), once(inner, "close")]);
      closeSync(file);
    },
  };
}

async function bind(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

interface Endpoint {
  readonly address: number;
  readonly port: number;
}

function pcapHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(LINKTYPE_RAW, 20);
  return header;
}

function packet(from: Endpoint, to: Endpoint, payload: Uint8Array): Buffer {
  const length = 20 + 8 + payload.length;
  const record = Buffer.alloc(16 + length);
  const now = Date.now();
  record.writeUInt32LE(Math.floor(now / 1000), 0);
  record.writeUInt32LE((now % 1000) * 1000, 4);
  record.writeUInt32LE(length, 8);
  record.writeUInt32LE(length, 12);
  const ip = record.subarray(16); // RFC 791 §3.1
  ip.writeUInt16BE(0x4500, 0);
  ip.writeUInt16BE(length, 2);
  ip.writeUInt16BE(0x4011, 8); // time to live 64, protocol UDP
  ip.writeUInt32BE(from.address, 12);
  ip.writeUInt32BE(to.address, 16);
  ip.writeUInt16BE(internetChecksum(ip.subarray(0, 20)), 10);
  const udp = ip.subarray(20); // RFC 768; a checksum of 0 means none
  udp.writeUInt16BE(from.port, 0);
  udp.writeUInt16BE(to.port, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  udp.set(payload, 8);
  return record;
}

/** RFC 1071. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += bytes.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
