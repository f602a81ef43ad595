/**
 * Routes each frame to the owner of its state. Also reports the outcome of the frames that we sent, once they are
 * acknowledged or lost.
 */

import { assertNever } from "../../base/errors.ts";
import type { Instant, Micros } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { fromUtf8 } from "../../wire/text.ts";
import { transportError } from "../errors.ts";
import type { AckFrame, CryptoFrame, Frame } from "../frame/frames.ts";
import { PacketNumberSpace, spaceOf } from "../packet/number-space.ts";
import type { PathSpace } from "../path/index.ts";
import type { SentFrame, SentPacket } from "../recovery/sent-packet.ts";
import type { CloseReason } from "../transport.ts";
import type { ConnectionFrames } from "./connection-frames.ts";
import { MissingHandshake } from "./missing-handshake.ts";
import type { FrameContext } from "./packet-receiver.ts";
import { minAckDelay } from "./parameters.ts";
import type { ConnectionParts } from "./parts.ts";
import { ReceivedTokens } from "./received-tokens.ts";
import type { Repeats } from "./repeats.ts";
import { WORK } from "./work-budget.ts";

/** The effects of a frame on the connection as a whole. */
export interface FrameRouterHost extends ConnectionParts {
  /** The peer's exponent for the delays in its ACK frames, once known. */
  readonly peerAckDelayExponent: number | undefined;
  confirmHandshake(): void;
  handlePathResponse(data: Uint8Array, now: Instant): void;
  /** The server gave a token for a later connection. */
  onToken(token: Uint8Array): void;
  /** The peer closed the connection. */
  drain(reason: CloseReason): void;
}

/**
 * RFC 9002 §6.2.4: as many as are allowed, since one may be lost, and each timeout doubles the wait for the next. A client
 * that waits for a server at its amplification limit (§6.2.2.1) gives it twice as much to send.
 */
const PROBES = 2;

/** RFC 9000 §18.2. */
const DEFAULT_ACK_DELAY_EXPONENT = 3;

export class FrameRouter {
  readonly #parts: FrameRouterHost;
  readonly #frames: ConnectionFrames;
  readonly #repeats: Repeats;
  readonly missingHandshake: MissingHandshake;
  readonly #tokens = new ReceivedTokens();

  constructor(parts: FrameRouterHost, frames: ConnectionFrames, repeats: Repeats) {
    this.#parts = parts;
    this.#frames = frames;
    this.#repeats = repeats;
    this.missingHandshake = new MissingHandshake(parts, repeats);
  }

  handleFrame(frame: Frame, context: FrameContext, now: Instant): void {
    const { streams, datagrams, role, closing, work } = this.#parts;
    work.spend(WORK.frame);
    if (!closing.isOpen && frame.type !== "connection-close") return;
    switch (frame.type) {
      case "stream":
        work.onStreamData(streams.handleStream(frame.id, frame.offset, frame.data, frame.fin, now));
        break;
      case "ack":
        this.#handleAck(frame, context, now);
        break;
      case "crypto":
        if (context.level === EncryptionLevel.oneRtt) work.spend(frame.data.length * WORK.cryptoByte);
        this.#handleCrypto(frame, context.level, now);
        this.#parts.handshake.handleCrypto(context.level, now);
        break;
      case "ping":
        if (context.level !== EncryptionLevel.oneRtt) this.missingHandshake.onRepeated(now);
        break;
      case "padding":
        break;
      case "max-data":
        streams.handleMaxData(frame.maximum);
        break;
      case "max-stream-data":
        streams.handleMaxStreamData(frame.id, frame.maximum);
        break;
      case "max-streams":
        streams.handleMaxStreams(frame.direction, frame.maximum);
        break;
      case "reset-stream":
        streams.handleResetStream(frame.id, frame.code, frame.finalSize);
        break;
      case "reset-stream-at":
        streams.handleResetStream(frame.id, frame.code, frame.finalSize, frame.reliableSize);
        break;
      case "stop-sending":
        streams.handleStopSending(frame.id, frame.code);
        break;
      case "data-blocked":
        streams.handleDataBlocked(frame.limit);
        break;
      case "stream-data-blocked":
        streams.handleStreamDataBlocked(frame.id, frame.limit);
        break;
      case "streams-blocked":
        streams.handleStreamsBlocked(frame.direction, frame.limit);
        break;
      case "new-connection-id":
        context.path.remoteIds.handleNewConnectionId(frame);
        break;
      case "retire-connection-id":
        // RFC 9000 §12.5: a client cannot know another id of the server yet.
        if (context.level === EncryptionLevel.zeroRtt) {
          throw transportError("PROTOCOL_VIOLATION", "RETIRE_CONNECTION_ID", "is not possible in 0-RTT packets");
        }
        context.path.localIds.handleRetire(frame.sequence, context.destination);
        break;
      case "path-challenge":
        // RFC 9000 §8.2.2: answered on the route on which it arrived.
        context.route.pathResponses.handleChallenge(frame.data, now);
        break;
      case "path-response":
        // RFC 9000 §19.18: a response that matches no challenge may be ignored.
        this.#parts.handlePathResponse(frame.data, now);
        break;
      case "new-token":
        // RFC 9000 §19.7: only servers send tokens.
        if (role === "server") throw transportError("PROTOCOL_VIOLATION", "NEW_TOKEN", "was sent by a client");
        if (this.#tokens.accept(frame.token)) this.#parts.onToken(frame.token);
        break;
      case "handshake-done":
        // RFC 9000 §19.20.
        if (role === "server") throw transportError("PROTOCOL_VIOLATION", "HANDSHAKE_DONE", "was sent by a client");
        this.#parts.confirmHandshake();
        break;
      case "immediate-ack":
        this.#checkAckFrequency("IMMEDIATE_ACK");
        context.path.acks.requestNow();
        break;
      case "ack-frequency":
        this.#checkAckFrequency("ACK_FREQUENCY");
        context.path.acks.policy.handleFrame(frame, minAckDelay(this.#parts.config));
        break;
      case "datagram":
        datagrams.handleFrame(frame);
        break;
      case "connection-close": {
        const { layer, code } = frame;
        this.#parts.drain({ type: "peer", layer, code, phrase: fromUtf8(frame.phrase) });
        break;
      }
      default:
        assertNever(frame);
    }
  }

  #handleCrypto(frame: CryptoFrame, level: EncryptionLevel, now: Instant): void {
    const crypto = this.#parts.spaces.crypto(level);
    if (crypto === undefined) return;
    const isRepeated = frame.offset + frame.data.length <= crypto.bytesReceived;
    crypto.handleFrame(frame);
    if (isRepeated && level !== EncryptionLevel.oneRtt) this.missingHandshake.onRepeated(now);
  }

  /** Without min_ack_delay, these frames are unknown to us. */
  #checkAckFrequency(name: string): void {
    if (this.#parts.config.ackFrequency) return;
    throw transportError("FRAME_ENCODING_ERROR", name, "was sent to a peer that did not announce min_ack_delay");
  }

  #handleAck(frame: AckFrame, { level, path }: FrameContext, now: Instant): void {
    const { oneRtt, streams, work, early } = this.#parts;
    const { recovery, routes } = path;
    work.spend((frame.ranges.length / 2) * WORK.ackRange);
    const isOneRtt = level === EncryptionLevel.oneRtt;
    const exponent = isOneRtt
      ? (this.#parts.peerAckDelayExponent ?? DEFAULT_ACK_DELAY_EXPONENT)
      : DEFAULT_ACK_DELAY_EXPONENT;
    const ackDelay = (frame.delay * 2 ** exponent) as Micros;
    const { acked, late, lost } = recovery.onAckReceived(spaceOf(level), frame, ackDelay, now);
    for (const packet of acked) {
      for (const sent of packet.frames) this.#onFrameAcked(sent);
    }
    // The contents of a late packet have arrived, so the copy need not be sent a third time.
    for (const packet of late) {
      for (const sent of packet.frames) this.#onFrameAcked(sent);
    }
    if (acked.length > 0 && isOneRtt) {
      const { packetNumber } = acked.at(-1)!;
      if (packetNumber > early.lastSent) {
        oneRtt.onPacketAcked(packetNumber, path.id);
        // RFC 9001 §4.1.2: the server reads 1-RTT packets, whether HANDSHAKE_DONE arrives or not.
        this.#parts.confirmHandshake();
      }
      const { controller, maxDatagramSize, rtt, losses } = routes.active;
      streams.setCongestionWindow(controller.congestionWindow);
      if (path.ackRequests.isEnabled && this.#parts.handshake.isConfirmed) {
        path.ackRequests.update(controller.congestionWindow / maxDatagramSize, rtt.smoothed, losses.packetThreshold);
        recovery.maxAckDelay = path.ackRequests.maxAckDelay;
      }
    }
    this.handleLost(lost);
  }

  #onFrameAcked(frame: SentFrame): void {
    switch (frame.type) {
      case "ack":
        frame.acks.onAckAcked(frame.largest);
        break;
      case "crypto":
        frame.owner.handleAcked(frame.offset, frame.length);
        break;
      case "new-connection-id":
      case "retire-connection-id":
      case "ack-frequency":
        frame.owner.handleAcked(frame.sequence);
        break;
      case "stream":
        this.#parts.work.onStreamFrameAcked(frame.length, frame.fin);
        this.#parts.streams.handleAcked(frame);
        break;
      default:
        if (!this.#frames.handleAcked(frame)) this.#parts.streams.handleAcked(frame);
    }
  }

  handleLost(lost: readonly SentPacket[]): void {
    this.#parts.stats.packetsLost += lost.length;
    for (const packet of lost) this.#repeats.repeat(packet, true);
  }

  /** Sends the contents of packets again that the peer has dropped, although no network lost them. */
  sendAgain(packets: readonly SentPacket[]): void {
    for (const packet of packets) this.#repeats.repeat(packet, true);
  }

  /** RFC 9002 §6.2.4: a probe carries the oldest data in flight, or new data, or at least a PING. */
  probe(path: PathSpace, kind: PacketNumberSpace): void {
    const { spaces, streams, stats } = this.#parts;
    const space = kind === PacketNumberSpace.application ? path : spaces.byNumber(kind);
    if (space === undefined) return;
    stats.probeTimeouts += 1;
    space.pendingProbes = Math.max(space.pendingProbes, PROBES);
    if (kind !== PacketNumberSpace.application) {
      this.#repeats.probeHandshake(PROBES);
      // The server drops 0-RTT packets that arrive before the ClientHello.
      const [early] =
        this.#parts.early.write === undefined ? [] : path.recovery.inFlight(PacketNumberSpace.application);
      if (early !== undefined && !streams.hasStreamData) this.#repeats.repeat(early, false);
    } else {
      this.#repeats.repeatOldest(path, PROBES * path.routes.active.maxDatagramSize);
    }
  }
}
