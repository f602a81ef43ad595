/**
 * The only way to build a packet: begin it with the header of its level, let a `FrameWriter` fill it, pad it, finish it
 * in the batch, and record it in recovery. Data, probes, MTU probes and CONNECTION_CLOSE differ only in their frame
 * writer.
 */

import type { Ecn } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import { type PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import type { Writer } from "../../wire/writer.ts";
import { protectBatch } from "../keys/index.ts";
import { beginLongHeader, beginShortHeader, finishPacket, OpenPacket } from "../packet/build.ts";
import { MIN_PACKET_ROOM } from "../packet/datagram-size.ts";
import { PacketNumberSpace, spaceOf } from "../packet/number-space.ts";
import { packetNumberLength } from "../packet/packet-number.ts";
import { QuicBitGrease } from "../packet/quic-bit.ts";
import type { PathSpace } from "../path/index.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { Route } from "../route/index.ts";
import type { HandshakeLevel, HandshakeSpace } from "./handshake-spaces.ts";
import type { ConnectionParts } from "./parts.ts";
import { PacketContent, tracedPacket } from "./traced-packet.ts";

/** The packet that a frame writer fills. */
export interface PacketDraft {
  readonly level: EncryptionLevel;
  readonly path: PathSpace;
  readonly route: Route;
  /** The space that owns the pending acknowledgements and probes. */
  readonly space: HandshakeSpace | PathSpace;
  readonly frames: SentFrame[];
  ackEliciting: boolean;
  isPadded: boolean;
}

export interface FrameWriter {
  /** Writes frames from `writer.position` up to `writer.end`, and records them in the draft. */
  writeFrames(writer: Writer, draft: PacketDraft, now: Instant): void;
}

/** Where a packet goes, and its ECN mark. */
export interface PacketTarget {
  readonly path: PathSpace;
  readonly route: Route;
  /** The ECN mark of its datagram. */
  readonly ecn: Ecn;
}

export interface PacketSentListener {
  onPacketSent(level: EncryptionLevel): void;
}

const NO_TOKEN = new Uint8Array(0);

/**
 * First byte and packet number (RFC 9000 §17.3.1). More than two bytes of it are needed only with 32,768 packets in flight; a
 * datagram of the largest size then waits for acknowledgements.
 */
const SHORT_HEADER = 3;

/** The frames that fit into the largest 1-RTT packet on a path's active route. */
export const maxPacketPayload = ({ routes, remoteIds }: PathSpace): number =>
  routes.active.maxDatagramSize - SHORT_HEADER - remoteIds.active.length - TAG_LENGTH;
const LONG_FORMS = {
  [EncryptionLevel.initial]: "initial",
  [EncryptionLevel.zeroRtt]: "zero-rtt",
  [EncryptionLevel.handshake]: "handshake",
} as const;

export class PacketBuilder {
  readonly #parts: ConnectionParts;
  readonly #listener: PacketSentListener;
  readonly #open = new OpenPacket();
  /** The token from a Retry or an earlier connection, sent with all Initial packets of a client. */
  token: Uint8Array = NO_TOKEN;
  #grease: QuicBitGrease | undefined;

  constructor(parts: ConnectionParts, listener: PacketSentListener) {
    this.#parts = parts;
    this.#listener = listener;
  }

  /** From now on, sends packets without the QUIC Bit too: the peer accepts them. */
  greaseQuicBit(): void {
    this.#grease = new QuicBitGrease(this.#parts.config.rng);
  }

  /**
   * Builds a packet of `level` from `writer.position`, up to `writer.end`. It is padded to end at `padTo` if the
   * datagram must have that size and nothing follows. 1-RTT packets stay in the batch, to be sealed together; others
   * are sealed.
   */
  build(
    writer: Writer,
    batch: PacketBatch,
    target: PacketTarget,
    level: EncryptionLevel,
    content: FrameWriter,
    padTo: number,
    isLast: boolean,
    now: Instant,
  ): void {
    const { recovery } = target.path;
    const start = writer.position;
    const packetNumber = recovery.nextPacketNumber(spaceOf(level));
    const isApplication = spaceOf(level) === PacketNumberSpace.application;
    const space = isApplication ? target.path : this.#parts.spaces.get(level as HandshakeLevel)!;
    const draft: PacketDraft = {
      level,
      path: target.path,
      route: target.route,
      space,
      frames: [],
      ackEliciting: false,
      isPadded: false,
    };
    const open = this.#begin(writer, target, level, packetNumber);
    this.#grease?.apply(writer.bytes, open.header);
    writer.end -= TAG_LENGTH;
    content.writeFrames(writer, draft, now);
    const missing = padTo - TAG_LENGTH - writer.position;
    if (padTo > 0 && missing > 0 && (isLast || writer.remaining < MIN_PACKET_ROOM)) {
      writer.fill(0, Math.min(missing, writer.remaining));
      draft.isPadded = true;
    } else if (writer.position === open.payload) {
      // This level had less to send than expected; an empty packet is forbidden (RFC 9000 §12.4).
      writer.uint8(0);
      draft.isPadded = true;
    }
    writer.end += TAG_LENGTH;
    finishPacket(writer, open, batch);
    const size = writer.position - start;
    const { ecn } = target;
    const { trace } = this.#parts;
    if (trace !== undefined) {
      // Before the packet is sealed in place.
      const { path, route } = target;
      const { local, remote } = route;
      const isMtuProbe = level === EncryptionLevel.oneRtt && route.mtu.isProbe(packetNumber);
      const facts = { level, pathId: path.id, packetNumber, size, local, remote, ecn, isMtuProbe };
      const { length } = path.remoteIds.idFor(route);
      const content = new PacketContent(writer.bytes, start, open.payload, writer.position, length, level);
      trace(tracedPacket("quic:packet-sent", facts, content), now);
    }
    if (level !== EncryptionLevel.oneRtt) {
      const index = batch.count - 1;
      const keys = level === EncryptionLevel.zeroRtt ? this.#parts.early.write : (space as HandshakeSpace).write;
      protectBatch(batch, keys!, index, target.path.id);
      batch.count = index;
    }
    this.#record(draft, packetNumber, size, ecn, now);
  }

  #begin(writer: Writer, { path, route }: PacketTarget, level: EncryptionLevel, packetNumber: number): OpenPacket {
    const { oneRtt, version, sourceId, role } = this.#parts;
    const length = packetNumberLength(packetNumber, path.recovery.largestAcked(spaceOf(level)));
    const destination = path.remoteIds.idFor(route);
    if (level === EncryptionLevel.oneRtt) {
      return beginShortHeader(writer, destination, 0, oneRtt.writePhase, packetNumber, length, this.#open);
    }
    const form = LONG_FORMS[level];
    const token = form === "initial" && role === "client" ? this.token : NO_TOKEN;
    const source = sourceId.bytes;
    const usedVersion = form === "zero-rtt" ? version.original : version.current;
    return beginLongHeader(
      writer,
      form,
      usedVersion,
      destination.bytes,
      source,
      token,
      packetNumber,
      length,
      this.#open,
    );
  }

  #record(draft: PacketDraft, packetNumber: number, size: number, ecn: Ecn, now: Instant): void {
    const { level, path, route, frames, ackEliciting, isPadded } = draft;
    const { stats, idle } = this.#parts;
    // RFC 9002 §2: a packet that is ack-eliciting or padded counts as in flight.
    const inFlight = ackEliciting || isPadded;
    path.recovery.onPacketSent(
      spaceOf(level),
      { packetNumber, route, ecn, timeSent: now, size, ackEliciting, inFlight, frames, delivery: undefined },
      now,
    );
    stats.packetsSent += 1;
    if (inFlight && spaceOf(level) === PacketNumberSpace.application) route.pacer.onSent(size, now);
    if (level === EncryptionLevel.zeroRtt) this.#parts.early.lastSent = packetNumber;
    if (ackEliciting) idle.onAckElicitingSent(now);
    this.#listener.onPacketSent(level);
  }

  /** Seals the 1-RTT packets of a train in the batch. */
  sealOneRtt(batch: PacketBatch, path: PathSpace): void {
    if (batch.count === 0) return;
    const { oneRtt } = this.#parts;
    protectBatch(batch, oneRtt.write, 0, path.id);
    oneRtt.onPacketsSealed(batch.count, batch.packetNumber[batch.count - 1]!, path.id);
  }
}
