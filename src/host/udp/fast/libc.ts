/**
 * The system calls of the fast sockets and their constants: Linux on x64 and arm64, glibc and musl. Both have the same
 * values and structures there, because they are the kernel's.
 */

import type { ForeignFunctions } from "../../../base/foreign.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

export const SOL_SOCKET = 1;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_ATTACH_REUSEPORT_CBPF = 51;

export const IPPROTO_IP = 0;
export const IP_TOS = 1;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVTOS = 13;

export const IPPROTO_IPV6 = 41;
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_DONTFRAG = 62;
export const IPV6_RECVTCLASS = 66;
export const IPV6_TCLASS = 67;

/** Fragments datagrams that are larger than the path's MTU as the kernel knows it. The kernel's default. */
export const PMTUDISC_WANT = 1;
/** Sets DF and ignores what the kernel knows: for protocols that probe by themselves. */
export const PMTUDISC_PROBE = 3;

export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

export const POLLIN = 1;

export const F_SETFL = 4;
export const O_NONBLOCK = 0o4000;

/** All return -1 for an error, and zero or a length otherwise. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(descriptor: number, address: number, length: number): number;
  connect(descriptor: number, address: number, length: number): number;
  getsockname(descriptor: number, address: number, length: number): number;
  setsockopt(descriptor: number, level: number, name: number, value: number, length: number): number;
  getsockopt(descriptor: number, level: number, name: number, value: number, length: number): number;
  sendmsg(descriptor: number, message: number, flags: number): number;
  recvmsg(descriptor: number, message: number, flags: number): number;
  /** Blocks; only for the probe. */
  poll(descriptors: number, count: number, milliseconds: number): number;
  close(descriptor: number): number;
  fcntl(descriptor: number, command: number, argument: number): number;
  if_nametoindex(name: number): number;
  if_indextoname(index: number, name: number): number;
  /** The error number of the last call; must be read immediately. */
  errno(): number;
}

const SIGNATURES: Readonly<Record<Exclude<keyof Libc, "errno">, readonly string[]>> = {
  socket: ["int", "int", "int"],
  bind: ["int", "uintptr_t", "uint32_t"],
  connect: ["int", "uintptr_t", "uint32_t"],
  getsockname: ["int", "uintptr_t", "uintptr_t"],
  setsockopt: ["int", "int", "int", "uintptr_t", "uint32_t"],
  getsockopt: ["int", "int", "int", "uintptr_t", "uintptr_t"],
  sendmsg: ["int", "uintptr_t", "int"],
  recvmsg: ["int", "uintptr_t", "int"],
  poll: ["uintptr_t", "ulong", "int"],
  close: ["int"],
  fcntl: ["int", "int", "int"],
  if_nametoindex: ["uintptr_t"],
  if_indextoname: ["uint32_t", "uintptr_t"],
};

const RESULTS: Readonly<Partial<Record<keyof Libc, string>>> = {
  sendmsg: "long",
  recvmsg: "long",
  if_nametoindex: "uint32_t",
  if_indextoname: "uintptr_t",
};

/** Throws if a function is missing. */
export function bindLibc(ffi: ForeignFunctions): Libc {
  const process = ffi.load(null);
  const functions = Object.entries(SIGNATURES).map(([name, parameters]) => [
    name,
    process.func(name, RESULTS[name as keyof Libc] ?? "int", parameters),
  ]);
  return { ...Object.fromEntries(functions), errno: () => ffi.errno() } as Libc;
}
