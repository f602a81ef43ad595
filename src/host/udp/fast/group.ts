/**
 * A group of sockets on one address (SO_REUSEPORT), one for each process that serves it, of which the kernel chooses one for
 * each datagram. A process opens the group, keeps it, and passes the descriptors on. It never reads them, and it closes
 * none before the end: the kernel numbers the sockets of a group in the order in which they were bound, and renumbers them
 * when one is closed.
 */

import type { SocketAddress } from "../../../base/datagrams.ts";
import { ForeignMemory } from "../../../base/foreign.ts";
import type { SocketGroup } from "../udp-socket.ts";
import * as sys from "./libc.ts";
import { SystemError } from "./system-error.ts";
import type { FastUdp, OpenedSocket } from "./udp.ts";

/**
 * Without SO_REUSEPORT, the group has one socket. `program` is a classic BPF program (struct sock_filter[]) that returns the
 * index of a socket; without it, the kernel chooses by the addresses of both ends. Throws a `SystemError`.
 */
export function openGroup(
  udp: FastUdp,
  at: SocketAddress,
  count: number,
  program: Uint8Array<ArrayBuffer> | undefined,
): SocketGroup {
  // Sockets that share a port would share it with another server as well. An exclusive bind detects that server.
  const exclusive = udp.open(at);
  udp.libc.close(exclusive.descriptor);
  const address = exclusive.address;
  const opened: OpenedSocket[] = [];
  const close = (): void => {
    for (const { descriptor } of opened.splice(0)) udp.libc.close(descriptor);
  };
  try {
    const problem = open(udp, address, count, opened);
    const isSteered = problem === undefined && program !== undefined && attach(udp, opened[0]!.descriptor, program);
    return {
      address,
      descriptors: opened.map(({ descriptor }) => descriptor),
      steering: problem !== undefined ? "single" : isSteered ? "program" : "addresses",
      problem: problem ?? (isSteered || program === undefined ? undefined : "the kernel refuses the steering program"),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Returns why there is only one socket; undefined if all could be opened. */
function open(udp: FastUdp, address: SocketAddress, count: number, opened: OpenedSocket[]): string | undefined {
  for (let i = 0; i < count; i += 1) {
    try {
      opened.push(udp.open(address, { reusePort: true }));
    } catch (error) {
      if (i > 0 || !(error instanceof SystemError) || error.syscall !== "setsockopt") throw error;
      opened.push(udp.open(address));
      return `the kernel has no SO_REUSEPORT (${error.code})`;
    }
  }
  return undefined;
}

/** Returns false if the kernel refuses. */
function attach(udp: FastUdp, descriptor: number, program: Uint8Array<ArrayBuffer>): boolean {
  const code = new ForeignMemory(udp.ffi, program.length);
  code.bytes.set(program);
  // struct sock_fprog: the number of instructions, and their address.
  const argument = new ForeignMemory(udp.ffi, 16);
  argument.view.setUint16(0, program.length / 8, true);
  argument.setWord(8, code.address);
  const { setsockopt } = udp.libc;
  return setsockopt(descriptor, sys.SOL_SOCKET, sys.SO_ATTACH_REUSEPORT_CBPF, argument.address, 16) === 0;
}
