/** Checks for a UDP listener. */

import { readFile } from "node:fs/promises";

/** True if a UDP socket is bound to this port. From then on, datagrams are queued for it. */
export async function isUdpBound(port: number): Promise<boolean> {
  const tables = await Promise.all(["/proc/net/udp", "/proc/net/udp6"].map((file) => readFile(file, "latin1")));
  return tables.some((table) => udpPorts(table).includes(port));
}

/** The local ports in the kernel's table of UDP sockets. */
export function udpPorts(table: string): number[] {
  return table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => Number.parseInt(line.trim().split(/\s+/)[1]!.split(":")[1]!, 16));
}
