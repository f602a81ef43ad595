/**
 * A segment arrives at a connection (RFC 9293 §3.10.7.3 and §3.10.7.4), with the checks of RFC 5961 against blind attacks
 * and of RFC 7323 against old duplicates. The steps are in the RFC's order.
 */

import type { Instant } from "../base/time.ts";
import { seconds } from "../base/time.ts";
import type { TcpConnection } from "./connection.ts";
import { parseResetPayload } from "./diagnostics/payload.ts";
import { ResetCode, type ResetReason } from "./diagnostics/reasons.ts";
import { Flag, type Segment, segmentLength } from "./segment.ts";
import { isOlderTimestamp, positionOf } from "./sequence.ts";
import { isSynchronized, mayReceive } from "./state.ts";

/** RFC 7323 §5.5: after 24 days without a segment, TS.Recent says nothing. */
const TIMESTAMP_LIFE = seconds(24 * 86_400);

export type ArrivalCount =
  | "paws"
  | "challenge"
  | "out-of-window"
  | "old-ack"
  | "reset-payload"
  | "reset-payload-malformed";

/** What was refused, and what resets said. */
export type ArrivalCounts = Partial<Record<ArrivalCount, number>>;

const count = (counts: ArrivalCounts, name: ArrivalCount): void => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/** `mtuMss` is the MSS that the path allows. */
export function arrive(
  connection: TcpConnection,
  segment: Segment,
  mtuMss: number,
  counts: ArrivalCounts,
  now: Instant,
): void {
  connection.onHeard(now);
  if (connection.state === "SYN-SENT") arriveInSynSent(connection, segment, mtuMss, counts, now);
  else arriveSynchronized(connection, segment, counts, now);
}

/** RFC 9293 §3.10.7.3. */
function arriveInSynSent(
  connection: TcpConnection,
  segment: Segment,
  mtuMss: number,
  counts: ArrivalCounts,
  now: Instant,
): void {
  const { sender, receiver, owner } = connection;
  const { flags, options } = segment;
  const hasAck = (flags & Flag.ack) !== 0;
  const position = positionOf(connection.initial, segment.acknowledgment, sender.una);
  // First.
  if (hasAck && (position <= 0 || position > sender.next)) {
    if ((flags & Flag.rst) === 0) owner.refuse(segment, ResetCode.unexpectedAck, now);
    return;
  }
  // Second. A reset without an acknowledgment may be blind.
  if ((flags & Flag.rst) !== 0) {
    if (hasAck) connection.close(withReason("ECONNREFUSED", segment, counts), now);
    return;
  }
  // Fourth.
  if ((flags & Flag.syn) === 0) return;
  if (options === undefined) {
    // MUST-7.
    owner.refuse(segment, ResetCode.illegalOptionLength, now);
    connection.close({ code: "EPROTO" }, now);
    return;
  }
  receiver.start(segment.sequence);
  connection.acceptOptions(options, mtuMss, now);
  const ecnFlags = flags & (Flag.ece | Flag.cwr);
  if (hasAck) {
    // RFC 3168 §6.1.1.
    connection.usesEcn = connection.options.ecn && ecnFlags === Flag.ece;
    sender.onAck({ ...unscaledWindow(segment), position, sack: [], echo: undefined }, now);
    receiver.isAckDue = true;
    connection.establish(now);
  } else {
    // Simultaneous open (MUST-10): the SYN goes again, now as SYN-ACK.
    connection.state = "SYN-RECEIVED";
    const { first } = sender.scoreboard;
    if (first !== undefined) {
      sender.controller.onPacketsDiscarded(first.size);
      first.inFlight = false;
      sender.scoreboard.markLost(first);
    }
    sender.window = segment.window;
    sender.maxWindow = segment.window;
  }
  // Data and a FIN with the SYN count.
  takePayload(connection, segment, 1, now);
  takeFin(connection, segment, 1, now);
}

const unscaledWindow = ({ window }: Segment) => ({ window, segment: 0, isPure: false });

/** RFC 9293 §3.10.7.4. */
function arriveSynchronized(connection: TcpConnection, segment: Segment, counts: ArrivalCounts, now: Instant): void {
  const { receiver, owner } = connection;
  const { flags, options } = segment;
  const length = segmentLength(segment);
  let position = positionOf(receiver.initial, segment.sequence, receiver.next);
  if (options === undefined) {
    // MUST-7.
    if (isAcceptable(connection, position, length)) {
      owner.sendReset(connection, ResetCode.illegalOptionLength, now);
      connection.close({ code: "EPROTO" }, now);
    }
    return;
  }
  // The SYN-ACK of a simultaneous open repeats the SYN that was counted.
  const isSynAgain = connection.state === "SYN-RECEIVED" && (flags & Flag.syn) !== 0 && position === 0;
  if (isSynAgain) position = 1;
  // RFC 7323 §5.3, R1: old duplicates.
  if (isOldDuplicate(connection, segment, now)) {
    count(counts, "paws");
    receiver.isAckDue = true;
    return;
  }
  // First: the sequence number.
  if (!isAcceptable(connection, position, isSynAgain ? length - 1 : length)) {
    count(counts, "out-of-window");
    if ((flags & Flag.rst) === 0) {
      const isOld = length > 0 && position + length <= receiver.next;
      if (isOld) receiver.reportDuplicate(position, position + length);
      else receiver.isAckDue = true;
    }
    // RFC 9293 §3.10.7.4: a retransmitted FIN restarts TIME-WAIT.
    if (connection.state === "TIME-WAIT" && (flags & Flag.fin) !== 0) connection.enterTimeWait(now);
    // MUST-66: resets and urgent pointers count even when the window is closed.
    if (receiver.edge === receiver.next && (flags & Flag.ack) !== 0 && (flags & (Flag.rst | Flag.syn)) === 0) {
      takeAck(connection, segment, position, counts, now);
    }
    return;
  }
  updateTimestamp(connection, segment, position, now);
  // Second: RST.
  if ((flags & Flag.rst) !== 0) {
    takeReset(connection, segment, position, counts, now);
    return;
  }
  // Fourth: SYN. RFC 5961 §4.2: in the window it proves nothing.
  if ((flags & Flag.syn) !== 0 && !isSynAgain) {
    if (connection.state === "SYN-RECEIVED" && connection.isPassive && position === 0) return;
    challenge(connection, counts, now);
    return;
  }
  // Fifth: ACK.
  if ((flags & Flag.ack) === 0) return;
  if (!takeAck(connection, segment, position, counts, now)) return;
  if ((connection.state as string) === "CLOSED") return;
  // Sixth: URG.
  takeUrgent(connection, segment, position);
  // Seventh and eighth.
  takePayload(connection, segment, position, now);
  takeFin(connection, segment, position, now);
}

/** RFC 9293 §3.4: the four cases. */
function isAcceptable({ receiver }: TcpConnection, position: number, length: number): boolean {
  const { next, edge } = receiver;
  const window = edge - next;
  if (length === 0) return window === 0 ? position === next : position >= next && position < edge;
  if (window === 0) return false;
  return position < edge && position + length > next;
}

function isOldDuplicate(connection: TcpConnection, { options, flags }: Segment, now: Instant): boolean {
  const { recentTimestamp, recentTimestampAt } = connection;
  if (recentTimestamp === undefined || (flags & Flag.rst) !== 0) return false;
  // RFC 7323 §3.2: a segment without the option is dropped once it was agreed.
  const timestamp = options?.timestamp;
  if (timestamp === undefined) return isSynchronized(connection.state);
  return isOlderTimestamp(timestamp.value, recentTimestamp) && now - recentTimestampAt < TIMESTAMP_LIFE;
}

/** RFC 7323 §4.3. */
function updateTimestamp(connection: TcpConnection, { options }: Segment, position: number, now: Instant): void {
  const timestamp = options?.timestamp;
  if (timestamp === undefined || connection.recentTimestamp === undefined) return;
  if (position > connection.lastAckSent || isOlderTimestamp(timestamp.value, connection.recentTimestamp)) return;
  connection.recentTimestamp = timestamp.value;
  connection.recentTimestampAt = now;
}

function takeReset(
  connection: TcpConnection,
  segment: Segment,
  position: number,
  counts: ArrivalCounts,
  now: Instant,
): void {
  // RFC 5961 §3.2: only the expected sequence number resets; another one is asked about.
  if (position !== connection.receiver.next) {
    challenge(connection, counts, now);
    return;
  }
  if (connection.state === "SYN-RECEIVED") {
    // MUST-11: passive: back to LISTEN, where the listener is; active: refused.
    const code = connection.isPassive ? "ECONNRESET" : "ECONNREFUSED";
    connection.close(withReason(code, segment, counts), now);
  } else if (connection.state === "TIME-WAIT" || connection.state === "LAST-ACK" || connection.state === "CLOSING") {
    connection.close(undefined, now);
  } else connection.close(withReason("ECONNRESET", segment, counts), now);
}

/** The reset was accepted; what it carries may explain it (draft-ietf-tcpm-rst-diagnostic-payload). */
function withReason(code: "ECONNRESET" | "ECONNREFUSED", { bytes, start, end }: Segment, counts: ArrivalCounts) {
  const reason = readReason(bytes.subarray(start, end), counts);
  return reason === undefined ? { code } : { code, reason };
}

function readReason(payload: Uint8Array, counts: ArrivalCounts): ResetReason | undefined {
  if (payload.length === 0) return undefined;
  const parsed = parseResetPayload(payload);
  if (parsed === "opaque") return undefined;
  count(counts, parsed === "malformed" ? "reset-payload-malformed" : "reset-payload");
  return parsed === "malformed" ? undefined : parsed.reason;
}

function challenge(connection: TcpConnection, counts: ArrivalCounts, now: Instant): void {
  count(counts, "challenge");
  if (connection.challenges.take(now)) connection.receiver.isAckDue = true;
}

/** Returns false if the segment goes no further. */
function takeAck(
  connection: TcpConnection,
  segment: Segment,
  position: number,
  counts: ArrivalCounts,
  now: Instant,
): boolean {
  const { sender, receiver } = connection;
  const acknowledged = positionOf(connection.initial, segment.acknowledgment, sender.una);
  if (connection.state === "SYN-RECEIVED" || !sender.isOpen) {
    if (acknowledged <= sender.una || acknowledged > sender.next) {
      connection.owner.refuse(segment, ResetCode.unexpectedAck, now);
      return false;
    }
    acknowledge(connection, segment, position, acknowledged, now);
    connection.establish(now);
    if (sender.isFinAcknowledged) connection.onFinAcknowledged(now);
    return true;
  }
  // RFC 5961 §5.2.
  if (acknowledged > sender.next || acknowledged < sender.una - sender.maxWindow) {
    challenge(connection, counts, now);
    return false;
  }
  if (acknowledged < sender.una) {
    count(counts, "old-ack");
    // Its data may be good: it overtook a newer acknowledgment.
    return true;
  }
  const wasFinAcknowledged = sender.isFinAcknowledged;
  acknowledge(connection, segment, position, acknowledged, now);
  if (connection.usesEcn && (segment.flags & Flag.ece) !== 0) {
    sender.onCongestionEcho(now);
    connection.reducesWindow = true;
  }
  if (!wasFinAcknowledged && sender.isFinAcknowledged) connection.onFinAcknowledged(now);
  if (connection.state === "TIME-WAIT" && (segment.flags & Flag.fin) !== 0) receiver.isAckDue = true;
  return true;
}

function acknowledge(
  connection: TcpConnection,
  segment: Segment,
  position: number,
  acknowledged: number,
  now: Instant,
): void {
  const { sender } = connection;
  const { options, flags, window } = segment;
  const sack: number[] = [];
  if (sender.hasSack) {
    for (const edge of options?.sack ?? []) sack.push(positionOf(connection.initial, edge, acknowledged));
    // Blocks of what was never sent are lies.
    for (let i = sack.length - 2; i >= 0; i -= 2) {
      if (sack[i]! >= sack[i + 1]! || sack[i + 1]! > sender.next) sack.splice(i, 2);
    }
  }
  const echo = options?.timestamp?.echo;
  const hasEcho = connection.hasTimestamps && echo !== undefined && echo !== 0;
  const isPure = segmentLength(segment) === 0;
  const scaled = (flags & Flag.syn) === 0 ? window * 2 ** connection.peerScale : window;
  const advanced = sender.onAck(
    {
      position: acknowledged,
      window: scaled,
      segment: position,
      sack,
      echo: hasEcho ? connection.timeOf(echo, now) : undefined,
      isPure,
    },
    now,
  );
  if (advanced > 0) connection.onProgress();
}

/** RFC 6093 §6: the pointer names the byte after the urgent data, which stays in the stream. */
function takeUrgent(connection: TcpConnection, { flags, urgentPointer }: Segment, position: number): void {
  if ((flags & Flag.urg) === 0 || urgentPointer === 0 || !mayReceive(connection.state)) return;
  const end = position + urgentPointer;
  if (end <= (connection.urgentIn ?? 0)) return;
  connection.urgentIn = end;
  connection.owner.notify(connection, "urgent");
}

function takePayload(connection: TcpConnection, segment: Segment, position: number, now: Instant): void {
  const { receiver } = connection;
  const { bytes, start, end } = segment;
  if (connection.usesEcn) {
    if ((segment.flags & Flag.cwr) !== 0) connection.echoesCongestion = false;
    if (segment.ecn === 3) connection.echoesCongestion = true;
  }
  if (end === start || !(mayReceive(connection.state) || connection.state === "SYN-RECEIVED")) return;
  if (connection.isReadClosed && position + (end - start) > receiver.next) {
    // SHLD-3: nobody will read it.
    connection.owner.sendReset(connection, ResetCode.dataAfterClose, now);
    connection.close({ code: "ECONNABORTED" }, now);
    return;
  }
  // What lies outside the window, or after the FIN, is cut off.
  const limit = Math.min(receiver.edge, receiver.finAt ?? Number.POSITIVE_INFINITY);
  const from = Math.max(0, receiver.next - position);
  const to = Math.min(end - start, Math.max(receiver.next, limit) - position);
  if (from >= end - start) {
    receiver.receive(position, bytes.subarray(start, end), now);
    return;
  }
  if (to <= 0) {
    receiver.isAckDue = true;
    return;
  }
  const before = receiver.next;
  if (receiver.receive(position, bytes.subarray(start, start + to), now)) {
    connection.bytesReceived += receiver.next - before;
    connection.owner.notify(connection, "readable");
  }
}

function takeFin(connection: TcpConnection, segment: Segment, position: number, now: Instant): void {
  const { receiver, state } = connection;
  if (state === "CLOSED" || receiver.isFinished) return;
  if ((segment.flags & Flag.fin) !== 0) {
    const finAt = position + (segment.end - segment.start);
    // A FIN outside the window is sent again.
    if (finAt > receiver.edge) return;
    if (receiver.receiveFin(finAt)) connection.onFin(now);
  } else if (receiver.finAt === receiver.next && receiver.receiveFin(receiver.next)) connection.onFin(now);
}
