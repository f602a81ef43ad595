/**
 * From what the owners want to say to datagrams: fills a train of equal datagrams in place, coalescing the levels of the
 * handshake, within what congestion control, the pacer and anti-amplification allow.
 */

import type { SlotWriter, Transmit } from "../../base/datagrams.ts";
import { Ecn } from "../../base/datagrams.ts";
import { ProtocolError } from "../../base/errors.ts";
import type { Instant } from "../../base/time.ts";
import { type PacketBatch, TAG_LENGTH } from "../../crypto/engine.ts";
import { Level } from "../../tls/handshake.ts";
import { Writer } from "../../wire/writer.ts";
import { emitAck, emitConnectionClose, emitPing, frameNumber } from "../frame/index.ts";
import { protectBatch } from "../keys/index.ts";
import { beginLongHeader, beginShortHeader, finishPacket, type OpenPacket } from "../packet/build.ts";
import { packetNumberLength } from "../packet/packet-number.ts";
import type { SentFrame } from "../recovery/sent-packet.ts";
import type { BatchPool } from "./batch-pool.ts";
import type { Lifecycle } from "./close.ts";
import type { ConnectionParts } from "./parts.ts";
import { isAckDue, type PacketSpace } from "./spaces.ts";

/** RFC 9000 §14.1: every datagram that carries a client's Initial, or an ack-eliciting one of a server's, is this long. */
export const MIN_INITIAL_DATAGRAM = 1200;

/** Less room than this is not worth another coalesced packet: header, ids, tag and a small frame. */
const MIN_PACKET_ROOM = 96;

/** What the conductor adds to packets beyond streams and handshake bytes. */
export interface ControlFrameSource {
  readonly hasControlFrames: boolean;
  writeControlFrames(writer: Writer, frames: SentFrame[]): void;
}

/** Why a packet is being built; decides what may go into it. */
type Purpose = "none" | "ack" | "data" | "probe";

export class PacketSender {
  readonly #parts: ConnectionParts;
  readonly #control: ControlFrameSource;
  readonly #batches: BatchPool;
  /** Sent with the client's Initial packets: from a Retry. */
  token: Uint8Array = new Uint8Array(0);
  /** True from the moment when congestion control or the pacer, not the application, held data back. */
  isBlocked = false;

  constructor(parts: ConnectionParts, control: ControlFrameSource, batches: BatchPool) {
    this.#parts = parts;
    this.#control = control;
    this.#batches = batches;
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    const { path, closing } = this.#parts;
    const batch = this.#batches.forArena(slots.arena);
    const writer = new Writer(slots.arena, 0);
    if (!closing.isOpen) {
      if (!closing.isFrameOwed) return undefined;
      closing.isFrameOwed = false;
      const length = this.#buildClose(writer, batch, closing.state, now);
      return length === 0 ? undefined : this.#transmit(length, 1, length);
    }
    this.isBlocked = false;
    let segmentSize = path.mtu.current;
    let count = 0;
    const segments = Math.min(maxSegments, batch.capacity, Math.floor(slots.arena.length / segmentSize));
    while (count < segments) {
      const start = writer.position;
      const limit = Math.min(segmentSize, path.sendAllowance());
      writer.end = start + limit;
      const length = limit < MIN_PACKET_ROOM ? 0 : this.#buildDatagram(writer, batch, now);
      if (length === 0) break;
      path.onDatagramSent(length);
      count += 1;
      if (length < segmentSize) {
        if (count === 1) segmentSize = length;
        break;
      }
    }
    this.#sealOneRtt(batch);
    if (count > 0) return this.#transmit(segmentSize, count, writer.position);
    // What is owed goes first: a path that drops the probe must not delay it.
    const probe = this.#buildMtuProbe(writer, batch, now);
    return probe === 0 ? undefined : this.#transmit(probe, 1, probe);
  }

  #transmit(segmentSize: number, count: number, length: number): Transmit {
    const { path, stats } = this.#parts;
    stats.bytesSent += length;
    return { local: path.local, remote: path.remote, ecn: Ecn.notEct, segmentSize, count, length };
  }

  /** One datagram from `writer.position`, at most to `writer.end`; 0 when there is nothing to say. */
  #buildDatagram(writer: Writer, batch: PacketBatch, now: Instant): number {
    const { spaces, role } = this.#parts;
    const start = writer.position;
    const limit = writer.end;
    const purposes = this.#purposes(limit - start, now);
    let mustPad = false;
    for (let level = 0; level <= Level.application; level += 1) {
      const purpose = purposes[level]!;
      if (purpose === "none") continue;
      const space = spaces.get(level as Level)!;
      writer.end = limit;
      const isLast =
        (purposes[1] === "none" || level >= Level.handshake) && (purposes[2] === "none" || level === Level.application);
      // RFC 9000 §14.1: the client pads whatever carries an Initial, the server what is ack-eliciting.
      if (level === Level.initial) mustPad = role === "client" || purpose !== "ack";
      const padTo = mustPad ? start + MIN_INITIAL_DATAGRAM : 0;
      this.#buildPacket(writer, batch, space, purpose, padTo, isLast, now);
      if (limit - writer.position < MIN_PACKET_ROOM) break;
    }
    return writer.position - start;
  }

  readonly #purposeOf: Purpose[] = ["none", "none", "none"];

  #purposes(room: number, now: Instant): readonly Purpose[] {
    const purposes = this.#purposeOf;
    for (let level = 0; level <= Level.application; level += 1) {
      purposes[level] = this.#purpose(level as Level, room, now);
    }
    return purposes;
  }

  #purpose(level: Level, room: number, now: Instant): Purpose {
    const { spaces, oneRtt, role } = this.#parts;
    const space = spaces.get(level);
    if (space === undefined) return "none";
    if (level === Level.application ? !oneRtt.canWrite : space.write === undefined) return "none";
    // A datagram that has to be padded needs its full size; until the peer's bytes allow that, silence.
    if (level === Level.initial && room < MIN_INITIAL_DATAGRAM) {
      if (role === "client" || space.crypto.hasData || space.probesOwed > 0) return "none";
    }
    if (space.probesOwed > 0) return "probe";
    if (this.#hasData(space)) {
      if (this.#mayTransmit(level, now)) return "data";
      this.isBlocked = true;
    }
    return isAckDue(space, now) ? "ack" : "none";
  }

  #hasData(space: PacketSpace): boolean {
    if (space.crypto.hasData) return true;
    if (space.level !== Level.application) return false;
    const { streams } = this.#parts;
    return this.#control.hasControlFrames || streams.hasControlFrames || streams.hasStreamData;
  }

  /** Congestion control and pacing (RFC 9002 §7); the handshake is too short to pace. */
  #mayTransmit(level: Level, now: Instant): boolean {
    const { path } = this.#parts;
    const size = path.mtu.current;
    if (!path.controller.canSend(size)) return false;
    if (level !== Level.application) return true;
    return path.pacer.budget(now, path.controller.congestionWindow, path.rtt.smoothed) >= size;
  }

  #buildPacket(
    writer: Writer,
    batch: PacketBatch,
    space: PacketSpace,
    purpose: Purpose,
    padTo: number,
    isLast: boolean,
    now: Instant,
  ): void {
    const { recovery, stats, path, idle, spaces } = this.#parts;
    const { level } = space;
    const start = writer.position;
    const packetNumber = recovery.nextPacketNumber(level);
    const open = this.#beginPacket(writer, level, packetNumber);
    writer.end -= TAG_LENGTH;
    const frames: SentFrame[] = [];
    let ackEliciting = false;

    // However many ranges there are to report, a probe has room for its PING.
    if (purpose === "probe") writer.end -= 1;
    if (space.acks.hasAnythingToAck) {
      const largest = emitAck(writer, space.acks.received, space.acks.ackDelay(now), space.acks.ecnCounts);
      if (largest >= 0) {
        frames.push({ type: "ack", level, largest });
        space.acks.onAckSent(now);
      }
    }
    if (purpose === "probe") writer.end += 1;
    if (purpose === "data" || purpose === "probe") {
      const before = writer.position;
      // Each of two probes is worth as much as the other: either may be lost.
      if (purpose === "probe" && !space.crypto.hasData) space.crypto.repeatUnacknowledged();
      space.crypto.writeFrames(writer, frames);
      if (level === Level.application) {
        const { streams } = this.#parts;
        if (this.#control.hasControlFrames) this.#control.writeControlFrames(writer, frames);
        if (streams.hasControlFrames) streams.writeControlFrames(writer, frames);
        if (streams.hasStreamData) streams.writeStreamFrames(writer, frames, now);
      }
      // Not every frame leaves a record: a PATH_RESPONSE is never repeated, but it elicits an ACK and is in flight.
      ackEliciting = writer.position > before;
    }
    if (space.probesOwed > 0) {
      space.probesOwed -= 1;
      // RFC 9002 §6.2.4: a probe is ack-eliciting even when there is nothing to say.
      if (!ackEliciting) emitPing(writer);
      ackEliciting = true;
    }
    let isPadded = false;
    const wanted = padTo - TAG_LENGTH - writer.position;
    if (padTo > 0 && wanted > 0 && (isLast || writer.end - writer.position < MIN_PACKET_ROOM)) {
      writer.fill(0, Math.min(wanted, writer.remaining));
      isPadded = true;
    } else if (writer.position === open.payload) {
      // Another level was expected to have more to say than it had; an empty packet is forbidden (RFC 9000 §12.4).
      writer.uint8(0);
      isPadded = true;
    }
    writer.end += TAG_LENGTH;
    finishPacket(writer, open, batch);
    if (level !== Level.application) {
      const index = batch.count - 1;
      protectBatch(batch, space.write!, index, path.id);
      batch.count = index;
    }
    const size = writer.position - start;
    const inFlight = ackEliciting || isPadded;
    recovery.onPacketSent(level, { packetNumber, timeSent: now, size, ackEliciting, inFlight, frames }, now);
    stats.packetsSent += 1;
    if (inFlight && level === Level.application) path.pacer.onSent(size, now);
    if (ackEliciting) idle.onAckElicitingSent(now);
    // RFC 9001 §4.9.1: a client is done with Initial keys once it sends a Handshake packet.
    if (level === Level.handshake && this.#parts.role === "client" && spaces.get(Level.initial) !== undefined) {
      spaces.discard(Level.initial);
      recovery.discardSpace(Level.initial);
    }
  }

  #beginPacket(writer: Writer, level: Level, packetNumber: number): OpenPacket {
    const { recovery, remoteIds, oneRtt, version, sourceId, role } = this.#parts;
    const length = packetNumberLength(packetNumber, recovery.largestAcked(level));
    const destination = remoteIds.active.bytes;
    if (level === Level.application) {
      return beginShortHeader(writer, destination, 0, oneRtt.writePhase, packetNumber, length);
    }
    const form = level === Level.initial ? "initial" : "handshake";
    const token = level === Level.initial && role === "client" ? this.token : NO_TOKEN;
    return beginLongHeader(writer, form, version, destination, sourceId.bytes, token, packetNumber, length);
  }

  #sealOneRtt(batch: PacketBatch): void {
    if (batch.count === 0) return;
    const { oneRtt, path } = this.#parts;
    protectBatch(batch, oneRtt.write, 0, path.id);
    oneRtt.onPacketsSealed(batch.count, batch.packetNumber[batch.count - 1]!);
  }

  /** A datagram larger than any so far: if it arrives, the path carries that size (RFC 9000 §14.4). */
  #buildMtuProbe(writer: Writer, batch: PacketBatch, now: Instant): number {
    const { path, oneRtt, handshake, recovery, stats } = this.#parts;
    if (!handshake.isConfirmed || !oneRtt.canWrite) return 0;
    const size = path.mtu.probeSize(now);
    if (size === undefined || size > writer.bytes.length || !path.controller.canSend(size)) return 0;
    writer.end = size;
    const packetNumber = recovery.nextPacketNumber(Level.application);
    const open = this.#beginPacket(writer, Level.application, packetNumber);
    writer.end = size - TAG_LENGTH;
    emitPing(writer);
    writer.fill(0, writer.remaining);
    writer.end = size;
    finishPacket(writer, open, batch);
    recovery.onPacketSent(
      Level.application,
      { packetNumber, timeSent: now, size, ackEliciting: true, inFlight: true, frames: [] },
      now,
    );
    path.mtu.onProbeSent(packetNumber, size);
    path.onDatagramSent(size);
    stats.packetsSent += 1;
    this.#sealOneRtt(batch);
    return size;
  }

  /** CONNECTION_CLOSE at every level that the peer may be able to read (RFC 9000 §10.2.3). */
  #buildClose(writer: Writer, batch: PacketBatch, state: Lifecycle, now: Instant): number {
    const { spaces, oneRtt, recovery, role, path, handshake } = this.#parts;
    if (state.type !== "closing" || state.reason.type !== "local") return 0;
    const { reason } = state;
    const limit = Math.min(path.mtu.current, path.sendAllowance());
    if (limit < MIN_PACKET_ROOM) return 0;
    let hasInitial = false;
    for (let level = 0; level <= Level.application; level += 1) {
      const space = spaces.get(level as Level);
      if (space === undefined) continue;
      const isOneRtt = level === Level.application;
      if (isOneRtt ? !oneRtt.canWrite : space.write === undefined) continue;
      // Once the handshake is confirmed everybody reads 1-RTT; before, a client's 1-RTT packets may not be readable.
      if (isOneRtt && !handshake.isComplete && role === "server" && spaces.get(Level.handshake) === undefined) continue;
      if (limit - writer.position < MIN_PACKET_ROOM) break;
      writer.end = limit;
      const start = writer.position;
      const packetNumber = recovery.nextPacketNumber(level as Level);
      const open = this.#beginPacket(writer, level as Level, packetNumber);
      writer.end = limit - TAG_LENGTH;
      if (level === Level.initial) hasInitial = true;
      const layer = isOneRtt ? reason.layer : "transport";
      // RFC 9000 §10.2.3: what the application said is not shown before the handshake protects it.
      const hide = reason.layer === "application" && !isOneRtt;
      const code = hide ? APPLICATION_ERROR : reason.code;
      emitConnectionClose(writer, layer, code, faultyFrame(reason.cause), hide ? "" : reason.phrase);
      const isLast = isOneRtt || !this.#writesAbove(level as Level);
      if (isLast && hasInitial && role === "client") {
        writer.fill(0, Math.max(0, Math.min(writer.remaining, MIN_INITIAL_DATAGRAM - TAG_LENGTH - writer.position)));
      }
      writer.end = limit;
      finishPacket(writer, open, batch);
      const index = batch.count - 1;
      protectBatch(batch, isOneRtt ? oneRtt.write : space.write!, index, path.id);
      batch.count = index;
      const size = writer.position - start;
      recovery.onPacketSent(
        level as Level,
        { packetNumber, timeSent: now, size, ackEliciting: false, inFlight: false, frames: [] },
        now,
      );
    }
    path.onDatagramSent(writer.position);
    return writer.position;
  }

  #writesAbove(level: Level): boolean {
    const { spaces, oneRtt } = this.#parts;
    if (level < Level.handshake && spaces.get(Level.handshake)?.write !== undefined) return true;
    return oneRtt.canWrite;
  }
}

/** The type of the frame that broke a rule, 0 when it is not known (RFC 9000 §19.19). */
const faultyFrame = (cause: unknown): number =>
  cause instanceof ProtocolError && cause.layer === "transport" ? (frameNumber(cause.where) ?? 0) : 0;

const NO_TOKEN = new Uint8Array(0);
const APPLICATION_ERROR = 0xc;
