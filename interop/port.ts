/** Checks for listeners. */

import { readFile } from "node:fs/promises";

/** True if a UDP socket is bound to this port. From then on, datagrams are queued for it. */
export async function isUdpBound(port: number): Promise<boolean> {
  const tables = await Promise.all(["/proc/net/udp", "/proc/net/udp6"].map((file) => readFile(file, "latin1")));
  return tables.some((table) => udpPorts(table).includes(port));
}

/** True if a TCP socket listens on this port. */
export async function isTcpBound(port: number): Promise<boolean> {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "latin1")));
  return tables.some((table) => rowsOf(table).some((row) => row[3] === LISTEN && portIn(row) === port));
}

/** The local ports in the kernel's table of UDP sockets. */
export const udpPorts = (table: string): number[] => rowsOf(table).map(portIn);

/** The state of a TCP socket. */
const LISTEN = "0A";

const rowsOf = (table: string): readonly string[][] =>
  table
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));

const portIn = (row: readonly string[]): number => Number.parseInt(row[1]!.split(":")[1]!, 16);
