/** The endpoint as a server: the files of a folder over hq-interop and HTTP/3. */

import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { FileService } from "../../src/edge/files/index.ts";
import { loadIdentityFiles } from "../../src/host/certificates/identity.ts";
import { bindAll } from "../../src/host/listen/bind.ts";
import type { QuicEnvironment } from "../../src/host/quic/environment.ts";
import { H3_ALPN, serveH3 } from "../../src/host/quic/h3-server-connection.ts";
import { QuicListener } from "../../src/host/quic/listener.ts";
import { hqFiles } from "../hq/file-server.ts";
import type { ServerCase } from "./test-cases.ts";

export interface EndpointServerOptions extends ServerCase {
  readonly environment: QuicEnvironment;
  /** "::" for all addresses of both families. */
  readonly host: string;
  readonly port: number;
  readonly www: string;
  /** Has cert.pem and priv.key. */
  readonly certs: string;
  /** The addresses to prefer, instead of this machine's own on the same port. */
  readonly preferred: readonly string[];
  readonly onKeyLog: ((line: string) => void) | undefined;
}

export interface EndpointServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startEndpointServer(options: EndpointServerOptions): Promise<EndpointServer> {
  const { environment, host, port, www, certs, preferred, onKeyLog, prefersAddress, retry, quic } = options;
  const files = { certFile: join(certs, "cert.pem"), keyFile: join(certs, "priv.key") };
  const identity = await loadIdentityFiles(files, { ignoreValidity: true });
  const service = new FileService(www);
  const addresses = preferred.length > 0 ? preferred.map((each) => ({ host: each, port: 0 })) : ownAddresses(port);
  const create = (): QuicListener =>
    new QuicListener({
      environment,
      identities: [identity],
      serverProtocols: { ...hqFiles(www), [H3_ALPN]: serveH3 },
      onExchange: (exchange) => service.handle(exchange),
      onKeyLog,
      retry,
      // Some links lose so much that a handshake takes longer than is normal; the runner has the limit.
      quic: { ...quic, handshakeTimeout: 0, ...(prefersAddress === true ? { preferredAddress: addresses } : {}) },
    });
  const bound = await bindAll([{ transport: "udp", create }], host, port);
  const [listener] = bound.listeners;
  return { port: bound.addresses[0]!.port, close: () => listener!.close(0) };
}

/** At most one address per family, on the network. */
function ownAddresses(port: number): { readonly host: string; readonly port: number }[] {
  const all = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"));
  const ofFamilies = (["IPv4", "IPv6"] as const).map((family) => all.find((each) => each.family === family));
  return ofFamilies.flatMap((each) => (each === undefined ? [] : [{ host: each.address, port }]));
}
