/**
 * An HTTP/3 connection that obeys the protocol until the handshake completes, and then sends any frames. It
 * acknowledges and reads nothing.
 */

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { ReceivedBatch, type SocketAddress } from "../../src/base/datagrams.ts";
import type { Instant } from "../../src/base/time.ts";
import { PacketBatch } from "../../src/crypto/engine.ts";
import { portableEngine } from "../../src/crypto/portable/index.ts";
import { systemRng } from "../../src/host/random.ts";
import { emitFrame } from "../../src/quic/frame/emit.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { type Connection, type ConnectionLimits, connectionConfig, Endpoint } from "../../src/quic/index.ts";
import { derivePacketKeys, type PacketKeys, protectBatch } from "../../src/quic/keys/index.ts";
import { beginShortHeader, finishPacket } from "../../src/quic/packet/build.ts";
import { parsePacketHeader } from "../../src/quic/packet/header.ts";
import { preferredVersion } from "../../src/quic/versions/index.ts";
import { createTlsClient } from "../../src/tls/index.ts";
import { Writer } from "../../src/wire/writer.ts";

const HANDSHAKE_TIMEOUT = 10_000;
/** Higher than any packet number that the handshake used. */
const FIRST_NUMBER = 10_000;
const PORT_FAMILY = 4;

const now = (): Instant => Math.round(performance.now() * 1_000) as Instant;

export class RawH3 {
  readonly #socket: Socket;
  readonly #remote: SocketAddress;
  readonly #endpoint: Endpoint;
  readonly #connection: Connection;
  readonly #sealing = new PacketBatch(new Uint8Array(2_048), 1);
  #keys: PacketKeys | undefined;
  /** The server's connection id. */
  #destination: Uint8Array | undefined;
  #number = FIRST_NUMBER;
  #isRaw = false;

  private constructor(socket: Socket, port: number, serverName: string, limits: Partial<ConnectionLimits>) {
    this.#socket = socket;
    this.#remote = { family: PORT_FAMILY, host: "127.0.0.1", port };
    const engine = portableEngine;
    const rng = systemRng;
    this.#endpoint = new Endpoint({ config: connectionConfig({ engine, rng, keyLog: true, limits }) });
    this.#connection = this.#endpoint.connect(
      {
        remote: this.#remote,
        createTls: (transportParameters) =>
          createTlsClient({ engine, rng, alpn: ["h3"], transportParameters, serverName, keyLog: true }),
      },
      now(),
    );
  }

  /** Resolves when requests can be sent. */
  static async open(port: number, serverName: string, limits: Partial<ConnectionLimits>): Promise<RawH3> {
    const socket = createSocket("udp4");
    socket.on("error", () => undefined);
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    const raw = new RawH3(socket, port, serverName, limits);
    try {
      await raw.#handshake();
    } catch (error) {
      socket.close();
      throw error;
    }
    return raw;
  }

  #handshake(): Promise<void> {
    const batch = new ReceivedBatch(new Uint8Array(65_536), 1);
    const local: SocketAddress = { family: PORT_FAMILY, ...addressOf(this.#socket) };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        clearInterval(onTime);
        reject(new Error("no handshake"));
      }, HANDSHAKE_TIMEOUT);
      const turn = (): void => {
        for (let next = this.#endpoint.pollEvent(); next !== undefined; next = this.#endpoint.pollEvent()) {
          const { event } = next;
          if (event.type === "verify-certificate") this.#connection.certificateVerdict(undefined, now());
          if (event.type === "key-log") this.#takeSecret(event.line);
          if (event.type === "closed") reject(new Error("the server closed"));
          if (event.type === "connected") setImmediate(finish);
        }
        this.#transmit();
      };
      const onTime = setInterval(() => {
        this.#endpoint.handleTimeout(now());
        turn();
      }, 100);
      const finish = (): void => {
        clearTimeout(timer);
        clearInterval(onTime);
        this.#isRaw = true;
        resolve();
      };
      this.#socket.on("message", (datagram) => {
        if (this.#isRaw) return;
        batch.clear();
        batch.push(datagram, local, this.#remote);
        this.#noteDestination(datagram);
        this.#endpoint.handleBatch(batch, now());
        turn();
      });
      turn();
    });
  }

  #transmit(): void {
    const slots = { arena: new Uint8Array(16_384) };
    for (;;) {
      const sent = this.#endpoint.pollTransmit(slots, 8, now());
      if (sent === undefined) return;
      for (let start = 0; start < sent.length; start += sent.segmentSize) {
        this.#socket.send(slots.arena.slice(start, Math.min(start + sent.segmentSize, sent.length)));
      }
      this.#endpoint.handleSent(sent, sent.count, now());
    }
  }

  /** Records the source id of the server's first response. */
  #noteDestination(datagram: Uint8Array): void {
    if (this.#destination !== undefined) return;
    const header = parsePacketHeader(datagram, 0, datagram.length, 8, true); // our client offers grease_quic_bit (RFC 9287)
    if (header?.form === "initial") this.#destination = header.source.slice();
  }

  #takeSecret(line: string): void {
    const [label, , secret] = line.trim().split(" ");
    if (label !== "CLIENT_TRAFFIC_SECRET_0") return;
    const hash = secret!.length === 64 ? "sha256" : "sha384";
    const aead = hash === "sha256" ? "aes-128-gcm" : "aes-256-gcm";
    this.#keys = derivePacketKeys(portableEngine, aead, hash, Buffer.from(secret!, "hex"), preferredVersion);
  }

  /** Sends one packet with these frames. */
  send(frames: readonly Frame[]): void {
    const batch = this.#sealing;
    batch.count = 0;
    const writer = new Writer(batch.arena, 0, 1_400);
    const open = beginShortHeader(writer, this.#destination!, 0, 0, this.#number++, 4);
    for (const frame of frames) emitFrame(writer, frame);
    if (frames.length === 0) emitFrame(writer, { type: "ping" });
    finishPacket(writer, open, batch);
    protectBatch(batch, this.#keys!, 0);
    this.#socket.send(writer.written().slice());
  }

  close(): void {
    this.#socket.close();
  }
}

function addressOf(socket: Socket): { host: string; port: number } {
  const { address, port } = socket.address();
  return { host: address, port };
}
