/**
 * The control messages of a datagram: its ECN mark (RFC 3168), the local address that it was sent to or leaves from
 * (pktinfo), and the segment size of a train (GSO, GRO).
 */

import { Ecn, type SocketAddress } from "../../../base/datagrams.ts";
import type { AddressTable } from "./addresses.ts";
import * as sys from "./libc.ts";
import type { Message } from "./message.ts";

const ECN_BITS = 0x03;

export interface Outgoing {
  readonly ecn: Ecn;
  /** 0 for a single datagram. */
  readonly segmentSize: number;
  /** The address to leave from; undefined to let the kernel choose. */
  readonly source: SocketAddress | undefined;
}

/** `isIPv4` says how the datagram travels, which on a dual-stack socket depends on its destination. */
export function writeControl(message: Message, table: AddressTable, isIPv4: boolean, outgoing: Outgoing): void {
  const { ecn, segmentSize, source } = outgoing;
  message.beginControl();
  if (ecn !== Ecn.notEct) {
    const data = isIPv4
      ? message.appendControl(sys.IPPROTO_IP, sys.IP_TOS, 4)
      : message.appendControl(sys.IPPROTO_IPV6, sys.IPV6_TCLASS, 4);
    message.view.setInt32(data, ecn, true);
  }
  if (source !== undefined) writeSource(message, table, source, isIPv4);
  if (segmentSize > 0) {
    message.view.setUint16(message.appendControl(sys.SOL_UDP, sys.UDP_SEGMENT, 2), segmentSize, true);
  }
  message.endControl();
}

function writeSource(message: Message, table: AddressTable, source: SocketAddress, isIPv4: boolean): void {
  const raw = table.raw(source);
  if (raw === undefined || (raw.bytes.length === 4) !== isIPv4) return;
  const { view } = message;
  // struct in_pktinfo { interface, source, - }, struct in6_pktinfo { source, interface }
  const data = isIPv4
    ? message.appendControl(sys.IPPROTO_IP, sys.IP_PKTINFO, 12)
    : message.appendControl(sys.IPPROTO_IPV6, sys.IPV6_PKTINFO, 20);
  const target = isIPv4 ? data + 4 : data;
  for (let i = 0; i < raw.bytes.length; i += 1) view.setUint8(target + i, raw.bytes[i]!);
  if (!isIPv4) view.setUint32(data + 16, raw.scope, true);
}

/** Reads the control messages of received datagrams. One object serves all calls. */
export class Incoming {
  ecn: Ecn = Ecn.notEct;
  /** 0 if the datagram came alone. */
  segmentSize = 0;
  /** The address that the datagram was sent to; undefined if the kernel did not say. */
  local: SocketAddress | undefined;
  readonly #message: Message;
  readonly #table: AddressTable;
  #port = 0;

  constructor(message: Message, table: AddressTable) {
    this.#message = message;
    this.#table = table;
  }

  /** `port` is that of the socket. */
  read(port: number): void {
    this.ecn = Ecn.notEct;
    this.segmentSize = 0;
    this.local = undefined;
    this.#port = port;
    this.#message.readControl(this.#handle);
  }

  readonly #handle = (level: number, type: number, data: number): void => {
    const { view } = this.#message;
    if (level === sys.IPPROTO_IP) {
      if (type === sys.IP_TOS) this.ecn = (view.getUint8(data) & ECN_BITS) as Ecn;
      // The destination, or our own address if that is a broadcast or multicast address.
      if (type === sys.IP_PKTINFO) this.local = this.#table.ipv4(view.getUint32(data + 4), this.#port);
    } else if (level === sys.IPPROTO_IPV6) {
      if (type === sys.IPV6_TCLASS) this.ecn = (view.getUint8(data) & ECN_BITS) as Ecn;
      if (type === sys.IPV6_PKTINFO) {
        this.local = this.#table.ipv6(view, data, view.getUint32(data + 16, true), this.#port);
      }
    } else if (level === sys.SOL_UDP && type === sys.UDP_GRO) {
      this.segmentSize = view.getInt32(data, true);
    }
  };
}
