/** Finds free loopback ports for programs that cannot choose their own. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/** Returns a port that was just free for both TCP and UDP. */
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
