/**
 * A peer that follows the rules only as far as it wants to: it completes a handshake with a real endpoint, and then, or
 * during the handshake, sends any frames it is given, properly sealed. The endpoint is the victim; its responses are
 * recorded.
 *
 * There is no wire and no loss: a datagram arrives the moment it is sent.
 */

import { ReceivedBatch, type SocketAddress } from "../../base/datagrams.ts";
import { ProtocolError } from "../../base/errors.ts";
import { RangeSet } from "../../base/range-set.ts";
import { SeededRng } from "../../base/rng.ts";
import { after, type Instant, type Micros } from "../../base/time.ts";
import { type CryptoEngine, PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { portableEngine } from "../../crypto/portable/index.ts";
import {
  createTlsClient,
  createTlsServer,
  EncryptionLevel,
  type TlsHandshake,
  type TlsIdentity,
} from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import { Reader } from "../../wire/reader.ts";
import { Writer } from "../../wire/writer.ts";
import type { ConnectionEvent } from "../connection/options.ts";
import type { Frame } from "../frame/frames.ts";
import { emitAck, emitFrame, isAckEliciting, parseFrame } from "../frame/index.ts";
import { type Connection, connectionConfig, Endpoint } from "../index.ts";
import {
  deriveInitialSecrets,
  derivePacketKeys,
  openBatch,
  type PacketKeys,
  protectBatch,
  removeHeaderProtection,
} from "../keys/index.ts";
import { beginLongHeader, beginShortHeader, finishPacket } from "../packet/build.ts";
import { type PacketHeader, parsePacketHeader } from "../packet/header.ts";
import { emitTransportParameters, type TransportParameters } from "../params/index.ts";
import { preferredVersion } from "../versions/index.ts";
import type { HostileOptions } from "./hostile-options.ts";

export const PEER: SocketAddress = { family: 4, host: "192.0.2.66", port: 6_666 };
export const VICTIM: SocketAddress = { family: 4, host: "192.0.2.1", port: 443 };
const ID_LENGTH = 8;
/** The number of packet number ranges kept, as by any peer. */
const MAX_RANGES = 64;

export interface SendOptions {
  /** Set in the first byte before sealing. */
  readonly firstByteBits?: number;
  /** Cleared in the first byte before sealing. */
  readonly clearedBits?: number;
  readonly keyPhase?: 0 | 1;
  readonly packetNumber?: number;
  readonly padTo?: number;
}

/** Scratch memory for one call; anything that outlives the call is copied. */
const SEALING = new PacketBatch(new Uint8Array(65_536), 1);
const ARRIVING = new ReceivedBatch(new Uint8Array(65_536), 64);
const SLOTS = { arena: new Uint8Array(65_536) };

class HostileLevel {
  read: PacketKeys | undefined;
  write: PacketKeys | undefined;
  nextNumber = 0;
  largestReceived = -1;
  readonly received = new RangeSet();
  cryptoSent = 0;
  cryptoReceived = 0;
  isAckPending = false;
}

export class HostilePeer {
  now: Instant = 1_000_000 as Instant;
  readonly victim: Endpoint;
  /** The victim's side of the connection. */
  connection!: Connection;
  readonly events: ConnectionEvent[] = [];
  /** The frames that the victim sent, in order. */
  readonly frames: { readonly level: EncryptionLevel; readonly frame: Frame }[] = [];
  readonly datagrams: Uint8Array[] = [];
  /** Bytes that the victim sent to each port. */
  readonly bytesTo = new Map<number, number>();
  /** The victim's application. */
  onEvent: ((connection: Connection, event: ConnectionEvent) => void) | undefined;
  readonly #options: HostileOptions;
  readonly #version: number;
  readonly #rng: SeededRng;
  readonly #levels = Object.values(EncryptionLevel).map(() => new HostileLevel());
  /** The hostile peer's own connection id. */
  readonly id: Uint8Array = new Uint8Array(ID_LENGTH).fill(0x66);
  /** For a hostile server: the victim's first Destination Connection ID. */
  originalDestination: Uint8Array | undefined;
  /** The victim's connection id. */
  destination: Uint8Array = new Uint8Array(ID_LENGTH).fill(0x11);
  token: Uint8Array = new Uint8Array(0);
  readonly #engine: CryptoEngine;
  readonly #identity: TlsIdentity;
  readonly #alpn: readonly string[];
  #tls: TlsHandshake | undefined;
  #close: Extract<Frame, { type: "connection-close" }> | undefined;
  isComplete = false;
  /** True if it acknowledges nothing from now on. */
  isSilent: boolean;
  /** In long runs: packets of the victim that could not be parsed, since it got ids of another length. */
  unreadable = 0;

  constructor(options: HostileOptions) {
    this.#options = options;
    this.isSilent = options.silent === true || options.mute === true;
    this.#version = options.version ?? preferredVersion;
    this.#rng = new SeededRng(options.seed ?? 1);
    this.#engine = options.engine ?? portableEngine;
    this.#identity = options.identity ?? ed25519Identity();
    this.#alpn = [options.alpn ?? "test"];
    const engine = this.#engine;
    const identity = this.#identity;
    const config = connectionConfig({ engine, rng: this.#rng, ...options.victim });
    if (options.role === "client") {
      this.victim = new Endpoint({
        config,
        server: {
          createTls: (transportParameters) =>
            createTlsServer({
              engine,
              rng: this.#rng,
              alpn: this.#alpn,
              transportParameters,
              selectIdentity: () => identity,
              ...options.serverTls,
            }),
          ...options.policy,
        },
      });
      this.#installInitialKeys(this.destination);
      this.#tls = createTlsClient({
        engine,
        rng: this.#rng,
        alpn: this.#alpn,
        transportParameters: this.#parameters({ initialSourceConnectionId: this.id }),
        serverName: "server.test",
        ...options.clientTls,
      });
    } else {
      this.victim = new Endpoint({ config });
      this.connection = this.victim.connect(
        {
          remote: PEER,
          local: VICTIM,
          version: this.#version,
          followsNegotiation: options.followsNegotiation === true,
          createTls: (transportParameters) =>
            createTlsClient({
              engine,
              rng: this.#rng,
              alpn: this.#alpn,
              transportParameters,
              serverName: "server.test",
              ...options.clientTls,
            }),
        },
        this.now,
      );
    }
  }

  #parameters(own: Partial<TransportParameters>): Uint8Array {
    const given = this.#options.rawParameters;
    if (given !== undefined) return given;
    return emitTransportParameters({
      initialMaxData: 1_000_000,
      initialMaxStreamDataBidiLocal: 100_000,
      initialMaxStreamDataBidiRemote: 100_000,
      initialMaxStreamDataUni: 100_000,
      initialMaxStreamsBidi: 10,
      initialMaxStreamsUni: 10,
      ...own,
      ...(this.#options.parameters as Partial<TransportParameters>),
    });
  }

  #installInitialKeys(id: Uint8Array): void {
    const secrets = deriveInitialSecrets(this.#engine, this.#version, id);
    const keys = (secret: Uint8Array) => derivePacketKeys(this.#engine, "aes-128-gcm", "sha256", secret, this.#version);
    const isClient = this.#options.role === "client";
    this.#levels[0]!.write = keys(isClient ? secrets.client : secrets.server);
    this.#levels[0]!.read = keys(isClient ? secrets.server : secrets.client);
  }

  /** Completes the handshake as an honest peer would. */
  handshake(): this {
    if (this.#options.role === "client") {
      this.#tls!.start(this.now);
      this.#pump();
    }
    this.poll();
    return this;
  }

  /** The CONNECTION_CLOSE that the victim sent, if any. */
  get close(): Extract<Frame, { type: "connection-close" }> | undefined {
    return this.#close;
  }

  /** Advances time and handles all of the victim's timers. */
  wait(span: Micros): this {
    const until = after(this.now, span);
    let turnsAtOnce = 0;
    for (let next = this.victim.nextTimeout(); next !== undefined && next <= until; next = this.victim.nextTimeout()) {
      turnsAtOnce = next > this.now ? 0 : turnsAtOnce + 1;
      if (turnsAtOnce > 100) throw new Error("the victim's deadline stays in the past");
      this.now = Math.max(next, this.now) as Instant;
      this.victim.handleTimeout(this.now);
      this.poll();
    }
    this.now = until;
    return this;
  }

  /** Sends one packet with these frames and takes the victim's response. */
  send(level: EncryptionLevel, frames: readonly Frame[], options: SendOptions = {}): this {
    return this.sendRaw(
      level,
      (writer) => {
        for (const frame of frames) emitFrame(writer, frame);
      },
      options,
    );
  }

  /** Sends one packet with this payload. */
  sendRaw(level: EncryptionLevel, payload: ((writer: Writer) => void) | Uint8Array, options: SendOptions = {}): this {
    this.deliver(this.seal(level, payload, options));
    this.poll();
    return this;
  }

  /** Returns a sealed packet without sending it. */
  seal(
    level: EncryptionLevel,
    payload: ((writer: Writer) => void) | Uint8Array,
    options: SendOptions = {},
  ): Uint8Array {
    const state = this.#levels[level]!;
    const batch = SEALING;
    const { arena } = batch;
    batch.count = 0;
    const writer = new Writer(arena, 0, 65_000);
    const packetNumber = options.packetNumber ?? state.nextNumber;
    state.nextNumber = Math.max(state.nextNumber, packetNumber + 1);
    const open =
      level === EncryptionLevel.oneRtt
        ? beginShortHeader(writer, this.destination, 0, options.keyPhase ?? 0, packetNumber, 4)
        : beginLongHeader(
            writer,
            (["initial", "zero-rtt", "handshake"] as const)[level],
            this.#version,
            this.destination,
            this.id,
            this.token,
            packetNumber,
            4,
          );
    arena[open.header]! |= options.firstByteBits ?? 0;
    arena[open.header]! &= ~(options.clearedBits ?? 0);
    if (typeof payload === "function") payload(writer);
    else writer.write(payload);
    const padTo = options.padTo ?? (level === EncryptionLevel.initial ? 1200 : 0);
    if (writer.position + TAG_LENGTH < padTo) writer.fill(0, padTo - TAG_LENGTH - writer.position);
    finishPacket(writer, open, batch);
    protectBatch(batch, state.write!, 0);
    return writer.written().slice();
  }

  /** Delivers a datagram to the victim. */
  deliver(datagram: Uint8Array, from: SocketAddress = PEER): this {
    return this.deliverAll([datagram], from);
  }

  /** Delivers several datagrams to the victim, as one wake-up would. */
  deliverAll(datagrams: readonly Uint8Array[], from: SocketAddress = PEER): this {
    const batch = ARRIVING;
    batch.clear();
    for (const datagram of datagrams) {
      if (!batch.push(datagram, VICTIM, from)) throw new RangeError("too many datagrams for one wake-up");
    }
    this.victim.handleBatch(batch, this.now);
    return this;
  }

  /** Takes everything the victim has to send. */
  poll(): this {
    for (let round = 0; round < 100; round += 1) {
      this.#takeEvents();
      if (!this.#takeDatagrams()) return this;
      if (!this.isSilent) this.#acknowledge();
    }
    throw new Error("the victim never stops responding");
  }

  #takeEvents(): void {
    for (let next = this.victim.pollEvent(); next !== undefined; next = this.victim.pollEvent()) {
      this.connection ??= next.connection;
      if (next.event.type === "accepted") continue;
      if (this.#options.keepsNothing !== true || next.event.type === "closed") this.events.push(next.event);
      if (next.event.type === "verify-certificate") next.connection.certificateVerdict(undefined, this.now);
      this.onEvent?.(next.connection, next.event);
    }
  }

  /** Returns false if the victim had nothing to send. */
  #takeDatagrams(): boolean {
    const slots = SLOTS;
    let hasSent = false;
    for (let sent = this.victim.pollTransmit(slots, 16, this.now); sent !== undefined; ) {
      hasSent = true;
      const { port } = sent.remote;
      this.bytesTo.set(port, (this.bytesTo.get(port) ?? 0) + sent.length);
      for (let start = 0; start < sent.length; start += sent.segmentSize) {
        const datagram = slots.arena.slice(start, Math.min(start + sent.segmentSize, sent.length));
        if (this.#options.keepsNothing !== true) this.datagrams.push(datagram.slice());
        this.#handleDatagram(datagram);
      }
      sent = this.victim.pollTransmit(slots, 16, this.now);
    }
    return hasSent;
  }

  #handleDatagram(datagram: Uint8Array): void {
    for (let at = 0; at < datagram.length; ) {
      const header = parsePacketHeader(datagram, at, datagram.length, ID_LENGTH);
      if (header === undefined) return;
      if (header.form === "initial" || header.form === "handshake" || header.form === "one-rtt") {
        this.#handlePacket(datagram, header);
      }
      at = header.end;
    }
  }

  #handlePacket(arena: Uint8Array, header: PacketHeader): void {
    const level =
      header.form === "initial"
        ? EncryptionLevel.initial
        : header.form === "handshake"
          ? EncryptionLevel.handshake
          : EncryptionLevel.oneRtt;
    const state = this.#levels[level]!;
    if (header.form === "initial" && this.#options.role === "server" && state.read === undefined) {
      this.#becomeServer(header);
    }
    if (state.read === undefined) return;
    const batch = new PacketBatch(arena, 1);
    batch.header[0] = header.start;
    batch.packetNumberOffset[0] = header.packetNumberOffset;
    batch.end[0] = header.end;
    batch.count = 1;
    removeHeaderProtection(batch, state.read, 0, state.largestReceived);
    openBatch(batch, state.read.packet, 0, 0);
    if (batch.ok[0] !== 1) return;
    if (level === EncryptionLevel.initial) this.destination = header.source.slice();
    const packetNumber = batch.packetNumber[0]!;
    state.largestReceived = Math.max(state.largestReceived, packetNumber);
    state.received.add(packetNumber, packetNumber + 1);
    if (state.received.size > MAX_RANGES) state.received.dropFirst();
    try {
      this.#handleFrames(level, new Reader(arena, batch.payload[0]!, batch.end[0]! - TAG_LENGTH), state);
    } catch (error) {
      if (this.#options.keepsNothing !== true || !(error instanceof ProtocolError)) throw error;
      this.unreadable += 1;
    }
  }

  #handleFrames(level: EncryptionLevel, reader: Reader, state: HostileLevel): void {
    while (!reader.isAtEnd) {
      const frame = parseFrame(reader, level);
      if (this.#options.keepsNothing !== true) this.frames.push({ level, frame });
      if (frame.type === "connection-close") this.#close ??= frame;
      if (isAckEliciting(frame)) state.isAckPending = true;
      if (frame.type === "crypto" && this.#options.mute !== true) this.#handleCrypto(level, frame);
    }
  }

  #becomeServer(header: PacketHeader): void {
    this.#installInitialKeys(header.destination);
    this.destination = header.source.slice();
    this.originalDestination = header.destination.slice();
    const identity = this.#identity;
    this.#tls = createTlsServer({
      engine: this.#engine,
      rng: this.#rng,
      alpn: this.#alpn,
      transportParameters: this.#parameters({
        originalDestinationConnectionId: header.destination.slice(),
        initialSourceConnectionId: this.id,
      }),
      selectIdentity: () => identity,
    });
  }

  #handleCrypto(level: EncryptionLevel, frame: Extract<Frame, { type: "crypto" }>): void {
    const state = this.#levels[level]!;
    if (frame.offset !== state.cryptoReceived || this.isComplete) return;
    state.cryptoReceived += frame.data.length;
    try {
      this.#tls!.handleCrypto(level, frame.data.slice(), this.now);
      this.#pump();
    } catch (error) {
      // A peer that tampers with messages may not understand the responses.
      if (this.#options.tamper === undefined || !(error instanceof ProtocolError)) throw error;
    }
  }

  #pump(): void {
    const tls = this.#tls!;
    for (let event = tls.pollEvent(); event !== undefined; event = tls.pollEvent()) {
      if (event.type === "secret") {
        const keys = derivePacketKeys(this.#engine, event.suite.aead, event.suite.hash, event.secret, this.#version);
        this.#levels[event.level]![event.direction] = keys;
      } else if (event.type === "verify-certificate") {
        tls.certificateVerdict(undefined, this.now);
      } else if (event.type === "complete") {
        this.isComplete = true;
      }
    }
    for (let out = tls.pollTransmit(); out !== undefined; out = tls.pollTransmit()) {
      if (this.#options.withholdFinished === true && out.level === EncryptionLevel.handshake) continue;
      const state = this.#levels[out.level]!;
      const message = this.#options.tamper?.(out.level, out.bytes) ?? out.bytes;
      for (let at = 0; at < message.length; at += 1_000) {
        const data = message.subarray(at, at + 1_000);
        const frame = { type: "crypto", offset: state.cryptoSent, data } as const;
        state.cryptoSent += data.length;
        this.deliver(this.seal(out.level, (writer) => this.#emitCrypto(writer, frame, out.level)));
      }
    }
  }

  #emitCrypto(writer: Writer, frame: Frame, level: EncryptionLevel): void {
    emitFrame(writer, frame);
    const { received } = this.#levels[level]!;
    if (this.#options.acknowledgesLast === true && !received.isEmpty) emitAck(writer, received, 0, undefined);
  }

  #acknowledge(): void {
    for (const level of [EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.oneRtt] as const) {
      const state = this.#levels[level]!;
      if (!state.isAckPending || state.write === undefined) continue;
      state.isAckPending = false;
      this.deliver(this.seal(level, (writer) => emitAck(writer, state.received, 0, undefined)));
    }
  }

  /** The largest packet number received from the victim. */
  largestReceived(level: EncryptionLevel): number {
    return this.#levels[level]!.largestReceived;
  }

  /** How many CRYPTO bytes the honest part of the peer has sent. */
  cryptoSent(level: EncryptionLevel): number {
    return this.#levels[level]!.cryptoSent;
  }

  canSeal(level: EncryptionLevel): boolean {
    return this.#levels[level]!.write !== undefined;
  }

  /** The keys of a level, for anything that `seal` cannot do. */
  writeKeys(level: EncryptionLevel): PacketKeys {
    return this.#levels[level]!.write!;
  }
}
