/** Writes segments as packets: those of connections, and resets, with or without their reason. */

import { RateLimit } from "../base/rate-limit.ts";
import type { Instant } from "../base/time.ts";
import { type OutgoingPacket, Protocol, type SendResult } from "../ip/index.ts";
import { type OutgoingSegment, outgoingLength, type TcpConnection } from "./connection.ts";
import { emitResetPayload, type ResetFormat } from "./diagnostics/payload.ts";
import type { ResetReason } from "./diagnostics/reasons.ts";
import type { FlowEnds } from "./initial-sequence.ts";
import { emitHeader, Flag, headerLength, type Segment, type SegmentFields, segmentLength } from "./segment.ts";
import { sequenceAt } from "./sequence.ts";

/** Resets per second for segments that belong to no connection. */
const RESETS_PER_SECOND = 1_000;

export type PacketSender = (packet: OutgoingPacket, now: Instant) => SendResult;

export class SegmentWriter {
  resetsSent = 0;
  readonly #send: PacketSender;
  readonly #format: ResetFormat | "off";
  readonly #refusals = new RateLimit(RESETS_PER_SECOND);

  constructor(send: PacketSender, format: ResetFormat | "off") {
    this.#send = send;
    this.#format = format;
  }

  emit(segment: OutgoingSegment, now: Instant): SendResult {
    const { connection, fields, from, to, mss, ecn } = segment;
    const header = headerLength(fields.options);
    const { trafficClass, hopLimit } = connection.options;
    return this.#send(
      {
        source: connection.local,
        destination: connection.remote,
        protocol: Protocol.tcp,
        length: outgoingLength(segment),
        checksumOffset: 16,
        hopLimit,
        trafficClass: (trafficClass & 0xfc) | ecn,
        dontFragment: true,
        segmentSize: mss,
        transportHeader: header,
        emit: (target, at) => {
          emitHeader(fields, target, at);
          if (to > from) connection.sender.buffer.copy(from, to, target, at + header);
        },
      },
      now,
    );
  }

  sendReset(connection: TcpConnection, code: number, now: Instant): void {
    const { sender, receiver, initial } = connection;
    const fields = {
      sourcePort: connection.localPort,
      destinationPort: connection.remotePort,
      sequence: sequenceAt(initial, Math.min(sender.next, sender.una + Math.max(sender.window, 0))),
      acknowledgment: sequenceAt(receiver.initial, receiver.next),
      flags: Flag.rst | Flag.ack,
      window: 0,
      urgentPointer: 0,
      options: {},
    };
    this.#reset(connection, fields, code, now);
  }

  /** RFC 9293 §3.10.7.1. */
  refuse(segment: Segment, code: number, now: Instant): void {
    if (!this.#refusals.take(now)) return;
    const hasAck = (segment.flags & Flag.ack) !== 0;
    const fields = {
      sourcePort: segment.destinationPort,
      destinationPort: segment.sourcePort,
      sequence: hasAck ? segment.acknowledgment : 0,
      acknowledgment: hasAck ? 0 : (segment.sequence + segmentLength(segment)) >>> 0,
      flags: hasAck ? Flag.rst : Flag.rst | Flag.ack,
      window: 0,
      urgentPointer: 0,
      options: {},
    };
    this.#reset({ local: segment.destination, remote: segment.source }, fields, code, now);
  }

  #reset(ends: Pick<FlowEnds, "local" | "remote">, fields: SegmentFields, code: number, now: Instant): void {
    this.resetsSent += 1;
    const reason: ResetReason = { code, enterprise: 0 };
    this.send(ends, fields, this.#format === "off" ? undefined : emitResetPayload(reason, this.#format), now);
  }

  send(
    { local, remote }: Pick<FlowEnds, "local" | "remote">,
    fields: SegmentFields,
    payload: Uint8Array | undefined,
    now: Instant,
  ): void {
    const header = headerLength(fields.options);
    this.#send(
      {
        source: local,
        destination: remote,
        protocol: Protocol.tcp,
        length: header + (payload?.length ?? 0),
        checksumOffset: 16,
        dontFragment: true,
        transportHeader: header,
        emit: (target, at) => {
          emitHeader(fields, target, at);
          if (payload !== undefined) target.set(payload, at + header);
        },
      },
      now,
    );
  }
}
