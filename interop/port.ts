/** Whether somebody listens on a port. */

import { readFile } from "node:fs/promises";

/** Is a UDP socket bound to this port? From then on, datagrams wait for their reader. */
export async function isUdpBound(port: number): Promise<boolean> {
  return udpPorts(await readFile("/proc/net/udp", "latin1")).includes(port);
}

/** The local ports in the kernel's table of UDP sockets. */
export function udpPorts(table: string): number[] {
  return table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => Number.parseInt(line.trim().split(/\s+/)[1]!.split(":")[1]!, 16));
}
