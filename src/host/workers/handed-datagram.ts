/**
 * The frames in which processes of a server pass datagrams on to each other, one for each datagram. Numbers are
 * big-endian:
 *
 *     length (4, of the rest) | reason (1) | ECN (1) | local address | remote address | datagram
 *     address: port (2) | length (1) | text
 *
 * The format never changes within a major version, since a reload may replace the program.
 */

import type { Ecn, SocketAddress } from "../../base/datagrams.ts";
import type { Reason } from "./steering.ts";

export interface HandedDatagram {
  readonly reason: Reason;
  readonly ecn: Ecn;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly bytes: Uint8Array;
}

const LENGTH_SIZE = 4;
/** The fields of a frame besides the texts of addresses and the datagram. */
const FIXED = 2 + 2 * 3;
/** An IPv6 address with the name of an interface is shorter. */
const MAX_HOST = 255;
const MAX_FRAME = FIXED + 2 * MAX_HOST + 65_535;

/** Addresses, one object for each, as the sockets of this process have them. */
export class AddressCache {
  readonly #known = new Map<string, SocketAddress>();

  get(host: string, port: number): SocketAddress {
    const key = `${host} ${port}`;
    let address = this.#known.get(key);
    if (address === undefined) {
      // A flood of spoofed addresses clears the table instead of growing it.
      if (this.#known.size >= MAX_ADDRESSES) this.#known.clear();
      address = { family: host.includes(":") ? 6 : 4, host, port };
      this.#known.set(key, address);
    }
    return address;
  }
}

const MAX_ADDRESSES = 20_000;

export function encodeHanded({ reason, ecn, local, remote, bytes }: HandedDatagram): Uint8Array {
  const frame = new Uint8Array(LENGTH_SIZE + FIXED + local.host.length + remote.host.length + bytes.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, frame.length - LENGTH_SIZE);
  frame[4] = reason;
  frame[5] = ecn;
  let at = 6;
  for (const { host, port } of [local, remote]) {
    view.setUint16(at, port);
    frame[at + 2] = host.length;
    for (let i = 0; i < host.length; i += 1) frame[at + 3 + i] = host.charCodeAt(i);
    at += 3 + host.length;
  }
  frame.set(bytes, at);
  return frame;
}

/** Takes frames out of a stream of bytes. */
export class HandedReader {
  readonly #addresses: AddressCache;
  #held: Uint8Array = new Uint8Array(0);

  constructor(addresses: AddressCache) {
    this.#addresses = addresses;
  }

  /** Calls back for each complete frame. Returns false if the bytes are not frames: the stream is of no more use. */
  push(chunk: Uint8Array, onDatagram: (datagram: HandedDatagram) => void): boolean {
    let bytes = chunk;
    if (this.#held.length > 0) {
      bytes = new Uint8Array(this.#held.length + chunk.length);
      bytes.set(this.#held);
      bytes.set(chunk, this.#held.length);
    }
    let at = 0;
    while (bytes.length - at >= LENGTH_SIZE) {
      const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0);
      if (length > MAX_FRAME) return false;
      const end = at + LENGTH_SIZE + length;
      if (end > bytes.length) break;
      const datagram = this.#parse(bytes.subarray(at + LENGTH_SIZE, end));
      if (datagram === undefined) return false;
      onDatagram(datagram);
      at = end;
    }
    this.#held = new Uint8Array(bytes.subarray(at));
    return true;
  }

  #parse(frame: Uint8Array): HandedDatagram | undefined {
    if (frame.length < FIXED || frame[0]! > 2 || frame[1]! > 3) return undefined;
    const local = this.#address(frame, 2);
    const remote = local && this.#address(frame, local.end);
    if (remote === undefined) return undefined;
    return {
      reason: frame[0] as Reason,
      ecn: frame[1] as Ecn,
      local: local!.address,
      remote: remote.address,
      bytes: frame.subarray(remote.end),
    };
  }

  #address(frame: Uint8Array, at: number): { readonly address: SocketAddress; readonly end: number } | undefined {
    if (at + 3 > frame.length) return undefined;
    const end = at + 3 + frame[at + 2]!;
    if (end > frame.length) return undefined;
    const host = String.fromCharCode(...frame.subarray(at + 3, end));
    return { address: this.#addresses.get(host, (frame[at]! << 8) | frame[at + 1]!), end };
  }
}
