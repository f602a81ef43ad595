/**
 * A connection (RFC 9293 §3.10): its state, what the application asks, and what leaves next. It conducts: sending,
 * receiving and the arrival of segments are its neighbours'.
 */

import type { Rng } from "../base/rng.ts";
import { after, earliest, type Instant, type Micros, seconds } from "../base/time.ts";
import type { CongestionControl } from "../congestion/index.ts";
import type { IcmpErrorKind } from "../ip/index.ts";
import { ChallengeLimit } from "./challenge-limit.ts";
import { ResetCode, type ResetReason } from "./diagnostics/reasons.ts";
import type { FlowEnds } from "./initial-sequence.ts";
import { MAX_WINDOW_SCALE, type TcpOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import { Flag, headerLength, type Segment, type SegmentFields } from "./segment.ts";
import { Sender, type SenderOptions, type SendPlan } from "./sender.ts";
import { sequenceAt } from "./sequence.ts";
import { isSynchronized, maySend, type TcpState } from "./state.ts";

export interface TcpConnectionOptions extends SenderOptions {
  readonly congestionControl: CongestionControl;
  /** Bytes that may wait for the application. */
  readonly receiveBuffer: number;
  readonly noDelay: boolean;
  /** Sends probes when idle; off by default (MUST-25). */
  readonly keepAlive: boolean;
  /** MUST-28: at least two hours unless configured. */
  readonly keepAliveIdle: Micros;
  readonly keepAliveInterval: Micros;
  readonly keepAliveProbes: number;
  /** MUST-13: 2 MSL. */
  readonly timeWait: Micros;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly windowScale: boolean;
  /** Asks for ECN; it is accepted in any case. */
  readonly ecn: boolean;
  /** MUST-48, MUST-49. */
  readonly trafficClass: number;
  readonly hopLimit: number | undefined;
}

/** Why a connection ended other than by both sides' FIN. */
export interface CloseReason {
  readonly code:
    | "ECONNREFUSED"
    | "ECONNRESET"
    | "ECONNABORTED"
    | "ETIMEDOUT"
    | "EHOSTUNREACH"
    | "ENETUNREACH"
    | "EPROTO";
  /** What the peer's reset said (draft-ietf-tcpm-rst-diagnostic-payload). */
  readonly reason?: ResetReason;
}

export type TcpEventType =
  | "connected"
  | "readable"
  | "writable"
  | "ended"
  | "urgent"
  | "soft-error"
  | "slow"
  | "closed";

/** What a connection needs of its endpoint. */
export interface ConnectionOwner {
  notify(connection: TcpConnection, type: TcpEventType): void;
  /** Resets the peer, at the sequence number that it expects. */
  sendReset(connection: TcpConnection, code: number, now: Instant): void;
  /** Refuses a segment that belongs to no state of the connection. */
  refuse(segment: Segment, code: number, now: Instant): void;
  /** The connection is over; its ports may be used again. */
  remove(connection: TcpConnection): void;
  /** R1 (MUST-20): the path may be dead. */
  suspect(remote: Uint8Array, now: Instant): void;
}

/** A segment to send; valid until the next call. */
export interface OutgoingSegment {
  readonly connection: TcpConnection;
  readonly fields: SegmentFields;
  /** Positions of the payload in the send buffer. */
  readonly from: number;
  readonly to: number;
  /** Payload per segment if the run is to be cut. */
  readonly mss: number;
  readonly ecn: number;
}

const MILLI = 1_000;
/** How long a half-open end waits for the peer's FIN after the application has gone; Linux has the same. */
const FIN_WAIT_2_TIME = seconds(60);

export class TcpConnection implements FlowEnds {
  readonly local: Uint8Array;
  readonly localPort: number;
  readonly remote: Uint8Array;
  readonly remotePort: number;
  readonly options: TcpConnectionOptions;
  readonly owner: ConnectionOwner;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly challenges: ChallengeLimit;
  /** ISS. */
  readonly initial: number;
  /** MUST-11: a reset of a passive connection in SYN-RECEIVED only ends it. */
  readonly isPassive: boolean;
  state: TcpState;
  closeReason: CloseReason | undefined;
  softError: IcmpErrorKind | undefined;
  /** The MSS that this host tells the peer. */
  readonly ownMss: number;
  /** Shift of the peer's window field. */
  peerScale = 0;
  isScaled = false;
  /** TS.Recent, once timestamps are agreed. */
  recentTimestamp: number | undefined;
  recentTimestampAt = 0 as Instant;
  /** Last.ACK.sent, as a position. */
  lastAckSent = 0;
  usesEcn = false;
  /** RFC 3168 §6.1: set ECE until the peer reduces its window, and CWR once ours is reduced. */
  echoesCongestion = false;
  reducesWindow = false;
  /** Positions of the peer's urgent data end, and of ours (RFC 6093). */
  urgentIn: number | undefined;
  urgentOut: number | undefined;
  /** The application reads no more. */
  isReadClosed = false;
  bytesReceived = 0;
  readonly #timestampOffset: number;
  #closeAt: Instant | undefined;
  #keepAliveAt: Instant | undefined;
  #keepAlivesSent = 0;
  #keepsAlive: boolean;
  #keepAliveIdle: Micros;
  #isProbeDue = false;
  #notifyBelow: number | undefined;

  constructor(
    owner: ConnectionOwner,
    flow: FlowEnds,
    setup: {
      readonly initial: number;
      readonly timestampOffset: number;
      readonly ownMss: number;
      readonly options: TcpConnectionOptions;
      readonly isPassive: boolean;
      readonly rng: Rng;
    },
    now: Instant,
  ) {
    this.owner = owner;
    this.local = flow.local;
    this.localPort = flow.localPort;
    this.remote = flow.remote;
    this.remotePort = flow.remotePort;
    this.options = setup.options;
    this.initial = setup.initial;
    this.ownMss = setup.ownMss;
    this.isPassive = setup.isPassive;
    this.state = setup.isPassive ? "SYN-RECEIVED" : "SYN-SENT";
    this.#timestampOffset = setup.timestampOffset;
    this.#keepsAlive = setup.options.keepAlive;
    this.#keepAliveIdle = setup.options.keepAliveIdle;
    this.sender = new Sender(setup.options, setup.ownMss, setup.rng);
    this.sender.noDelay = setup.options.noDelay;
    this.sender.heardAt = now;
    this.receiver = new Receiver(setup.options.receiveBuffer);
    this.challenges = new ChallengeLimit(setup.rng);
    if (setup.options.windowScale) this.receiver.scale = scaleFor(setup.options.receiveBuffer);
  }

  // The application's calls (RFC 9293 §3.9.1).

  /** Queues bytes, which must not change afterwards. Returns false if the connection takes none. */
  write(bytes: Uint8Array): boolean {
    const mayQueue = maySend(this.state) || this.state === "SYN-SENT" || this.state === "SYN-RECEIVED";
    if (!mayQueue || this.sender.finAt !== undefined) return false;
    this.sender.buffer.push(bytes);
    return true;
  }

  /** Bytes that were written and not yet acknowledged. */
  get buffered(): number {
    return this.sender.buffer.length;
  }

  /** Asks for a "writable" event once at most this many bytes are buffered. */
  notifyWhenBelow(bytes: number): void {
    this.#notifyBelow = bytes;
  }

  /** The next run of received bytes; the caller may keep it. */
  read(max = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const bytes = this.receiver.read(max);
    if (bytes !== undefined && this.receiver.isWindowUpdateDue(this.ownMss)) this.receiver.isAckDue = true;
    return bytes;
  }

  /** CLOSE: sends FIN after what is queued; reading goes on. */
  end(now: Instant): void {
    if (this.state === "CLOSED" || this.sender.finAt !== undefined) return;
    if (this.state === "SYN-SENT") {
      this.close({ code: "ECONNABORTED" }, now);
      return;
    }
    this.sender.finish();
    if (this.state === "ESTABLISHED" || this.state === "SYN-RECEIVED") this.state = "FIN-WAIT-1";
    else if (this.state === "CLOSE-WAIT") this.state = "LAST-ACK";
    this.#startFinWait(now);
  }

  /** The application is gone: nothing will be read. SHLD-3: unread data resets the peer. */
  release(now: Instant): void {
    this.isReadClosed = true;
    const hasUnread = this.receiver.readable > 0 && isSynchronized(this.state);
    if (hasUnread && !this.receiver.isFinished) {
      this.abort(ResetCode.dataAfterClose, now);
      return;
    }
    this.receiver.discard();
    this.end(now);
    this.#startFinWait(now);
  }

  /** ABORT: resets the peer. */
  abort(code: number, now: Instant): void {
    if (this.state === "CLOSED") return;
    if (this.state !== "SYN-SENT" && this.state !== "TIME-WAIT") this.owner.sendReset(this, code, now);
    this.close({ code: "ECONNABORTED" }, now);
  }

  /** Marks everything written so far as urgent (RFC 6093; new applications should not, SHLD-13). */
  markUrgent(): void {
    this.urgentOut = this.sender.buffer.end;
  }

  setNoDelay(noDelay: boolean): void {
    this.sender.noDelay = noDelay;
  }

  setKeepAlive(isOn: boolean, now: Instant, idle: Micros = this.#keepAliveIdle): void {
    this.#keepsAlive = isOn;
    this.#keepAliveIdle = idle;
    this.#restartKeepAlive(now);
  }

  // Time.

  nextTimeout(): Instant | undefined {
    return earliest(
      earliest(this.sender.nextTimeout(), this.receiver.ackAt),
      earliest(this.#closeAt, this.#keepAliveAt),
    );
  }

  handleTimeout(now: Instant): void {
    if (this.#closeAt !== undefined && this.#closeAt <= now) {
      this.close(undefined, now);
      return;
    }
    if (this.receiver.ackAt !== undefined && this.receiver.ackAt <= now) {
      this.receiver.ackAt = undefined;
      this.receiver.isAckDue = true;
    }
    const result = this.sender.handleTimeout(now);
    if (result === "timeout") {
      // MUST-20: R2. The peer may be back: tell it.
      if (isSynchronized(this.state)) this.owner.sendReset(this, ResetCode.timeout, now);
      this.close({ code: this.#timeoutCode() }, now);
      return;
    }
    if (result === "slow") {
      this.owner.suspect(this.remote, now);
      this.owner.notify(this, "slow");
    }
    if (this.#keepAliveAt !== undefined && this.#keepAliveAt <= now) this.#probeIdle(now);
  }

  #timeoutCode(): CloseReason["code"] {
    if (this.softError === "host-unreachable") return "EHOSTUNREACH";
    return this.softError === "network-unreachable" ? "ENETUNREACH" : "ETIMEDOUT";
  }

  /** MUST-26, SHLD-12. */
  #probeIdle(now: Instant): void {
    if (this.#keepAlivesSent >= this.options.keepAliveProbes) {
      this.owner.sendReset(this, ResetCode.timeout, now);
      this.close({ code: "ETIMEDOUT" }, now);
      return;
    }
    this.#keepAlivesSent += 1;
    this.#isProbeDue = true;
    this.#keepAliveAt = after(now, this.options.keepAliveInterval);
  }

  #restartKeepAlive(now: Instant): void {
    this.#keepAlivesSent = 0;
    const isOn = this.#keepsAlive && isSynchronized(this.state) && this.state !== "TIME-WAIT";
    this.#keepAliveAt = isOn ? after(now, this.#keepAliveIdle) : undefined;
  }

  // Transitions.

  onHeard(now: Instant): void {
    if (this.#keepsAlive) this.#restartKeepAlive(now);
  }

  /** The options of the peer's SYN (RFC 7323 §2.2, §3.2, RFC 2018 §2). */
  acceptOptions(options: TcpOptions, mtuMss: number, now: Instant): void {
    // MUST-15; a tiny MSS is an attack on the number of segments.
    const announced =
      options.mss === undefined || options.mss === 0 ? (this.remote.length === 4 ? 536 : 1_220) : options.mss;
    const hasTimestamps = this.options.timestamps && options.timestamp !== undefined;
    if (hasTimestamps) {
      this.recentTimestamp = options.timestamp!.value;
      this.recentTimestampAt = now;
    }
    this.sender.hasSack = this.options.sack && options.sackPermitted === true;
    this.isScaled = this.options.windowScale && options.windowScale !== undefined;
    if (this.isScaled) this.peerScale = options.windowScale!;
    else this.receiver.scale = 0;
    // MUST-16: options count against the MSS (RFC 6691).
    this.sender.setMss(Math.max(88, Math.min(announced, mtuMss)) - (hasTimestamps ? 12 : 0));
  }

  establish(now: Instant): void {
    if (this.state === "SYN-SENT" || this.state === "SYN-RECEIVED") this.state = "ESTABLISHED";
    this.sender.isOpen = true;
    if (this.sender.retransmissions > 0) this.sender.rtt.onSynRetransmitted();
    this.#restartKeepAlive(now);
    this.owner.notify(this, "connected");
  }

  /** The peer's FIN arrived, and everything before it. */
  onFin(now: Instant): void {
    if (this.state === "ESTABLISHED") this.state = "CLOSE-WAIT";
    else if (this.state === "FIN-WAIT-1") {
      if (this.sender.isFinAcknowledged) this.enterTimeWait(now);
      else this.state = "CLOSING";
    } else if (this.state === "FIN-WAIT-2") this.enterTimeWait(now);
    this.owner.notify(this, "ended");
  }

  /** Our FIN was acknowledged. */
  onFinAcknowledged(now: Instant): void {
    if (this.state === "FIN-WAIT-1") {
      this.state = "FIN-WAIT-2";
      this.#startFinWait(now);
    } else if (this.state === "CLOSING") this.enterTimeWait(now);
    else if (this.state === "LAST-ACK") this.close(undefined, now);
  }

  enterTimeWait(now: Instant): void {
    this.state = "TIME-WAIT";
    this.#keepAliveAt = undefined;
    this.#closeAt = after(now, this.options.timeWait);
  }

  #startFinWait(now: Instant): void {
    if (this.state === "FIN-WAIT-2" && this.isReadClosed) this.#closeAt ??= after(now, FIN_WAIT_2_TIME);
  }

  close(reason: CloseReason | undefined, _now: Instant): void {
    if (this.state === "CLOSED") return;
    this.state = "CLOSED";
    this.closeReason = reason;
    this.#closeAt = undefined;
    this.#keepAliveAt = undefined;
    this.owner.notify(this, "closed");
    this.owner.remove(this);
  }

  onProgress(): void {
    if (this.#notifyBelow === undefined || this.buffered > this.#notifyBelow) return;
    this.#notifyBelow = undefined;
    this.owner.notify(this, "writable");
  }

  // What leaves.

  /** A time as the timestamp clock shows it, and back (RFC 7323 §5.4: one tick per millisecond). */
  timestampAt(now: Instant): number {
    return (Math.floor(now / MILLI) + this.#timestampOffset) >>> 0;
  }

  timeOf(timestamp: number, now: Instant): Instant {
    return (now - ((this.timestampAt(now) - timestamp) | 0) * MILLI) as Instant;
  }

  get hasTimestamps(): boolean {
    return this.recentTimestamp !== undefined;
  }

  /** The next segment; undefined if nothing may leave now. */
  poll(now: Instant): OutgoingSegment | undefined {
    if (this.state === "CLOSED") return undefined;
    const plan = this.sender.poll(now);
    if (plan !== undefined) return plan.start === 0 ? this.#synSegment(now) : this.#dataSegment(plan, now);
    if (this.state === "SYN-SENT") return undefined;
    if (this.#isProbeDue) {
      this.#isProbeDue = false;
      return this.#segment(this.sender.next - 1, this.sender.next - 1, Flag.ack, now);
    }
    if (!this.receiver.isAckDue) return undefined;
    return this.#segment(this.sender.next, this.sender.next, Flag.ack, now);
  }

  #synSegment(now: Instant): OutgoingSegment {
    const isAnswer = this.receiver.next > 0;
    const { timestamps, sack, windowScale, ecn } = this.options;
    const wantsTimestamps = isAnswer ? this.hasTimestamps : timestamps;
    const options: TcpOptions = { mss: this.ownMss };
    if (wantsTimestamps) options.timestamp = { value: this.timestampAt(now), echo: this.recentTimestamp ?? 0 };
    if (isAnswer ? this.sender.hasSack : sack) options.sackPermitted = true;
    if (isAnswer ? this.isScaled : windowScale) options.windowScale = this.receiver.scale;
    // RFC 3168 §6.1.1.
    const ecnFlags = isAnswer ? (this.usesEcn ? Flag.ece : 0) : ecn ? Flag.ece | Flag.cwr : 0;
    const flags = Flag.syn | (isAnswer ? Flag.ack : 0) | ecnFlags;
    const window = isAnswer
      ? this.receiver.windowField(this.ownMss, false)
      : Math.min(0xffff, this.options.receiveBuffer);
    if (isAnswer) this.#onAckSent();
    return this.#outgoing(0, 0, 0, flags, window, options, 0);
  }

  #dataSegment({ start, end, isPush }: SendPlan, now: Instant): OutgoingSegment {
    const { buffer, finAt } = this.sender;
    const hasFin = finAt !== undefined && end > finAt;
    const to = hasFin ? finAt : end;
    let flags = Flag.ack | (hasFin ? Flag.fin : 0) | (isPush && to > start ? Flag.psh : 0);
    if (this.reducesWindow) {
      flags |= Flag.cwr;
      this.reducesWindow = false;
    }
    return this.#segment(start, Math.min(to, buffer.end), flags, now);
  }

  #segment(from: number, to: number, flags: number, now: Instant): OutgoingSegment {
    const options: TcpOptions = {};
    if (this.recentTimestamp !== undefined) {
      options.timestamp = { value: this.timestampAt(now), echo: this.recentTimestamp };
    }
    if (this.sender.hasSack && to === from) {
      const blocks = this.receiver.sackBlocks(this.hasTimestamps);
      if (blocks.length > 0) options.sack = blocks;
    }
    const window = this.receiver.windowField(this.ownMss, this.isScaled);
    this.#onAckSent();
    const isUrgent = this.urgentOut !== undefined && this.urgentOut > from;
    // MUST-62: the urgent pointer names the byte after the urgent data.
    const urgent = isUrgent ? Math.min(0xffff, this.urgentOut! - from) : 0;
    const all = flags | (isUrgent ? Flag.urg : 0) | (this.echoesCongestion ? Flag.ece : 0);
    return this.#outgoing(from, to, from, all, window, options, urgent);
  }

  #onAckSent(): void {
    this.lastAckSent = this.receiver.next;
    this.receiver.onAckSent();
  }

  #outgoing(
    from: number,
    to: number,
    position: number,
    flags: number,
    window: number,
    options: TcpOptions,
    urgentPointer: number,
  ): OutgoingSegment {
    const { localPort: sourcePort, remotePort: destinationPort } = this;
    const sequence = sequenceAt(this.initial, position);
    const acknowledgment = (flags & Flag.ack) === 0 ? 0 : sequenceAt(this.receiver.initial, this.receiver.next);
    const fields = { sourcePort, destinationPort, sequence, acknowledgment, flags, window, urgentPointer, options };
    // RFC 3168 §6.1.4, §6.1.5: not on pure acknowledgments, and not on retransmissions.
    const ecn = this.usesEcn && to > from && to === this.sender.next ? 2 : 0;
    return { connection: this, fields, from, to, mss: this.sender.mss, ecn };
  }
}

/** RFC 7323 §2.3: the smallest shift with which the field can tell the whole buffer. */
function scaleFor(buffer: number): number {
  let scale = 0;
  while (scale < MAX_WINDOW_SCALE && 0xffff * 2 ** scale < buffer) scale += 1;
  return scale;
}

export const outgoingLength = ({ fields, from, to }: OutgoingSegment): number =>
  headerLength(fields.options) + (to - from);
