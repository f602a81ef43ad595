/**
 * From pending data to datagrams: chooses a path and fills a train of equal datagrams for its active route, coalescing
 * the levels of the handshake, within the limits of congestion control, the pacer and anti-amplification.
 */

import type { SlotWriter, Transmit } from "../../base/datagrams.ts";
import { Ecn } from "../../base/datagrams.ts";
import type { Instant } from "../../base/time.ts";
import type { PacketBatch } from "../../crypto/engine.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { Writer } from "../../wire/writer.ts";
import { MIN_DATAGRAM_SIZE, MIN_PACKET_ROOM } from "../packet/datagram-size.ts";
import type { PathSpace } from "../path/index.ts";
import { BlockedTrace } from "./blocked-trace.ts";
import type { Lifecycle } from "./close.ts";
import type { ConnectionFrames } from "./connection-frames.ts";
import { CloseFrames, ContentFrames, mtuProbeFrames, PathProbeFrames, type Purpose } from "./frame-writers.ts";
import type { HandshakeLevel } from "./handshake-spaces.ts";
import { PacketBuilder, type PacketSentListener, type PacketTarget } from "./packet-builder.ts";
import type { ConnectionParts } from "./parts.ts";
import type { Repeats } from "./repeats.ts";

/** The levels whose packets share a datagram, in order (RFC 9000 §12.2). */
const LEVELS = [
  EncryptionLevel.initial,
  EncryptionLevel.zeroRtt,
  EncryptionLevel.handshake,
  EncryptionLevel.oneRtt,
] as const;

export class PacketSender {
  readonly #parts: ConnectionParts;
  readonly #frames: ConnectionFrames;
  readonly #content: ContentFrames;
  readonly #builder: PacketBuilder;
  readonly #blocked: BlockedTrace | undefined;

  constructor(parts: ConnectionParts, frames: ConnectionFrames, repeats: Repeats, listener: PacketSentListener) {
    this.#parts = parts;
    this.#frames = frames;
    this.#content = new ContentFrames(parts, frames, repeats);
    this.#builder = new PacketBuilder(parts, listener);
    this.#blocked = parts.trace && new BlockedTrace(parts.trace);
  }

  /** Sets the token to send with the client's Initial packets from now on. */
  setToken(token: Uint8Array): void {
    this.#builder.token = token;
  }

  /** The peer accepts packets without the QUIC Bit (RFC 9287). */
  greaseQuicBit(): void {
    this.#builder.greaseQuicBit();
  }

  pollTransmit(slots: SlotWriter, maxSegments: number, now: Instant): Transmit | undefined {
    const { paths, closing } = this.#parts;
    const batch = this.#parts.host.outbound.forArena(slots.arena);
    const writer = new Writer(slots.arena, 0);
    if (!closing.isOpen) {
      if (!closing.isFramePending) return undefined;
      closing.isFramePending = false;
      return this.#buildClose(writer, batch, closing.state, now);
    }
    for (const path of paths.all) {
      const transmit = this.#buildPathProbe(writer, batch, path, now);
      if (transmit !== undefined) return transmit;
    }
    const order = paths.inSendOrder;
    for (const path of order) {
      const transmit = this.#buildTrain(writer, batch, path, true, maxSegments, now);
      if (transmit !== undefined) return transmit;
    }
    for (const path of paths.all) {
      // A path that was not chosen still has to send its own acknowledgements and probes.
      if (order.includes(path)) continue;
      const transmit = this.#buildTrain(writer, batch, path, false, maxSegments, now);
      if (transmit !== undefined) return transmit;
    }
    // Pending data goes first: a route that drops the MTU probe must not delay it.
    for (const path of order) {
      const transmit = this.#buildMtuProbe(writer, batch, path, now);
      if (transmit !== undefined) return transmit;
    }
    if (this.#parts.oneRtt.canWrite) {
      for (const path of order) if (!path.isBlocked) path.routes.active.controller.onApplicationLimited();
    }
    this.#blocked?.update(this.#parts, now);
    return undefined;
  }

  #buildTrain(
    writer: Writer,
    batch: PacketBatch,
    path: PathSpace,
    isChosen: boolean,
    maxSegments: number,
    now: Instant,
  ): Transmit | undefined {
    const route = path.routes.active;
    const target: PacketTarget = { path, route, ecn: route.ecn.nextTrain() };
    path.isBlocked = false;
    let segmentSize = route.maxDatagramSize;
    let count = 0;
    const segments = Math.min(maxSegments, batch.capacity, Math.floor(writer.bytes.length / segmentSize));
    const { streams, datagrams } = this.#parts;
    const { scheduler } = streams;
    const datagram = datagrams.hasQueued ? scheduler.nextDatagram : undefined;
    while (count < segments) {
      const start = writer.position;
      const limit = Math.min(segmentSize, route.sendAllowance());
      writer.end = start + limit;
      const length = limit < MIN_PACKET_ROOM ? 0 : this.#buildDatagram(writer, batch, target, isChosen, now);
      if (length === 0) break;
      route.onDatagramSent(length);
      count += 1;
      // Only the last datagram of a train may be shorter.
      if (length < segmentSize && count > 1) break;
      if (length < segmentSize) segmentSize = length;
      // DATAGRAM frames of one size make a train of that size; in stream data's way, such packets would be too small.
      if (segmentSize < route.maxDatagramSize && (datagram === undefined || scheduler.nextDatagram !== datagram)) break;
    }
    this.#builder.sealOneRtt(batch, path);
    return count === 0 ? undefined : transmit(target, segmentSize, count, writer.position);
  }

  /**
   * Builds one datagram from `writer.position`, up to `writer.end`. Returns its length, 0 if there is nothing to send.
   */
  #buildDatagram(writer: Writer, batch: PacketBatch, target: PacketTarget, isChosen: boolean, now: Instant): number {
    const { role } = this.#parts;
    const start = writer.position;
    const limit = writer.end;
    if (this.#isOneRttOnly) return this.#buildOneRtt(writer, batch, target, isChosen, now);
    const purposes = this.#purposes(target.path, isChosen, limit - start, now);
    let mustPad = this.#mustPad(target, isChosen, limit - start);
    for (const level of LEVELS) {
      const purpose = purposes[level]!;
      if (purpose === "none") continue;
      writer.end = limit;
      // RFC 9000 §14.1: a client pads every datagram with an Initial, a server those with an ack-eliciting one.
      if (level === EncryptionLevel.initial) mustPad ||= role === "client" || purpose !== "ack";
      const padTo = mustPad ? start + MIN_DATAGRAM_SIZE : 0;
      this.#content.purpose = purpose;
      this.#builder.build(writer, batch, target, level, this.#content, padTo, isLast(purposes, level), now);
      if (limit - writer.position < MIN_PACKET_ROOM) break;
    }
    return writer.position - start;
  }

  /** True once the handshake has left nothing to send: from then on, datagrams have one packet. */
  get #isOneRttOnly(): boolean {
    const { spaces, early } = this.#parts;
    return spaces.initial === undefined && spaces.handshake === undefined && early.write === undefined;
  }

  #buildOneRtt(writer: Writer, batch: PacketBatch, target: PacketTarget, isChosen: boolean, now: Instant): number {
    const purpose = this.#oneRttPurpose(target.path, isChosen, now);
    if (purpose === "none") return 0;
    const start = writer.position;
    const padTo = this.#mustPad(target, isChosen, writer.end - start) ? start + MIN_DATAGRAM_SIZE : 0;
    this.#content.purpose = purpose;
    this.#builder.build(writer, batch, target, EncryptionLevel.oneRtt, this.#content, padTo, true, now);
    return writer.position - start;
  }

  /** RFC 9000 §8.2.2: a datagram with a PATH_RESPONSE must be padded. */
  #mustPad({ route }: PacketTarget, isChosen: boolean, room: number): boolean {
    return route.pathResponses.isPending && isChosen && room >= MIN_DATAGRAM_SIZE;
  }

  /** By level. */
  readonly #purposeOf: Purpose[] = ["none", "none", "none", "none"];

  #purposes(path: PathSpace, isChosen: boolean, room: number, now: Instant): readonly Purpose[] {
    const purposes = this.#purposeOf;
    const isPrimary = path === this.#parts.paths.primary;
    purposes[EncryptionLevel.initial] = isPrimary ? this.#handshakePurpose(EncryptionLevel.initial, room, now) : "none";
    purposes[EncryptionLevel.handshake] = isPrimary
      ? this.#handshakePurpose(EncryptionLevel.handshake, room, now)
      : "none";
    purposes[EncryptionLevel.zeroRtt] = isPrimary && isChosen ? this.#earlyPurpose(path, now) : "none";
    purposes[EncryptionLevel.oneRtt] = this.#oneRttPurpose(path, isChosen, now);
    return purposes;
  }

  /** 0-RTT packets only carry what streams send. */
  #earlyPurpose(path: PathSpace, now: Instant): Purpose {
    const { early, streams } = this.#parts;
    if (early.write === undefined || (!streams.hasStreamData && !streams.hasControlFrames)) return "none";
    if (this.#mayTransmit(path, now)) return "data";
    path.isBlocked = true;
    return "none";
  }

  #handshakePurpose(level: HandshakeLevel, room: number, now: Instant): Purpose {
    const { spaces, role, paths } = this.#parts;
    const space = spaces.get(level);
    if (space?.write === undefined) return "none";
    // A datagram that must be padded needs its full size. Send nothing until the peer's bytes allow that.
    if (level === EncryptionLevel.initial && room < MIN_DATAGRAM_SIZE) {
      if (role === "client" || space.crypto.hasData || space.pendingProbes > 0) return "none";
    }
    if (space.pendingProbes > 0) return "probe";
    if (space.crypto.hasData) {
      // The handshake is too short to pace.
      const { controller, maxDatagramSize } = paths.primary.routes.active;
      if (controller.canSend(maxDatagramSize)) return "data";
      paths.primary.isBlocked = true;
    }
    return space.acks.isDue(now) ? "ack" : "none";
  }

  #oneRttPurpose(path: PathSpace, isChosen: boolean, now: Instant): Purpose {
    if (!this.#parts.oneRtt.canWrite) return "none";
    if (path.pendingProbes > 0) return isChosen ? "probe" : "ping";
    if (isChosen && this.#hasContent(path)) {
      if (this.#mayTransmit(path, now)) return "data";
      path.isBlocked = true;
    }
    return path.acks.isDue(now) ? "ack" : "none";
  }

  #hasContent(path: PathSpace): boolean {
    const { streams, spaces } = this.#parts;
    return (
      streams.hasStreamData ||
      streams.hasControlFrames ||
      spaces.oneRttCrypto.hasData ||
      this.#frames.hasFrames ||
      path.idFrames.hasFrames ||
      path.ackRequests.hasFrame ||
      path.routes.active.pathResponses.isPending
    );
  }

  /** True if congestion control and pacing allow a datagram (RFC 9002 §7). */
  #mayTransmit(path: PathSpace, now: Instant): boolean {
    const { controller, pacer, maxDatagramSize } = path.routes.active;
    return controller.canSend(maxDatagramSize) && pacer.budget(now) >= maxDatagramSize;
  }

  /** Builds a datagram for path validation: challenges on any route, responses on routes other than the active one. */
  #buildPathProbe(writer: Writer, batch: PacketBatch, path: PathSpace, now: Instant): Transmit | undefined {
    if (path.routes.all.length === 1 || !this.#parts.oneRtt.canWrite) return undefined;
    for (const route of path.routes.all) {
      const isResponsePending = route !== path.routes.active && route.pathResponses.isPending;
      if (!isResponsePending && !route.challenges.isPending) continue;
      const limit = Math.min(MIN_DATAGRAM_SIZE, route.sendAllowance());
      if (limit < MIN_PACKET_ROOM) continue;
      const target: PacketTarget = { path, route, ecn: Ecn.notEct };
      writer.end = limit;
      // RFC 9000 §8.2.1, §8.2.2: padded to 1200 bytes if the anti-amplification limit allows.
      const isFullSize = limit === MIN_DATAGRAM_SIZE;
      const content = new PathProbeFrames(this.#parts.config.rng, isFullSize);
      this.#builder.build(writer, batch, target, EncryptionLevel.oneRtt, content, isFullSize ? limit : 0, true, now);
      this.#builder.sealOneRtt(batch, path);
      const length = writer.position;
      route.onDatagramSent(length);
      return transmit(target, length, 1, length);
    }
    return undefined;
  }

  /** Builds a datagram that is larger than any sent before. */
  #buildMtuProbe(writer: Writer, batch: PacketBatch, path: PathSpace, now: Instant): Transmit | undefined {
    const { oneRtt, handshake } = this.#parts;
    const route = path.routes.active;
    if (!handshake.isConfirmed || !oneRtt.canWrite) return undefined;
    const size = route.mtu.probeSize(now);
    if (size === undefined || size > writer.bytes.length || !route.controller.canSend(size)) return undefined;
    // RFC 9000 §8.1.
    if (size > route.sendAllowance()) return undefined;
    const target: PacketTarget = { path, route, ecn: Ecn.notEct };
    route.mtu.onProbeSent(path.nextPacketNumber, size);
    writer.end = size;
    this.#builder.build(writer, batch, target, EncryptionLevel.oneRtt, mtuProbeFrames, 0, true, now);
    this.#builder.sealOneRtt(batch, path);
    route.onDatagramSent(size);
    return transmit(target, size, 1, size);
  }

  /** Builds CONNECTION_CLOSE at every level that the peer may be able to read (RFC 9000 §10.2.3). */
  #buildClose(writer: Writer, batch: PacketBatch, state: Lifecycle, now: Instant): Transmit | undefined {
    const { paths, role } = this.#parts;
    if (state.type !== "closing" || state.reason.type !== "local") return undefined;
    const path = paths.primary;
    const route = path.routes.active;
    const target: PacketTarget = { path, route, ecn: Ecn.notEct };
    const content = new CloseFrames(state.reason);
    const limit = Math.min(route.maxDatagramSize, route.sendAllowance());
    const purposes = this.#purposeOf;
    for (const level of LEVELS) purposes[level] = this.#mayReadClose(level) ? "data" : "none";
    for (const level of LEVELS) {
      if (purposes[level] === "none") continue;
      if (limit - writer.position < MIN_PACKET_ROOM) break;
      writer.end = limit;
      const padTo = purposes[EncryptionLevel.initial] === "data" && role === "client" ? MIN_DATAGRAM_SIZE : 0;
      this.#builder.build(writer, batch, target, level, content, padTo, isLast(purposes, level), now);
    }
    this.#builder.sealOneRtt(batch, path);
    const length = writer.position;
    if (length === 0) return undefined;
    route.onDatagramSent(length);
    return transmit(target, length, 1, length);
  }

  #mayReadClose(level: (typeof LEVELS)[number]): boolean {
    const { spaces, oneRtt, role, handshake } = this.#parts;
    if (level === EncryptionLevel.zeroRtt) return false;
    if (level !== EncryptionLevel.oneRtt) return spaces.get(level)?.write !== undefined;
    // Once the handshake is confirmed, both sides read 1-RTT packets. Before that, a client's 1-RTT packets may not be
    // readable.
    return oneRtt.canWrite && (handshake.isComplete || role === "client" || spaces.handshake !== undefined);
  }
}

/** True if no packet follows that of `level` in its datagram. */
const isLast = (purposes: readonly Purpose[], level: EncryptionLevel): boolean =>
  purposes.every((purpose, other) => other <= level || purpose === "none");

const transmit = ({ route, ecn }: PacketTarget, segmentSize: number, count: number, length: number): Transmit => ({
  local: route.local,
  remote: route.remote,
  ecn,
  segmentSize,
  count,
  length,
});
