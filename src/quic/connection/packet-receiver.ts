/**
 * From datagrams to frames: takes the run of datagrams that one wake-up brought for one connection, opens its packets and
 * hands each frame to the conductor. Packets under 1-RTT keys are unmasked and opened as a batch; those of the
 * handshake, which are few, one at a time.
 */

import type { ReceivedBatch } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import { type PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { LEVEL_NAMES, Level } from "../../tls/handshake.ts";
import { Reader } from "../../wire/reader.ts";
import { transportError } from "../errors.ts";
import type { Frame } from "../frame/frames.ts";
import { isAckEliciting, parseFrame } from "../frame/index.ts";
import { openBatch, removeHeaderProtection } from "../keys/index.ts";
import { connectionIdKey } from "../packet/connection-id.ts";
import { type PacketHeader, parsePacketHeader } from "../packet/header.ts";
import type { BatchPool } from "./batch-pool.ts";
import { MIN_INITIAL_DATAGRAM } from "./packet-sender.ts";
import type { ConnectionParts } from "./parts.ts";
import type { PacketSpace } from "./spaces.ts";
import { UndecryptedPackets } from "./undecrypted.ts";

/** What happens besides frames. */
export interface PacketListener {
  /** RFC 9000 §7.2: a side keeps the Source Connection ID of its first packet; other packets are discarded. */
  isFromPeer(source: Uint8Array): boolean;
  /** A packet was authenticated; called before its frames. */
  onPacketOpened(level: Level, source: Uint8Array | undefined): void;
  handleRetry(header: PacketHeader, packet: Uint8Array): void;
  handleVersionNegotiation(header: PacketHeader): void;
}

/** Takes each frame in turn. `destination` is the key of the connection id that its packet was sent to. */
export interface FrameListener {
  handleFrame(level: Level, frame: Frame, destination: string, now: Instant): void;
}

/** RFC 9000 §17.2, §17.3.1: bits that are zero once header protection is removed. */
const LONG_RESERVED_BITS = 0x0c;
const SHORT_RESERVED_BITS = 0x18;

export class PacketReceiver {
  readonly #parts: ConnectionParts;
  readonly #listener: PacketListener;
  readonly #frames: FrameListener;
  readonly #batches: BatchPool;
  readonly #undecrypted = new UndecryptedPackets();
  /** ECN bits of the datagrams behind the packets of the running batch. */
  readonly #ecn: number[] = [];

  constructor(parts: ConnectionParts, listener: PacketListener, frames: FrameListener, batches: BatchPool) {
    this.#parts = parts;
    this.#listener = listener;
    this.#frames = frames;
    this.#batches = batches;
  }

  /** Datagrams [from, to) of the batch, all for this connection. */
  handleDatagrams(received: ReceivedBatch, from: number, to: number, now: Instant): void {
    const { path, stats, config } = this.#parts;
    const batch = this.#batches.forArena(received.arena);
    for (let i = from; i < to; i += 1) {
      const start = received.offset[i]!;
      const end = start + received.length[i]!;
      stats.bytesReceived += end - start;
      path.onDatagramReceived(end - start);
      this.#handlePackets(batch, start, end, received.ecn[i]!, config.connectionIdLength, now);
      if (batch.count === batch.capacity) this.#openOneRtt(batch, now);
    }
    this.#openOneRtt(batch, now);
  }

  /** New read keys: packets that came too early are tried now. */
  retryUndecrypted(level: Level, now: Instant): void {
    for (const { bytes, ecn } of this.#undecrypted.take(level)) {
      const batch = this.#batches.forArena(bytes);
      this.#handlePackets(batch, 0, bytes.length, ecn, this.#parts.config.connectionIdLength, now);
      this.#openOneRtt(batch, now);
    }
  }

  /** Of one level, or of all. */
  forgetUndecrypted(level?: Level): void {
    if (level === undefined) this.#undecrypted.clear();
    else this.#undecrypted.take(level);
  }

  /** The packets coalesced in one datagram (RFC 9000 §12.2). */
  #handlePackets(batch: PacketBatch, start: number, end: number, ecn: number, idLength: number, now: Instant): void {
    const { arena } = batch;
    let destination: string | undefined;
    let position = start;
    while (position < end) {
      const header = parsePacketHeader(arena, position, end, idLength);
      if (header === undefined) {
        this.#parts.stats.packetsDropped += 1;
        return;
      }
      // RFC 9000 §12.2: packets of one datagram are for one connection; others are dropped, not answered.
      const key = connectionIdKey(header.destination, 0, header.destination.length);
      destination ??= key;
      // RFC 9000 §14.1: a server discards Initial packets of datagrams that are too short.
      const isShortInitial = header.form === "initial" && end - start < MIN_INITIAL_DATAGRAM;
      const isAcceptable = !isShortInitial || this.#parts.role === "client";
      if (key === destination && isAcceptable) this.#handlePacket(batch, header, key, ecn, now);
      position = header.end;
    }
  }

  #handlePacket(batch: PacketBatch, header: PacketHeader, destination: string, ecn: number, now: Instant): void {
    const { spaces, oneRtt, version, stats } = this.#parts;
    switch (header.form) {
      case "one-rtt":
        if (!oneRtt.canRead) {
          this.#keep(batch.arena, header, Level.application, ecn);
        } else {
          append(batch, header);
          this.#ecn[batch.count - 1] = ecn;
        }
        return;
      case "initial":
      case "handshake": {
        if (header.version !== version || !this.#listener.isFromPeer(header.source)) break;
        // Order matters only between a coalesced long header and what was gathered before it.
        this.#openOneRtt(batch, now);
        const level = header.form === "initial" ? Level.initial : Level.handshake;
        const space = spaces.get(level);
        if (space === undefined) return;
        if (space.read === undefined) this.#keep(batch.arena, header, level, ecn);
        else this.#openLong(batch, header, space, destination, ecn, now);
        return;
      }
      case "retry":
        if (header.version !== version) break;
        this.#listener.handleRetry(header, batch.arena.subarray(header.start, header.end));
        return;
      case "version-negotiation":
        this.#listener.handleVersionNegotiation(header);
        return;
      case "zero-rtt":
      case "unknown-version":
        break;
    }
    stats.packetsDropped += 1;
  }

  #keep(arena: Uint8Array, header: PacketHeader, level: Level, ecn: number): void {
    this.#parts.stats.packetsDropped += this.#undecrypted.keep(level, arena, header.start, header.end, ecn) ? 0 : 1;
  }

  #openLong(
    batch: PacketBatch,
    header: PacketHeader,
    space: PacketSpace,
    destination: string,
    ecn: number,
    now: Instant,
  ): void {
    append(batch, header);
    const index = batch.count - 1;
    removeHeaderProtection(batch, space.read!, index, space.acks.largest);
    openBatch(batch, space.read!.packet, index, this.#parts.path.id);
    batch.count = index;
    if (batch.ok[index] !== 1) {
      this.#parts.stats.packetsDropped += 1;
      return;
    }
    this.#listener.onPacketOpened(space.level, header.source);
    this.#handleOpened(batch, index, space, LONG_RESERVED_BITS, destination, ecn, now);
  }

  #openOneRtt(batch: PacketBatch, now: Instant): void {
    const { count } = batch;
    if (count === 0) return;
    const { oneRtt, spaces, stats, path, config } = this.#parts;
    const space = spaces.application;
    oneRtt.open(batch, 0, space.acks.largest, path.id, now);
    // The batch is work space: handling a frame may need it again, so its extent is taken first.
    batch.count = 0;
    for (let i = 0; i < count; i += 1) {
      if (batch.ok[i] !== 1) {
        stats.packetsDropped += 1;
        continue;
      }
      const id = batch.header[i]! + 1;
      const destination = connectionIdKey(batch.arena, id, id + config.connectionIdLength);
      this.#listener.onPacketOpened(Level.application, undefined);
      this.#handleOpened(batch, i, space, SHORT_RESERVED_BITS, destination, this.#ecn[i]!, now);
    }
  }

  #handleOpened(
    batch: PacketBatch,
    index: number,
    space: PacketSpace,
    reservedBits: number,
    destination: string,
    ecn: number,
    now: Instant,
  ): void {
    const { stats, idle } = this.#parts;
    const { level, acks } = space;
    const packetNumber = batch.packetNumber[index]!;
    stats.packetsReceived += 1;
    // RFC 9000 §17.2: judged only after the packet is authenticated.
    if ((batch.arena[batch.header[index]!]! & reservedBits) !== 0) {
      throw transportError("PROTOCOL_VIOLATION", `${LEVEL_NAMES[level]} packet`, "reserved bits are set");
    }
    if (acks.isDuplicate(packetNumber)) {
      stats.packetsDuplicate += 1;
      return;
    }
    const reader = new Reader(batch.arena, batch.payload[index]!, batch.end[index]! - TAG_LENGTH);
    if (reader.isAtEnd) {
      // RFC 9000 §12.4.
      throw transportError("PROTOCOL_VIOLATION", `${LEVEL_NAMES[level]} packet`, "contains no frame");
    }
    let ackEliciting = false;
    while (!reader.isAtEnd) {
      const frame = parseFrame(reader, level);
      if (isAckEliciting(frame)) ackEliciting = true;
      this.#frames.handleFrame(level, frame, destination, now);
    }
    acks.onPacketReceived(packetNumber, ackEliciting, ecn as 0 | 1 | 2 | 3, now);
    idle.onPacketReceived(now);
  }
}

function append(batch: PacketBatch, header: PacketHeader): void {
  const index = batch.count;
  batch.header[index] = header.start;
  batch.packetNumberOffset[index] = header.packetNumberOffset;
  batch.end[index] = header.end;
  batch.count = index + 1;
}
