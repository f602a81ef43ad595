/**
 * What all fast sockets of a process share: the bound system calls, addresses, and the memory of the call in progress.
 * A call ends before another begins, and a batch is handled before the next one is read.
 */

import { ReceivedBatch, type SocketAddress } from "../../../base/datagrams.ts";
import { type ForeignFunctions, ForeignMemory } from "../../../base/foreign.ts";
import type { UdpCapabilities } from "../udp-socket.ts";
import { AddressTable, SOCKADDR_LENGTH } from "./addresses.ts";
import * as sys from "./libc.ts";
import { Message } from "./message.ts";
import { SystemError } from "./system-error.ts";

/** The most that one call can receive: a datagram of any size, or a coalesced train. */
export const LARGEST_READ = 64 * 1024;

/** Room for several trains, or for many small datagrams, in one batch. */
const RECEIVE_ARENA = 4 * LARGEST_READ;
const BATCH_CAPACITY = 1024;

/** Requested from the kernel, which may grant less: room for a few milliseconds at line rate. */
const KERNEL_BUFFER = 4 * 1024 * 1024;

export interface OpenOptions {
  /** Receives IPv4 as well on "::". Its addresses appear as IPv4. */
  readonly dualStack?: boolean;
  /** Shares the address with other sockets of the same user. Throws a `SystemError` if the kernel cannot. */
  readonly reusePort?: boolean;
}

/** An open descriptor, and what it is bound to. */
export interface OpenedSocket {
  readonly descriptor: number;
  readonly address: SocketAddress;
}

export class FastUdp {
  readonly ffi: ForeignFunctions;
  readonly libc: sys.Libc;
  readonly addresses: AddressTable;
  readonly outgoing: Message;
  readonly incoming: Message;
  readonly received: ForeignMemory;
  readonly batch: ReceivedBatch;
  /** What this kernel supports; set once by the probe, before sockets are handed out. */
  capabilities: UdpCapabilities = { ecn: true, df: true, gso: true, gro: true, pktinfo: true };
  readonly #scratch: ForeignMemory;

  constructor(ffi: ForeignFunctions) {
    this.ffi = ffi;
    this.libc = sys.bindLibc(ffi);
    this.addresses = new AddressTable(ffi, this.libc);
    this.outgoing = new Message(ffi);
    this.incoming = new Message(ffi);
    this.received = new ForeignMemory(ffi, RECEIVE_ARENA);
    this.batch = new ReceivedBatch(this.received.bytes, BATCH_CAPACITY);
    this.#scratch = new ForeignMemory(ffi, 64);
  }

  /** Throws a `SystemError`. */
  open({ family, host, port }: SocketAddress, options: OpenOptions = {}): OpenedSocket {
    const domain = family === 4 ? sys.AF_INET : sys.AF_INET6;
    const descriptor = this.libc.socket(domain, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK, 0);
    if (descriptor < 0) throw new SystemError("socket", this.libc.errno());
    try {
      this.#configure(descriptor, family, options.dualStack === true);
      if (options.reusePort === true && !this.setOption(descriptor, sys.SOL_SOCKET, sys.SO_REUSEPORT, 1)) {
        throw new SystemError("setsockopt", this.libc.errno());
      }
      this.#bind(descriptor, { family, host, port });
      return { descriptor, address: this.localAddress(descriptor) };
    } catch (error) {
      this.libc.close(descriptor);
      throw error;
    }
  }

  /** Prepares a bound socket that another program has opened. Throws a `SystemError`. */
  adopt(descriptor: number): OpenedSocket {
    const address = this.localAddress(descriptor);
    if (this.libc.fcntl(descriptor, sys.F_SETFL, sys.O_NONBLOCK) < 0) {
      throw new SystemError("fcntl", this.libc.errno());
    }
    // An IPv6 socket may have been opened for IPv4 too, which cannot be changed any more.
    this.#configure(descriptor, address.family, true);
    return { descriptor, address };
  }

  #configure(descriptor: number, family: 4 | 6, dualStack: boolean): void {
    const ipv4 = family === 4 || dualStack;
    if (family === 6) this.setOption(descriptor, sys.IPPROTO_IPV6, sys.IPV6_V6ONLY, dualStack ? 0 : 1);
    // Linux delivers the marks and addresses of IPv4 datagrams as IPv4's options say, even on an IPv6 socket.
    if (ipv4) {
      this.setOption(descriptor, sys.IPPROTO_IP, sys.IP_RECVTOS, 1);
      this.setOption(descriptor, sys.IPPROTO_IP, sys.IP_PKTINFO, 1);
    }
    if (family === 6) {
      this.setOption(descriptor, sys.IPPROTO_IPV6, sys.IPV6_RECVTCLASS, 1);
      this.setOption(descriptor, sys.IPPROTO_IPV6, sys.IPV6_RECVPKTINFO, 1);
    }
    if (this.capabilities.gro) this.setOption(descriptor, sys.SOL_UDP, sys.UDP_GRO, 1);
    // Larger buffers only improve speed.
    this.setOption(descriptor, sys.SOL_SOCKET, sys.SO_RCVBUF, KERNEL_BUFFER);
    this.setOption(descriptor, sys.SOL_SOCKET, sys.SO_SNDBUF, KERNEL_BUFFER);
  }

  /** Returns false if the kernel refuses. */
  setOption(descriptor: number, level: number, name: number, value: number): boolean {
    this.#scratch.view.setInt32(0, value, true);
    return this.libc.setsockopt(descriptor, level, name, this.#scratch.address, 4) === 0;
  }

  #bind(descriptor: number, address: SocketAddress): void {
    const { view, address: pointer } = this.#scratch;
    const length = this.addresses.write(view, 0, address, address.family);
    if (length === 0) throw new TypeError(`${address.host}:${address.port} is not an address of IPv${address.family}`);
    if (this.libc.bind(descriptor, pointer, length) < 0) throw new SystemError("bind", this.libc.errno(), address);
  }

  /** Makes the socket receive only from `peer`. */
  connect(descriptor: number, peer: SocketAddress): void {
    const { view, address: pointer } = this.#scratch;
    const length = this.addresses.write(view, 0, peer, peer.family);
    if (length === 0) throw new TypeError(`${peer.host}:${peer.port} is not an address of IPv${peer.family}`);
    if (this.libc.connect(descriptor, pointer, length) < 0) throw new SystemError("connect", this.libc.errno(), peer);
  }

  localAddress(descriptor: number): SocketAddress {
    const { view, address: pointer } = this.#scratch;
    view.setUint32(SOCKADDR_LENGTH, SOCKADDR_LENGTH, true);
    if (this.libc.getsockname(descriptor, pointer, pointer + SOCKADDR_LENGTH) < 0) {
      throw new SystemError("getsockname", this.libc.errno());
    }
    return this.addresses.read(view, 0)!;
  }
}
