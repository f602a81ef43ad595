/**
 * From datagrams to frames: takes the run of datagrams that one wake-up received for one connection, opens its packets
 * and passes on each frame. 1-RTT packets are unmasked and opened as a batch; handshake packets, of which there are
 * few, one at a time.
 */

import type { Ecn, ReceivedBatch } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import { type PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { ENCRYPTION_LEVEL_NAMES, EncryptionLevel } from "../../tls/handshake.ts";
import { Reader } from "../../wire/reader.ts";
import type { AckTracker } from "../acks/index.ts";
import { transportError } from "../errors.ts";
import type { Frame } from "../frame/frames.ts";
import { isAckEliciting, parseFrame } from "../frame/index.ts";
import { openBatch, type PacketKeys, removeHeaderProtection } from "../keys/index.ts";
import { MIN_DATAGRAM_SIZE } from "../packet/datagram-size.ts";
import { isShortHeader, type PacketForm, type PacketHeader, parsePacketHeader } from "../packet/header.ts";
import type { PathSpace } from "../path/index.ts";
import type { Route } from "../route/index.ts";
import type { PacketEvent } from "../trace.ts";
import type { HandshakeSpace } from "./handshake-spaces.ts";
import { isProbing, type Migration } from "./migration.ts";
import type { MissingHandshake } from "./missing-handshake.ts";
import type { ConnectionParts } from "./parts.ts";
import { PacketContent, tracedPacket } from "./traced-packet.ts";
import { type PacketOrigin, UndecryptedPackets } from "./undecrypted.ts";
import { WORK } from "./work-budget.ts";

/** Receives everything except frames. */
export interface PacketListener {
  /**
   * RFC 9000 §7.2: the Source Connection ID of the peer's first packet is fixed; packets with another are discarded.
   */
  isFromPeer(source: Uint8Array): boolean;
  /** False for a packet in another version than those that the connection may use. */
  acceptsVersion(version: number, form: PacketForm): boolean;
  /** The keys for a packet in this version; undefined while they are unknown. */
  readKeys(space: HandshakeSpace, version: number): PacketKeys | undefined;
  /** A packet was authenticated; called before its frames are handled. `version` is 0 for 1-RTT packets. */
  onPacketOpened(level: EncryptionLevel, source: Uint8Array | undefined, version: number, route: Route): void;
  handleRetry(header: PacketHeader, packet: Uint8Array): void;
  handleVersionNegotiation(header: PacketHeader): void;
}

/** The packet that a frame arrived in; packets with the same context share it. */
export interface FrameContext {
  readonly level: EncryptionLevel;
  readonly path: PathSpace;
  readonly route: Route;
  /** The key of the connection id that the packet was sent to. */
  readonly destination: string;
}

export interface FrameListener {
  readonly missingHandshake: Pick<MissingHandshake, "onUnreadable" | "onLateHandshakePacket">;
  /** Handles each frame in turn. */
  handleFrame(frame: Frame, context: FrameContext, now: Instant): void;
}

type DroppedPacket = Extract<PacketEvent, { type: "quic:packet-dropped" }>;

/** RFC 9000 §17.2, §17.3.1: bits that must be zero after header protection is removed. */
const LONG_RESERVED_BITS = 0x0c;
const SHORT_RESERVED_BITS = 0x18;

export class PacketReceiver {
  readonly #parts: ConnectionParts;
  readonly #listener: PacketListener;
  readonly #frames: FrameListener;
  readonly #migration: Migration;
  readonly #undecrypted = new UndecryptedPackets();

  constructor(parts: ConnectionParts, listener: PacketListener, frames: FrameListener, migration: Migration) {
    this.#parts = parts;
    this.#migration = migration;
    this.#listener = listener;
    this.#frames = frames;
  }

  /** Handles datagrams [from, to) of the batch, all for this connection. */
  handleDatagrams(received: ReceivedBatch, from: number, to: number, now: Instant): void {
    const { stats, closing, trace, work } = this.#parts;
    const batch = this.#parts.host.inbound.forArena(received.arena);
    let batchPath: PathSpace | undefined;
    work.refill(now);
    let processed = 0;
    for (let i = from; i < to; i += 1) {
      const start = received.offset[i]!;
      const end = start + received.length[i]!;
      const path = this.#pathOf(received.arena, start);
      const local = received.local[i]!;
      const remote = received.remote[i]!;
      const route = path.routes.find(local, remote) ?? this.#migration.candidate(path, local, remote);
      if (route === undefined) {
        // RFC 9000 §9: a client drops packets from any address other than the server's.
        stats.datagramsFromElsewhere += 1;
        trace?.({ type: "quic:datagram-dropped", remote, size: end - start }, now);
        continue;
      }
      stats.bytesReceived += end - start;
      route.onDatagramReceived(end - start);
      if (!closing.isOpen) closing.handleDatagram();
      if (work.isSpent || !work.mayDecrypt || processed >= work.share) {
        this.#shed(end - start, now);
        continue;
      }
      processed += 1;
      if (batchPath !== undefined && (path !== batchPath || batch.count === batch.capacity)) {
        this.#openOneRtt(batch, batchPath, now);
      }
      batchPath = path;
      const ecn = received.ecn[i] as Ecn;
      if (!this.#appendOneRtt(batch, start, end, route, ecn)) {
        this.#handlePackets(batch, start, end, { path, route, ecn }, now);
      }
    }
    if (batchPath !== undefined) this.#openOneRtt(batch, batchPath, now);
    this.#migration.forgetCandidates();
  }

  /** RFC 9000 §21.9 allows dropping non-productive packets. */
  #shed(size: number, now: Instant): void {
    const { stats, work, trace } = this.#parts;
    stats.datagramsShed += 1;
    trace?.({ type: "quic:packet-dropped", cause: "rejected", size }, now);
    // Costs the full amount, or a flood could continue at this rate. Forged packets, however, must not close the
    // connection.
    if (!work.isSpent && work.mayDecrypt) work.spend(WORK.packet);
  }

  /** Handshake packets belong to the primary path, 1-RTT packets to the path of their destination connection id. */
  #pathOf(arena: Uint8Array, start: number): PathSpace {
    const { paths, config } = this.#parts;
    if (paths.all.length === 1 || arena[start]! >= 0x80) return paths.primary;
    return paths.byDestination(
      this.#parts.host.inbound.keys.keyOf(arena, start + 1, start + 1 + config.connectionIds.length),
    );
  }

  /** Read keys of `level` are available: tries packets that arrived too early. */
  retryUndecrypted(level: EncryptionLevel, now: Instant): void {
    for (const { bytes, path, route, ecn } of this.#undecrypted.take(level)) {
      const batch = this.#parts.host.inbound.forArena(bytes);
      this.#handlePackets(batch, 0, bytes.length, { path, route, ecn }, now);
      this.#openOneRtt(batch, path, now);
    }
  }

  /** Drops buffered packets of one level, or of all. */
  dropUndecrypted(level?: EncryptionLevel): void {
    if (level === undefined) this.#undecrypted.clear();
    else this.#undecrypted.take(level);
  }

  /** Takes a datagram that is one 1-RTT packet, as nearly all are, without an object for its header. */
  #appendOneRtt(batch: PacketBatch, start: number, end: number, route: Route, ecn: Ecn): boolean {
    const { config, oneRtt } = this.#parts;
    const idEnd = start + 1 + config.connectionIds.length;
    if (!oneRtt.canRead || !isShortHeader(batch.arena, start, idEnd, end, config.greaseQuicBit)) return false;
    this.#append(
      batch,
      start,
      idEnd,
      end,
      route,
      ecn,
      this.#parts.host.inbound.keys.keyOf(batch.arena, start + 1, idEnd),
    );
    return true;
  }

  #appendHeader(batch: PacketBatch, header: PacketHeader, { route, ecn }: PacketOrigin, destination: string): void {
    this.#append(batch, header.start, header.packetNumberOffset, header.end, route, ecn, destination);
  }

  #append(
    batch: PacketBatch,
    start: number,
    packetNumberOffset: number,
    end: number,
    route: Route,
    ecn: Ecn,
    destination: string,
  ): void {
    const index = batch.count;
    batch.header[index] = start;
    batch.packetNumberOffset[index] = packetNumberOffset;
    batch.end[index] = end;
    batch.count = index + 1;
    const { ecn: marks, routes, destinations } = this.#parts.host.inbound;
    marks[index] = ecn;
    routes[index] = route;
    destinations[index] = destination;
  }

  /** Handles the packets coalesced in one datagram (RFC 9000 §12.2). */
  #handlePackets(batch: PacketBatch, start: number, end: number, origin: PacketOrigin, now: Instant): void {
    const { arena } = batch;
    const { config, role } = this.#parts;
    let destination: string | undefined;
    let position = start;
    while (position < end) {
      const header = parsePacketHeader(arena, position, end, config.connectionIds.length, config.greaseQuicBit);
      if (header === undefined) {
        this.#drop("invalid", end - position, now);
        return;
      }
      // RFC 9000 §12.2: all packets of a datagram are for one connection; others are dropped without a response.
      const key = this.#parts.host.inbound.keys.keyOf(arena, header.destinationStart, header.destinationEnd);
      destination ??= key;
      // RFC 9000 §14.1: a server discards Initial packets in datagrams that are too short.
      const isShortInitial = header.form === "initial" && end - start < MIN_DATAGRAM_SIZE;
      const isAcceptable = !isShortInitial || role === "client";
      if (key === destination && isAcceptable) this.#handlePacket(batch, header, key, origin, now);
      position = header.end;
    }
  }

  #handlePacket(
    batch: PacketBatch,
    header: PacketHeader,
    destination: string,
    origin: PacketOrigin,
    now: Instant,
  ): void {
    const { spaces, oneRtt, role, early, version } = this.#parts;
    switch (header.form) {
      case "one-rtt":
        if (!oneRtt.canRead) this.#keep(batch.arena, header, EncryptionLevel.oneRtt, origin, now);
        else this.#appendHeader(batch, header, origin, destination);
        return;
      case "initial":
      case "handshake": {
        if (!this.#listener.acceptsVersion(header.version, header.form)) break;
        if (!this.#listener.isFromPeer(header.source)) break;
        // Order only matters between a coalesced long header and the 1-RTT packets collected before it.
        this.#openOneRtt(batch, origin.path, now);
        const level = header.form === "initial" ? EncryptionLevel.initial : EncryptionLevel.handshake;
        const space = spaces.get(level);
        if (space === undefined) {
          if (role === "server" && level === EncryptionLevel.handshake)
            this.#frames.missingHandshake.onLateHandshakePacket(now);
          return;
        }
        const keys = this.#listener.readKeys(space, header.version);
        if (keys === undefined) this.#keep(batch.arena, header, level, origin, now);
        else this.#openLong(batch, header, space, keys, destination, origin, now);
        return;
      }
      case "retry":
        if (!this.#listener.acceptsVersion(header.version, header.form)) break;
        this.#listener.handleRetry(header, batch.arena.subarray(header.start, header.end));
        return;
      case "version-negotiation":
        this.#listener.handleVersionNegotiation(header);
        return;
      case "zero-rtt": {
        // RFC 9369 §4.1: 0-RTT packets keep the version of the client's first flight.
        if (header.version !== version.original || role !== "server") break;
        if (!this.#listener.isFromPeer(header.source)) break;
        this.#openOneRtt(batch, origin.path, now);
        const level = EncryptionLevel.zeroRtt;
        const read = early.readKeys(now);
        if (read !== undefined) {
          this.#openLong(batch, header, { level, acks: origin.path.acks }, read, destination, origin, now);
        } else if (early.isUndecided) this.#keep(batch.arena, header, level, origin, now);
        else this.#drop("key-unavailable", header.end - header.start, now, header.form);
        return;
      }
      case "unknown-version":
        break;
    }
    this.#drop("unsupported", header.end - header.start, now, header.form);
  }

  #drop(cause: DroppedPacket["cause"], size: number, now: Instant, form?: PacketForm): void {
    this.#parts.stats.packetsDropped += 1;
    this.#parts.trace?.({ type: "quic:packet-dropped", cause, size, form }, now);
  }

  #dropForgery(size: number, now: Instant, form: PacketForm): void {
    this.#parts.work.onPacketFailed();
    this.#drop("decryption-failure", size, now, form);
  }

  #keep(arena: Uint8Array, header: PacketHeader, level: EncryptionLevel, origin: PacketOrigin, now: Instant): void {
    if (this.#parts.role === "client") this.#frames.missingHandshake.onUnreadable(now);
    const size = header.end - header.start;
    const isKept = this.#undecrypted.keep(level, arena, header.start, header.end, origin);
    if (!isKept) this.#drop("key-unavailable", size, now, header.form);
    else this.#parts.trace?.({ type: "quic:packet-buffered", level, size }, now);
  }

  #openLong(
    batch: PacketBatch,
    header: PacketHeader,
    space: Pick<HandshakeSpace, "acks"> & { readonly level: EncryptionLevel },
    keys: PacketKeys,
    destination: string,
    origin: PacketOrigin,
    now: Instant,
  ): void {
    const { path, route, ecn } = origin;
    this.#appendHeader(batch, header, origin, destination);
    const index = batch.count - 1;
    removeHeaderProtection(batch, keys, index, space.acks.largest);
    openBatch(batch, keys.packet, index, path.id);
    batch.count = index;
    if (batch.ok[index] !== 1) {
      this.#dropForgery(header.end - header.start, now, header.form);
      return;
    }
    this.#listener.onPacketOpened(space.level, header.source, header.version, route);
    const context: FrameContext = { level: space.level, path, route, destination };
    this.#handleOpened(batch, index, space.acks, LONG_RESERVED_BITS, context, ecn, now);
  }

  #openOneRtt(batch: PacketBatch, path: PathSpace, now: Instant): void {
    const { count } = batch;
    if (count === 0) return;
    const { oneRtt } = this.#parts;
    const { ecn, routes, destinations } = this.#parts.host.inbound;
    oneRtt.open(batch, 0, path.acks.largest, path.id, now);
    // The batch is scratch memory that handling a frame may reuse, so it is emptied first.
    batch.count = 0;
    let context: FrameContext | undefined;
    for (let i = 0; i < count; i += 1) {
      if (batch.ok[i] !== 1) {
        this.#dropForgery(batch.end[i]! - batch.header[i]!, now, "one-rtt");
        continue;
      }
      const route = routes[i]!;
      const destination = destinations[i]!;
      this.#listener.onPacketOpened(EncryptionLevel.oneRtt, undefined, 0, route);
      if (context?.route !== route || context.destination !== destination) {
        context = { level: EncryptionLevel.oneRtt, path, route, destination };
      }
      this.#handleOpened(batch, i, path.acks, SHORT_RESERVED_BITS, context, ecn[i]!, now);
    }
  }

  #handleOpened(
    batch: PacketBatch,
    index: number,
    acks: AckTracker,
    reservedBits: number,
    context: FrameContext,
    ecn: Ecn,
    now: Instant,
  ): void {
    const { stats, idle, trace, work } = this.#parts;
    const { level } = context;
    work.spend(WORK.packet);
    const packetNumber = batch.packetNumber[index]!;
    const payload = batch.payload[index]!;
    const payloadEnd = batch.end[index]! - TAG_LENGTH;
    const size = batch.end[index]! - batch.header[index]!;
    stats.packetsReceived += 1;
    // RFC 9000 §17.2: only checked after the packet is authenticated.
    if ((batch.arena[batch.header[index]!]! & reservedBits) !== 0) {
      throw transportError("PROTOCOL_VIOLATION", `${ENCRYPTION_LEVEL_NAMES[level]} packet`, "reserved bits are set");
    }
    if (acks.isDuplicate(packetNumber)) {
      stats.packetsDuplicate += 1;
      trace?.({ type: "quic:packet-dropped", cause: "duplicate", size }, now);
      return;
    }
    const { path, route } = context;
    if (this.#migration.hasCandidates && !this.#migration.admit(path, route, now)) {
      stats.datagramsFromElsewhere += 1;
      return;
    }
    route.destination = context.destination;
    this.#migration.addressed(path, route);
    if (trace !== undefined) {
      const { local, remote } = route;
      const { length } = this.#parts.config.connectionIds;
      const facts = { level, pathId: path.id, packetNumber, size, local, remote, ecn };
      const content = new PacketContent(batch.arena, batch.header[index]!, payload, batch.end[index]!, length, level);
      trace(tracedPacket("quic:packet-received", facts, content), now);
    }
    const reader = new Reader(batch.arena, payload, payloadEnd);
    if (reader.isAtEnd) {
      // RFC 9000 §12.4.
      throw transportError("PROTOCOL_VIOLATION", `${ENCRYPTION_LEVEL_NAMES[level]} packet`, "contains no frame");
    }
    let ackEliciting = false;
    let isProbe = true;
    while (!reader.isAtEnd) {
      const frame = parseFrame(reader, level);
      if (isAckEliciting(frame)) ackEliciting = true;
      if (!isProbing(frame)) isProbe = false;
      this.#frames.handleFrame(frame, context, now);
    }
    const isNewest = packetNumber > acks.largest;
    if (isNewest && !isProbe && route !== path.routes.active && this.#parts.role === "server") {
      this.#migration.follow(path, route, now);
    }
    acks.onPacketReceived(packetNumber, ackEliciting, ecn, now);
    idle.onPacketReceived(now);
  }
}
