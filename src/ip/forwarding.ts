/** A forwarded packet: its hop limit goes down by one; everything else, options included, stays as it is. */

import { ETHERNET_HEADER } from "../link/index.ts";
import { finishChecksum, sumWords } from "../wire/checksum.ts";
import type { IpPacket, SendResult } from "./packet.ts";

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const COPIED = 0x80;

/** Calls `send` with each frame to transmit, whose Ethernet header is blank. Returns the last result, or "too-big". */
export function forwardedCopy(
  { version, bytes, headerStart, end, hopLimit }: IpPacket,
  mtu: number,
  send: (frame: Uint8Array) => SendResult,
): SendResult {
  const frame = new Uint8Array(ETHERNET_HEADER + end - headerStart);
  frame.set(bytes.subarray(headerStart, end), ETHERNET_HEADER);
  frame[ETHERNET_HEADER + (version === 4 ? 8 : 7)] = hopLimit - 1;
  const isTooBig = end - headerStart > mtu;
  if (version === 6) return isTooBig ? "too-big" : send(frame);
  if (!isTooBig) {
    setChecksum(frame, ETHERNET_HEADER);
    return send(frame);
  }
  const flags = (frame[ETHERNET_HEADER + 6]! << 8) | frame[ETHERNET_HEADER + 7]!;
  return (flags & DONT_FRAGMENT) !== 0 ? "too-big" : fragmentForwarded(frame, flags, mtu, send);
}

/** RFC 791 §3.2: fragments of a packet, or of a fragment; only options with the copied flag go into the later ones. */
function fragmentForwarded(
  frame: Uint8Array,
  flags: number,
  mtu: number,
  send: (frame: Uint8Array) => SendResult,
): SendResult {
  const header = (frame[ETHERNET_HEADER]! & 0x0f) * 4;
  const first = frame.subarray(0, ETHERNET_HEADER + header);
  const later = laterHeader(first);
  const payload = frame.subarray(ETHERNET_HEADER + header);
  const room = (mtu - header) & ~7;
  if (room <= 0) return "too-big";
  let result: SendResult = "sent";
  for (let at = 0; at < payload.length; at += room) {
    const part = payload.subarray(at, at + room);
    const head = at === 0 ? first : later;
    const fragment = new Uint8Array(head.length + part.length);
    fragment.set(head);
    fragment.set(part, head.length);
    const isLast = at + room >= payload.length;
    const field = ((flags & 0x1fff) + at / 8) | (isLast ? flags & MORE_FRAGMENTS : MORE_FRAGMENTS);
    const total = fragment.length - ETHERNET_HEADER;
    fragment.set([total >> 8, total & 0xff], ETHERNET_HEADER + 2);
    fragment.set([field >> 8, field & 0xff], ETHERNET_HEADER + 6);
    setChecksum(fragment, ETHERNET_HEADER);
    result = send(fragment);
  }
  return result;
}

/** The header of later fragments: options without the copied flag are left out. */
function laterHeader(first: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = ETHERNET_HEADER + 20; at < first.length && first[at] !== 0; ) {
    const length = first[at] === 1 ? 1 : first[at + 1]!;
    if (first[at]! >= COPIED) kept.push(...first.subarray(at, at + length));
    at += length;
  }
  while (kept.length % 4 !== 0) kept.push(0);
  const header = Uint8Array.from([...first.subarray(0, ETHERNET_HEADER + 20), ...kept]);
  header[ETHERNET_HEADER] = 0x40 | (5 + kept.length / 4);
  return header;
}

function setChecksum(frame: Uint8Array, at: number): void {
  frame.set([0, 0], at + 10);
  const checksum = finishChecksum(sumWords(frame, at, at + (frame[at]! & 0x0f) * 4));
  frame.set([checksum >> 8, checksum & 0xff], at + 10);
}
