/** Ports of loopback for programs that have to be told theirs. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** A port that was free a moment ago, for a peer that has to be told its port: TCP and UDP. */
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
