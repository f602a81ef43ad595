/** The payloads of packets: acknowledgements, data, probes; MTU probes; CONNECTION_CLOSE. */

import { ProtocolError } from "../../base/errors.ts";
import type { Rng } from "../../base/rng.ts";
import type { Instant } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import type { Writer } from "../../wire/writer.ts";
import { emitAck, emitConnectionClose, emitImmediateAck, emitPing, frameNumber } from "../frame/index.ts";
import { PacketNumberSpace, spaceOf } from "../packet/number-space.ts";
import type { CloseReason } from "../transport.ts";
import type { ConnectionFrames } from "./connection-frames.ts";
import type { FrameWriter, PacketDraft } from "./packet-builder.ts";
import type { ConnectionParts } from "./parts.ts";
import type { Repeats } from "./repeats.ts";

/** Why a packet is built; decides what may go into it. */
export type Purpose =
  | "none"
  | "ack"
  | "data"
  | "probe"
  /** A probe without content. */
  | "ping";

/** draft-ietf-quic-ack-frequency §5: a peer that was asked for fewer acknowledgements must not delay that of a probe. */
const asksForAck = ({ level, path }: PacketDraft): boolean =>
  level === EncryptionLevel.oneRtt && path.ackRequests.isEnabled;

/** Writes acknowledgements and the pending content of all owners. */
export class ContentFrames implements FrameWriter {
  readonly #parts: ConnectionParts;
  readonly #frames: ConnectionFrames;
  readonly #repeats: Repeats;
  /** The purpose of the next packet. */
  purpose: Purpose = "none";

  constructor(parts: ConnectionParts, frames: ConnectionFrames, repeats: Repeats) {
    this.#parts = parts;
    this.#frames = frames;
    this.#repeats = repeats;
  }

  writeFrames(writer: Writer, draft: PacketDraft, now: Instant): void {
    const { space } = draft;
    const isProbe = this.purpose === "probe" || this.purpose === "ping";
    // A probe has room for its PING, however many ranges there are to report.
    if (isProbe) writer.end -= 1;
    // RFC 9000 §12.5: no ACK in 0-RTT packets.
    if (draft.level !== EncryptionLevel.zeroRtt) this.#writeAck(writer, draft, now);
    if (isProbe) writer.end += 1;
    if (this.purpose === "probe" || this.purpose === "data") this.#writeContent(writer, draft, isProbe, now);
    if (space.pendingProbes === 0 || draft.level === EncryptionLevel.zeroRtt) return;
    space.pendingProbes -= 1;
    // RFC 9002 §6.2.4: a probe is ack-eliciting even if there is nothing to send.
    if (asksForAck(draft) && writer.remaining > 0) emitImmediateAck(writer);
    else if (!draft.ackEliciting) emitPing(writer);
    draft.ackEliciting = true;
  }

  #writeAck(writer: Writer, { space, frames, level }: PacketDraft, now: Instant): void {
    const { acks } = space;
    // The peer may still wait for an acknowledgement that was lost. Before 1-RTT packets, a late one would only teach it a
    // round-trip time that is far too long.
    const isRepeated = level === EncryptionLevel.oneRtt && this.purpose === "probe" && acks.largest >= 0;
    if (!acks.hasAnythingToAck && !isRepeated) return;
    const largest = emitAck(writer, acks.received, acks.ackDelay(now), acks.ecnCounts);
    if (largest < 0) return;
    frames.push({ type: "ack", acks, largest });
    acks.onAckSent(now);
  }

  #writeContent(writer: Writer, draft: PacketDraft, isProbe: boolean, now: Instant): void {
    const { streams, spaces } = this.#parts;
    const { frames } = draft;
    const before = writer.position;
    const crypto = spaces.crypto(draft.level);
    // Both of two probes carry the same data, since either may be lost, unless there is enough for both.
    if (isProbe && crypto?.hasData === false) crypto.repeatUnacknowledged();
    crypto?.writeFrames(writer, frames);
    if (draft.level === EncryptionLevel.oneRtt) {
      if (isProbe) this.#repeats.repeatOldest(draft.path, writer.remaining);
      if (draft.route.pathResponses.isPending) {
        draft.route.pathResponses.writeFrames(writer);
        // RFC 9000 §9.3.3: not just a probe, so that a misled peer returns to this route.
        if (writer.remaining > 0) emitPing(writer);
      }
      if (draft.path.ackRequests.hasFrame) draft.path.ackRequests.writeFrame(writer, frames);
      if (draft.path.idFrames.hasFrames) draft.path.idFrames.writeFrames(writer, frames);
      if (this.#frames.hasFrames) this.#frames.writeFrames(writer, frames);
    }
    if (spaceOf(draft.level) === PacketNumberSpace.application) {
      if (streams.hasControlFrames) streams.writeControlFrames(writer, frames);
      if (streams.hasStreamData) streams.writeStreamFrames(writer, frames, now);
    }
    // Not every frame leaves a record: a PATH_RESPONSE is never sent again, but it is ack-eliciting and in flight.
    if (writer.position > before) draft.ackEliciting = true;
  }
}

/** A PATH_CHALLENGE, and responses to the peer's challenges on the route on which they arrived (RFC 9000 §8.2). */
export class PathProbeFrames implements FrameWriter {
  readonly #rng: Rng;
  readonly #isFullSize: boolean;

  constructor(rng: Rng, isFullSize: boolean) {
    this.#rng = rng;
    this.#isFullSize = isFullSize;
  }

  writeFrames(writer: Writer, draft: PacketDraft): void {
    const { challenges, pathResponses } = draft.route;
    if (challenges.isPending) challenges.writeFrame(writer, this.#rng, this.#isFullSize);
    pathResponses.writeFrames(writer);
    draft.ackEliciting = true;
  }
}

/** PING and PADDING up to the end: if the packet arrives, the route carries datagrams of that size (RFC 9000 §14.4). */
export const mtuProbeFrames: FrameWriter = {
  writeFrames(writer, draft) {
    emitPing(writer);
    writer.fill(0, writer.remaining);
    draft.ackEliciting = true;
  },
};

/** RFC 9000 §20.1: APPLICATION_ERROR. */
const APPLICATION_ERROR = 0xc;

/** CONNECTION_CLOSE, repeated at each level that the peer may be able to read. */
export class CloseFrames implements FrameWriter {
  readonly #reason: Extract<CloseReason, { type: "local" | "peer" }>;

  constructor(reason: Extract<CloseReason, { type: "local" | "peer" }>) {
    this.#reason = reason;
  }

  writeFrames(writer: Writer, { level }: PacketDraft): void {
    const { layer, code, phrase, cause } = this.#reason;
    const isOneRtt = level === EncryptionLevel.oneRtt;
    // RFC 9000 §10.2.3: the application's code and phrase are hidden until the handshake protects them.
    const isHidden = layer === "application" && !isOneRtt;
    emitConnectionClose(
      writer,
      isOneRtt ? layer : "transport",
      isHidden ? APPLICATION_ERROR : code,
      faultyFrame(cause),
      isHidden ? "" : phrase,
    );
  }
}

/** The type of the offending frame, or 0 if unknown (RFC 9000 §19.19). */
const faultyFrame = (cause: unknown): number =>
  cause instanceof ProtocolError && cause.layer === "transport" ? (frameNumber(cause.where) ?? 0) : 0;
