/** Ports of loopback: one for a peer that has to be told its own, and whether somebody listens. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";

/** A number that is free for both TCP and UDP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const tcp = createServer();
    const udp = createSocket("udp4");
    try {
      await once(tcp.listen(0, "127.0.0.1"), "listening");
      const { port } = tcp.address() as AddressInfo;
      udp.bind(port, "127.0.0.1");
      await once(udp, "listening");
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    } finally {
      tcp.close();
      udp.close();
    }
  }
}

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
