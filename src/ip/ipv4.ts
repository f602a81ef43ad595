/** IPv4 headers (RFC 791): a checked parse, an emitter, and the walk over options. */

import { finishChecksum, foldSum, sumWords } from "../wire/checksum.ts";
import { emitMcpHintIpv4, MCPHINT_IPV4_LENGTH, type McpHintLayout } from "./mcphint.ts";
import type { IpDropReason, IpPacket } from "./packet.ts";

export const IPV4_HEADER = 20;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const END_OF_LIST = 0;
const NO_OPERATION = 1;
/** Enough for honest packets; each needs at least two bytes of the 40. */
const MAX_OPTIONS = 8;

/** Parses the packet in `bytes[start, end)`; padding after it is allowed. Returns the reason if it must be dropped. */
export function parseIpv4(
  bytes: Uint8Array,
  start: number,
  end: number,
  layout: McpHintLayout,
): IpPacket | IpDropReason {
  if (end - start < IPV4_HEADER) return "truncated";
  const first = bytes[start]!;
  if (first >>> 4 !== 4) return "version";
  const headerLength = (first & 0x0f) * 4;
  if (headerLength < IPV4_HEADER || headerLength > end - start) return "header-length";
  const totalLength = (bytes[start + 2]! << 8) | bytes[start + 3]!;
  if (totalLength < headerLength || totalLength > end - start) return "total-length";
  const payload = start + headerLength;
  // RFC 1122 §3.2.1.2.
  if (foldSum(sumWords(bytes, start, payload)) !== 0xffff) return "header-checksum";
  let hint: number | undefined;
  if (headerLength > IPV4_HEADER) {
    const options = readOptions(bytes, start + IPV4_HEADER, payload, layout);
    if (options === "malformed") return "options";
    hint = options.hint;
  }
  const flags = (bytes[start + 6]! << 8) | bytes[start + 7]!;
  const offset = (flags & 0x1fff) * 8;
  const isLast = (flags & MORE_FRAGMENTS) === 0;
  return {
    version: 4,
    source: bytes.slice(start + 12, start + 16),
    destination: bytes.slice(start + 16, start + 20),
    protocol: bytes[start + 9]!,
    hopLimit: bytes[start + 8]!,
    trafficClass: bytes[start + 1]!,
    bytes,
    headerStart: start,
    start: payload,
    end: start + totalLength,
    hint,
    fragment: offset === 0 && isLast ? undefined : { id: (bytes[start + 4]! << 8) | bytes[start + 5]!, offset, isLast },
    isVerified: false,
  };
}

/** RFC 1122 §3.2.1.8: unknown options are ignored. A length that leaves the header makes the packet malformed. */
function readOptions(
  bytes: Uint8Array,
  start: number,
  end: number,
  layout: McpHintLayout,
): { readonly hint: number | undefined } | "malformed" {
  let hint: number | undefined;
  let seen = 0;
  for (let at = start; at < end; ) {
    const type = bytes[at]!;
    if (type === END_OF_LIST) break;
    if (type === NO_OPERATION) {
      at += 1;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) return "malformed";
    seen += 1;
    if (seen > MAX_OPTIONS) break;
    // A hint of another length, and a second one, count for nothing.
    if (type === layout.ipv4Type && length === MCPHINT_IPV4_LENGTH && hint === undefined) {
      hint = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    }
    at += length;
  }
  return { hint };
}

export interface Ipv4Fields {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly trafficClass: number;
  readonly hopLimit: number;
  readonly id: number;
  readonly dontFragment: boolean;
  /** Bytes after the header. */
  readonly length: number;
  readonly hint: number | undefined;
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
}

export const ipv4HeaderLength = (hint: number | undefined): number =>
  IPV4_HEADER + (hint === undefined ? 0 : MCPHINT_IPV4_LENGTH);

/** Writes the header and returns its length. */
export function emitIpv4(target: Uint8Array, at: number, fields: Ipv4Fields, layout: McpHintLayout): number {
  const header = ipv4HeaderLength(fields.hint);
  const total = header + fields.length;
  const fragment =
    (fields.dontFragment ? DONT_FRAGMENT : 0) |
    (fields.moreFragments === true ? MORE_FRAGMENTS : 0) |
    ((fields.fragmentOffset ?? 0) / 8);
  target[at] = 0x40 | (header / 4);
  target[at + 1] = fields.trafficClass;
  target[at + 2] = total >>> 8;
  target[at + 3] = total;
  target[at + 4] = fields.id >>> 8;
  target[at + 5] = fields.id;
  target[at + 6] = fragment >>> 8;
  target[at + 7] = fragment;
  target[at + 8] = fields.hopLimit;
  target[at + 9] = fields.protocol;
  target[at + 10] = 0;
  target[at + 11] = 0;
  target.set(fields.source, at + 12);
  target.set(fields.destination, at + 16);
  if (fields.hint !== undefined) emitMcpHintIpv4(target, at + IPV4_HEADER, fields.hint, layout);
  const checksum = finishChecksum(sumWords(target, at, at + header));
  target[at + 10] = checksum >>> 8;
  target[at + 11] = checksum;
  return header;
}
