/**
 * Socket addresses in C's form (struct sockaddr_in, sockaddr_in6) and as objects. Each address and port has one object.
 * IPv4-mapped addresses (RFC 4291 §2.5.5.2) appear as IPv4.
 */

import type { SocketAddress } from "../../../base/datagrams.ts";
import { type ForeignFunctions, ForeignMemory } from "../../../base/foreign.ts";
import { formatIpv6, parseIpAddress } from "../../../wire/ip-address.ts";
import { AF_INET, AF_INET6, type Libc } from "./libc.ts";

/** The larger of the two structures. */
export const SOCKADDR_LENGTH = 28;
const SOCKADDR_IN_LENGTH = 16;

/** Remembered addresses; a flood of spoofed ones clears the tables instead of growing them. */
const MAX_ADDRESSES = 20_000;

/** IFNAMSIZ: the longest name of an interface and its terminator. */
const NAME_LENGTH = 16;
/** The last 32 bits of the prefix ::ffff:0:0/96. */
const MAPPED = 0xffff;

/** An IP address in network byte order, and its interface if it is link-local. */
interface RawAddress {
  readonly bytes: Uint8Array;
  readonly scope: number;
}

export class AddressTable {
  readonly #libc: Libc;
  readonly #name: ForeignMemory;
  /** By address and port as one number. */
  readonly #ipv4 = new Map<number, SocketAddress>();
  /** By the structure's words as text. */
  readonly #ipv6 = new Map<string, SocketAddress>();
  readonly #raw = new WeakMap<SocketAddress, RawAddress>();

  constructor(ffi: ForeignFunctions, libc: Libc) {
    this.#libc = libc;
    this.#name = new ForeignMemory(ffi, NAME_LENGTH);
  }

  /** Reads a socket address. Undefined if it is of another family. */
  read(view: DataView, offset: number): SocketAddress | undefined {
    const family = view.getUint16(offset, true);
    const port = view.getUint16(offset + 2);
    if (family === AF_INET) return this.ipv4(view.getUint32(offset + 4), port);
    if (family === AF_INET6) return this.ipv6(view, offset + 8, view.getUint32(offset + 24, true), port);
    return undefined;
  }

  ipv4(address: number, port: number): SocketAddress {
    const key = address * 0x1_0000 + port;
    let known = this.#ipv4.get(key);
    if (known === undefined) {
      if (this.#ipv4.size >= MAX_ADDRESSES) this.#ipv4.clear();
      const host = `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
      known = { family: 4, host, port };
      this.#ipv4.set(key, known);
    }
    return known;
  }

  /** The sixteen bytes at `offset`, as an IPv4 address if they are mapped. `scope` is the interface's index. */
  ipv6(view: DataView, offset: number, scope: number, port: number): SocketAddress {
    const [a, b, c, d] = [0, 4, 8, 12].map((at) => view.getUint32(offset + at)) as [number, number, number, number];
    if (a === 0 && b === 0 && c === MAPPED) return this.ipv4(d, port);
    const isLinkLocal = a >>> 22 === 0xfe80 >>> 6;
    const zone = isLinkLocal ? scope : 0;
    const key = `${a} ${b} ${c} ${d} ${zone} ${port}`;
    let known = this.#ipv6.get(key);
    if (known === undefined) {
      if (this.#ipv6.size >= MAX_ADDRESSES) this.#ipv6.clear();
      const host = formatIpv6(new Uint8Array(view.buffer, view.byteOffset + offset, 16));
      known = { family: 6, host: zone === 0 ? host : `${host}%${this.#interfaceName(zone)}`, port };
      this.#ipv6.set(key, known);
    }
    return known;
  }

  /** Writes an address for a socket of `family`. Returns the structure's length, 0 if it cannot be addressed there. */
  write(view: DataView, offset: number, address: SocketAddress, family: 4 | 6): number {
    const { port } = address;
    const raw = this.raw(address);
    if (raw === undefined || !(port >= 0 && port <= 0xffff)) return 0;
    const target = new Uint8Array(view.buffer, view.byteOffset + offset, SOCKADDR_LENGTH);
    target.fill(0);
    view.setUint16(offset, family === 4 ? AF_INET : AF_INET6, true);
    view.setUint16(offset + 2, port);
    if (family === 4) {
      if (raw.bytes.length !== 4) return 0;
      target.set(raw.bytes, 4);
      return SOCKADDR_IN_LENGTH;
    }
    if (raw.bytes.length === 4) {
      view.setUint32(offset + 16, MAPPED);
      target.set(raw.bytes, 20);
    } else {
      target.set(raw.bytes, 8);
      view.setUint32(offset + 24, raw.scope, true);
    }
    return SOCKADDR_LENGTH;
  }

  /** Undefined if the host is not an address. */
  raw(address: SocketAddress): RawAddress | undefined {
    let raw = this.#raw.get(address);
    if (raw === undefined) {
      const bytes = parseIpAddress(address.host);
      if (bytes === undefined) return undefined;
      const zone = address.host.split("%")[1];
      raw = { bytes, scope: zone === undefined ? 0 : this.#interfaceIndex(zone) };
      this.#raw.set(address, raw);
    }
    return raw;
  }

  #interfaceIndex(zone: string): number {
    if (/^\d+$/.test(zone)) return Number(zone);
    this.#name.bytes.fill(0);
    new TextEncoder().encodeInto(zone, this.#name.bytes.subarray(0, NAME_LENGTH - 1));
    return this.#libc.if_nametoindex(this.#name.address);
  }

  /** Its number if the interface is gone. */
  #interfaceName(index: number): string {
    if (this.#libc.if_indextoname(index, this.#name.address) === 0) return String(index);
    const { bytes } = this.#name;
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }
}
