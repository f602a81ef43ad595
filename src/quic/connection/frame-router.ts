/**
 * Where frames go: each to the owner of the state that it speaks of. The same for the fate of the frames that we sent,
 * once acknowledgements or losses decide it.
 */

import { assertNever } from "../../base/errors.ts";
import type { Instant, Micros } from "../../base/time.ts";
import { Level } from "../../tls/handshake.ts";
import { fromUtf8 } from "../../wire/text.ts";
import { transportError } from "../errors.ts";
import type { AckFrame, Frame } from "../frame/frames.ts";
import type { SentFrame, SentPacket } from "../recovery/sent-packet.ts";
import type { CloseReason } from "../transport.ts";
import type { ControlFrames } from "./control-frames.ts";
import type { ConnectionParts } from "./parts.ts";

/** What of a frame concerns the connection as a whole. */
export interface FrameRouterHost {
  /** The peer's exponent for the delays in its ACK frames, once it is known. */
  peerAckDelayExponent(): number | undefined;
  probeTimeout(): Micros;
  confirmHandshake(): void;
  /** The peer closed the connection. */
  drain(reason: CloseReason): void;
}

/** RFC 9000 §18.2. */
const DEFAULT_ACK_DELAY_EXPONENT = 3;

export class FrameRouter {
  readonly #parts: ConnectionParts;
  readonly #control: ControlFrames;
  readonly #host: FrameRouterHost;

  constructor(parts: ConnectionParts, control: ControlFrames, host: FrameRouterHost) {
    this.#parts = parts;
    this.#control = control;
    this.#host = host;
  }

  handleFrame(level: Level, frame: Frame, destination: string, now: Instant): void {
    const { streams, spaces, localIds, remoteIds, role, closing } = this.#parts;
    if (!closing.isOpen && frame.type !== "connection-close") return;
    switch (frame.type) {
      case "stream":
        streams.handleStream(frame.id, frame.offset, frame.data, frame.fin, now);
        break;
      case "ack":
        this.#handleAck(level, frame, now);
        break;
      case "crypto":
        spaces.get(level)?.crypto.handleFrame(frame);
        this.#parts.handshake.handleCrypto(level, now);
        break;
      case "padding":
      case "ping":
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
        remoteIds.handleNewConnectionId(frame);
        break;
      case "retire-connection-id":
        localIds.handleRetire(frame.sequence, destination);
        break;
      case "path-challenge":
        this.#control.handlePathChallenge(frame.data);
        break;
      case "path-response":
        // We send no challenge, so none of these answers anything; RFC 9000 §19.18 allows to ignore it.
        break;
      case "new-token":
        // RFC 9000 §19.7: only servers give tokens. Ours keeps none, because every connection starts anew.
        if (role === "server") throw transportError("PROTOCOL_VIOLATION", "NEW_TOKEN", "from a client");
        break;
      case "handshake-done":
        // RFC 9000 §19.20.
        if (role === "server") throw transportError("PROTOCOL_VIOLATION", "HANDSHAKE_DONE", "from a client");
        this.#host.confirmHandshake();
        break;
      case "connection-close": {
        const { layer, code } = frame;
        this.#host.drain({ type: "peer", layer, code, phrase: fromUtf8(frame.phrase) });
        break;
      }
      default:
        assertNever(frame);
    }
  }

  #handleAck(level: Level, frame: AckFrame, now: Instant): void {
    const { recovery, oneRtt, path, streams, role } = this.#parts;
    const exponent =
      level === Level.application
        ? (this.#host.peerAckDelayExponent() ?? DEFAULT_ACK_DELAY_EXPONENT)
        : DEFAULT_ACK_DELAY_EXPONENT;
    const ackDelay = (frame.delay * 2 ** exponent) as Micros;
    const { acked, lost } = recovery.onAckReceived(level, frame, ackDelay, now);
    if (role === "client" && level === Level.handshake) recovery.peerCompletedAddressValidation = true;
    for (const packet of acked) {
      for (const sent of packet.frames) this.#onFrameAcked(sent);
    }
    if (acked.length > 0 && level === Level.application) {
      oneRtt.onPacketAcked(acked.at(-1)!.packetNumber);
      streams.rtt = path.rtt.smoothed;
      streams.setCongestionWindow(path.controller.congestionWindow);
      oneRtt.probeTimeout = this.#host.probeTimeout();
    }
    this.handleLost(lost);
  }

  #onFrameAcked(frame: SentFrame): void {
    const { spaces, streams } = this.#parts;
    switch (frame.type) {
      case "ack":
        spaces.get(frame.level)?.acks.onAckAcked(frame.largest);
        break;
      case "crypto":
        spaces.get(frame.level)?.crypto.handleAcked(frame.offset, frame.length);
        break;
      default:
        if (!this.#control.handleAcked(frame)) streams.handleAcked(frame);
    }
  }

  handleLost(lost: readonly SentPacket[]): void {
    this.#parts.stats.packetsLost += lost.length;
    for (const packet of lost) this.#repeat(packet);
  }

  /** Has everything that a packet carried sent again, as far as it still matters (RFC 9000 §13.3). */
  #repeat(packet: SentPacket): void {
    const { spaces, streams } = this.#parts;
    for (const frame of packet.frames) {
      if (frame.type === "crypto") spaces.get(frame.level)?.crypto.handleLost(frame.offset, frame.length);
      else if (frame.type !== "ack" && !this.#control.handleLost(frame)) streams.handleLost(frame);
    }
  }

  /** RFC 9002 §6.2.4: a probe carries what is oldest in flight, or new data, or at least a PING. */
  probe(level: Level, count: number): void {
    const { spaces, recovery, streams } = this.#parts;
    const space = spaces.get(level);
    if (space === undefined) return;
    this.#parts.stats.probeTimeouts += 1;
    space.probesOwed = Math.max(space.probesOwed, count);
    if (level !== Level.application) {
      // What other spaces wait for goes along: Handshake packets cannot be read without the Initial before them, and
      // would fill the congestion window for ever.
      for (const other of [spaces.get(Level.initial), spaces.get(Level.handshake)]) {
        if (other?.write === undefined || !other.crypto.hasUnacknowledged) continue;
        other.crypto.repeatUnacknowledged();
        other.probesOwed = Math.max(other.probesOwed, 1);
      }
    } else if (!streams.hasStreamData && !streams.hasControlFrames) {
      const oldest = recovery.oldestInFlight(level);
      if (oldest !== undefined) this.#repeat(oldest);
    }
  }
}
