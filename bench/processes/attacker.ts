/** One attacker in a separate process. Creates all packets before sending, to reach higher rates. */

import { type CryptoEngine, PacketBatch, TAG_LENGTH } from "../../src/crypto/engine.ts";
import { cryptoEngine } from "../../src/host/engine/engine.ts";
import { QuicDriver } from "../../src/host/quic/driver.ts";
import { systemRng } from "../../src/host/random.ts";
import { connectPortableSocket } from "../../src/host/udp/portable-socket.ts";
import type { UdpSocket } from "../../src/host/udp/udp-socket.ts";
import { emitFrame, parseFrame } from "../../src/quic/frame/index.ts";
import { type Connection, connectionConfig, Endpoint } from "../../src/quic/index.ts";
import {
  derivePacketKeys,
  openBatch,
  type PacketKeys,
  protectBatch,
  removeHeaderProtection,
} from "../../src/quic/keys/index.ts";
import { beginShortHeader, finishPacket } from "../../src/quic/packet/build.ts";
import { preferredVersion } from "../../src/quic/versions/index.ts";
import { createTlsClient, EncryptionLevel } from "../../src/tls/index.ts";
import { Reader } from "../../src/wire/reader.ts";
import { Writer } from "../../src/wire/writer.ts";
import { BEGUN, CONNECTION_ATTACKS, type ConnectionAttack, JUNK_ATTACKS } from "../hostile/attacks.ts";
import type { AttackDone, AttackOrder } from "../messages.ts";

const SEND_ARENA = 64 * 1024;
/** Higher than any packet number the handshake used. */
const FIRST_NUMBER = 100_000;
const TICK = 4;
/** The length of `RandomConnectionIds`. */
const OWN_ID_LENGTH = 8;

interface Victim {
  readonly socket: UdpSocket;
  readonly destination: Uint8Array;
  readonly read: PacketKeys;
  readonly write: PacketKeys;
}

process.on("message", (order: AttackOrder) => {
  attack(order).then(
    (done) => process.send!(done),
    (error: Error) => process.send!({ error: error.message } satisfies AttackDone),
  );
});

async function attack({ name, port, rate, seconds }: AttackOrder): Promise<AttackDone> {
  const count = rate * seconds;
  const remote = { family: 4, host: "127.0.0.1", port } as const;
  const make = JUNK_ATTACKS[name];
  if (make !== undefined) {
    const socket = await connectPortableSocket(remote, SEND_ARENA);
    const datagrams = Array.from({ length: Math.min(count, 20_000) }, (_, i) => make(i));
    process.send!("ready");
    await flood(socket, datagrams, count, rate, () => false);
    await socket.close();
    return {};
  }
  const engine = await cryptoEngine();
  const victim = await connect(engine, port);
  const packets = Array.from({ length: count }, (_, i) => sealed(victim, CONNECTION_ATTACKS[name]!, i));
  let closed: string | undefined;
  victim.socket.onBatch = (batch) => {
    for (let i = 0; i < batch.count; i += 1) {
      const start = batch.offset[i]!;
      closed ??= closeIn(batch.arena.slice(start, start + batch.length[i]!), victim);
    }
  };
  process.send!("ready");
  const started = performance.now();
  let cutAfter: number | undefined;
  await flood(victim.socket, packets, count, rate, () => {
    if (closed !== undefined) cutAfter ??= performance.now() - started;
    return false;
  });
  await victim.socket.close();
  return closed === undefined ? {} : { closed, milliseconds: Math.round(cutAfter ?? performance.now() - started) };
}

/** Sends all datagrams, even after the victim has closed the connection. */
async function flood(
  socket: UdpSocket,
  datagrams: readonly Uint8Array[],
  count: number,
  rate: number,
  look: () => boolean,
): Promise<void> {
  const started = performance.now();
  for (let sent = 0; sent < count; ) {
    const due = Math.min(count, ((performance.now() - started) * rate) / 1_000);
    for (; sent < due; sent += 1) send(socket, datagrams[sent % datagrams.length]!);
    look();
    await new Promise((resolve) => setTimeout(resolve, TICK));
  }
}

function send(socket: UdpSocket, datagram: Uint8Array): void {
  socket.slots.arena.set(datagram);
  const { length } = datagram;
  socket.send({ local: undefined, remote: socket.address, ecn: 0, segmentSize: length, count: 1, length });
}

/** Completes a handshake and opens three streams. The attack continues from there. */
async function connect(engine: CryptoEngine, port: number): Promise<Victim> {
  const socket = await connectPortableSocket({ family: 4, host: "127.0.0.1", port }, SEND_ARENA);
  const endpoint = new Endpoint({ config: connectionConfig({ engine, rng: systemRng, keyLog: true }) });
  const driver = new QuicDriver(endpoint, [socket]);
  const connection = endpoint.connect(
    {
      remote: { family: 4, host: "127.0.0.1", port },
      createTls: (transportParameters) =>
        createTlsClient({
          engine,
          rng: systemRng,
          alpn: ["h3"],
          transportParameters,
          serverName: "localhost",
          keyLog: true,
        }),
    },
    driver.now(),
  );
  const secrets = new Map<string, Uint8Array>();
  await new Promise<void>((resolve, reject) => {
    driver.attach(connection, {
      handleEvent(event, now) {
        if (event.type === "verify-certificate") connection.certificateVerdict(undefined, now);
        if (event.type === "closed") reject(new Error("the victim refused the handshake"));
        if (event.type === "connected") resolve();
        if (event.type !== "key-log") return;
        const [label, , secret] = event.line.split(" ");
        secrets.set(label!, Buffer.from(secret!, "hex"));
      },
    });
  });
  connection.write(connection.openStream("uni")!, BEGUN.control, false);
  connection.write(connection.openStream("uni")!, BEGUN.encoder, false);
  connection.write(connection.openStream("bidi")!, BEGUN.request, false);
  // Wait for the remaining packets of the handshake.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const keys = (label: string): PacketKeys => keysOf(engine, connection, secrets.get(label)!);
  return {
    socket,
    destination: connection.paths.primary.remoteIds.active.bytes,
    read: keys("SERVER_TRAFFIC_SECRET_0"),
    write: keys("CLIENT_TRAFFIC_SECRET_0"),
  };
}

function keysOf(engine: CryptoEngine, connection: Connection, secret: Uint8Array): PacketKeys {
  const suite = connection.handshakeFacts!.cipherSuite;
  const aead = suite.includes("CHACHA20")
    ? "chacha20-poly1305"
    : suite.includes("AES_256")
      ? "aes-256-gcm"
      : "aes-128-gcm";
  return derivePacketKeys(engine, aead, suite.endsWith("384") ? "sha384" : "sha256", secret, preferredVersion);
}

function sealed({ destination, write }: Victim, make: ConnectionAttack, i: number): Uint8Array {
  const { frames, forgery } = make(i);
  const writer = new Writer(new Uint8Array(1_400), 0, 1_400 - TAG_LENGTH);
  const batch = new PacketBatch(writer.bytes, 1);
  const open = beginShortHeader(writer, destination, 0, forgery === "key-phase" ? 1 : 0, FIRST_NUMBER + i, 4);
  for (const frame of frames) emitFrame(writer, frame);
  // Header protection needs enough bytes for a sample.
  if (writer.position < 40) writer.fill(0, 40 - writer.position);
  finishPacket(writer, open, batch);
  protectBatch(batch, write, 0);
  const packet = writer.written().slice();
  if (forgery === "junk") packet.fill(i, packet.length - TAG_LENGTH);
  return packet;
}

/** Returns the error code if the datagram has a CONNECTION_CLOSE. */
function closeIn(datagram: Uint8Array, { read }: Victim): string | undefined {
  if ((datagram[0]! & 0x80) !== 0) return undefined;
  const batch = new PacketBatch(datagram, 1);
  batch.header[0] = 0;
  batch.packetNumberOffset[0] = 1 + OWN_ID_LENGTH;
  batch.end[0] = datagram.length;
  batch.count = 1;
  removeHeaderProtection(batch, read, 0, 0);
  openBatch(batch, read.packet, 0, 0);
  if (batch.ok[0] !== 1) return undefined;
  const reader = new Reader(datagram, batch.payload[0]!, datagram.length - TAG_LENGTH);
  while (!reader.isAtEnd) {
    const frame = parseFrame(reader, EncryptionLevel.oneRtt);
    if (frame.type === "connection-close") return `0x${frame.code.toString(16)}`;
  }
  return undefined;
}

process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
