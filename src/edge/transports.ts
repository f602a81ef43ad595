/**
 * The transports that a server listens on. TCP comes first, and UDP then uses the same port number. Each is loaded only
 * when a server uses it.
 *
 * `Transport` is where another implementation of HTTP/3, such as one on node:quic, would take the place of ours: a
 * server knows its transports only as listeners that create exchanges. Experimental.
 */
import type { CreateListener } from "../host/http/listener.ts";

export interface Transport {
  readonly transport: "tcp" | "udp";
  load(): Promise<CreateListener>;
}

const tcp: Transport = {
  transport: "tcp",
  load: async () => {
    const { TcpListener } = await import("../host/http/tcp-listener.ts");
    return (options) => new TcpListener(options);
  },
};

const udp: Transport = {
  transport: "udp",
  load: async () => {
    const { QuicListener } = await import("../host/quic/listener.ts");
    return (options) => new QuicListener(options);
  },
};

export const TRANSPORTS: readonly Transport[] = [tcp, udp];
