/** TCP segments (RFC 9293 §3.1): a checked parse and an emitter. */

import { type IpPacket, Protocol, sumPseudoHeader } from "../ip/index.ts";
import { foldSum, sumWords } from "../wire/checksum.ts";
import { emitOptions, optionsLength, parseOptions, type TcpOptions } from "./options.ts";

export const TCP_HEADER = 20;

export const Flag = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const;

/** Bytes are valid only during the call. */
export interface Segment {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  /** As on the wire, not scaled. */
  readonly window: number;
  readonly urgentPointer: number;
  /** Undefined if a length was illegal. */
  readonly options: TcpOptions | undefined;
  /** The payload is `bytes[start, end)`. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** The two ECN bits of the IP header. */
  readonly ecn: number;
}

export type TcpDropReason = "truncated" | "data-offset" | "checksum" | "port-zero" | "land";

export function parseSegment(packet: IpPacket): Segment | TcpDropReason {
  const { bytes, start, end, source, destination, isVerified } = packet;
  const length = end - start;
  if (length < TCP_HEADER) return "truncated";
  const header = (bytes[start + 12]! >>> 4) * 4;
  if (header < TCP_HEADER || header > length) return "data-offset";
  if (!isVerified) {
    // MUST-3.
    const pseudo = sumPseudoHeader(source, destination, Protocol.tcp, length);
    if (foldSum(sumWords(bytes, start, end, pseudo)) !== 0xffff) return "checksum";
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    source,
    destination,
    sourcePort: view.getUint16(start),
    destinationPort: view.getUint16(start + 2),
    sequence: view.getUint32(start + 4),
    acknowledgment: view.getUint32(start + 8),
    flags: bytes[start + 13]!,
    window: view.getUint16(start + 14),
    urgentPointer: view.getUint16(start + 18),
    options: header === TCP_HEADER ? {} : parseOptions(bytes, start + TCP_HEADER, start + header),
    bytes,
    start: start + header,
    end,
    ecn: packet.trafficClass & 3,
  };
}

/** SEG.LEN: payload, and one for each of SYN and FIN. */
export const segmentLength = ({ flags, start, end }: Segment): number =>
  end - start + ((flags & Flag.syn) === 0 ? 0 : 1) + ((flags & Flag.fin) === 0 ? 0 : 1);

export interface SegmentFields {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window: number;
  readonly urgentPointer: number;
  readonly options: TcpOptions;
}

export const headerLength = (options: TcpOptions): number => TCP_HEADER + optionsLength(options);

/** Writes a header with zeros as its checksum. */
export function emitHeader(fields: SegmentFields, target: Uint8Array, at: number): void {
  const header = headerLength(fields.options);
  const view = new DataView(target.buffer, target.byteOffset);
  view.setUint16(at, fields.sourcePort);
  view.setUint16(at + 2, fields.destinationPort);
  view.setUint32(at + 4, fields.sequence);
  view.setUint32(at + 8, fields.acknowledgment);
  target[at + 12] = (header / 4) << 4;
  target[at + 13] = fields.flags;
  view.setUint16(at + 14, fields.window);
  view.setUint16(at + 16, 0);
  view.setUint16(at + 18, fields.urgentPointer);
  emitOptions(fields.options, target, at + TCP_HEADER);
}
