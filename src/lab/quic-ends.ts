/** Both ends of QUIC in experiments: one certificate, one name, one ALPN. */

import type { SocketAddress } from "../base/datagrams.ts";
import type { Rng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import type { CryptoEngine } from "../crypto/engine.ts";
import { type Connection, type ConnectionConfig, Endpoint, type QuicTrace } from "../quic/index.ts";
import { simulatedIdentity } from "../sim/index.ts";
import { createTlsClient, createTlsServer } from "../tls/index.ts";

const ALPN = ["lab"];

/** What TLS needs. */
export interface Secrets {
  readonly engine: CryptoEngine;
  readonly rng: Rng;
}

/** An endpoint that accepts connections; `trace` sees what its side of each does. */
export function quicServer(config: ConnectionConfig, { engine, rng }: Secrets, trace?: QuicTrace): Endpoint {
  const identity = simulatedIdentity();
  return new Endpoint({
    config,
    trace: (_id, role) => (role === "server" ? trace : undefined),
    server: {
      createTls: (transportParameters) =>
        createTlsServer({ engine, rng, alpn: ALPN, transportParameters, selectIdentity: () => identity }),
    },
  });
}

/** Connects at the beginning. The caller accepts the certificate, whatever it is. */
export function connectQuic(
  endpoint: Endpoint,
  { engine, rng }: Secrets,
  local: SocketAddress,
  remote: SocketAddress,
): Connection {
  const createTls = (transportParameters: Uint8Array) =>
    createTlsClient({ engine, rng, alpn: ALPN, transportParameters, serverName: "server.test" });
  return endpoint.connect({ local, remote, createTls }, 0 as Instant);
}
