/** Our server with default settings: serves a folder over all protocols on one port. */

import { FileService } from "../src/edge/files/index.ts";
import { type Service, startServer } from "../src/edge/server.ts";
import type { Identity } from "../src/host/certificates/index.ts";
import { H3_ALPN, serveH3 } from "../src/host/quic/h3-server-connection.ts";
import { QuicListener } from "../src/host/quic/listener.ts";
import type { QuicServerOptions } from "../src/host/quic/quic-options.ts";
import type { CellFolder } from "./cell.ts";
import { hqFiles } from "./hq/file-server.ts";
import { LOOPBACK } from "./loopback.ts";
import type { SeenClients } from "./peer.ts";

export interface OwnServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly seen: SeenClients;
}

export interface OwnServerOptions {
  readonly onKeyLog?: (line: string) => void;
  /** Requires every client to validate its address first (RFC 9000 §8.1.2). HTTP/3 only. */
  readonly retry?: boolean;
  /** Serves over hq-interop too; HTTP/3 and hq-interop only. */
  readonly hq?: boolean;
  readonly quic?: QuicServerOptions;
  /** Milliseconds that a client may stall. */
  readonly stallTimeout?: number;
  /** Of the cell by default. */
  readonly identity?: Identity;
  readonly host?: string;
  /** 0, the default, lets the system choose. */
  readonly port?: number;
  /** As `nagare serve --no-h3`: no HTTP/3, and `Alt-Svc: clear`. */
  readonly withoutHttp3?: boolean;
}

export async function startOwnServer(cell: CellFolder, options: OwnServerOptions = {}): Promise<OwnServer> {
  const files = new FileService(cell.site.directory);
  const seen = { resumed: false, early: false, group: undefined as unknown };
  const service: Service = {
    handle: (exchange) => {
      // A connection's facts are complete with its handshake, which a request in 0-RTT data precedes.
      if (exchange.earlyData === true) seen.early = seen.resumed = true;
      const { resumed, group } = exchange.connection?.stats() ?? {};
      if (resumed === "yes") seen.resumed = true;
      seen.group = group;
      files.handle(exchange);
    },
  };
  const identities = [options.identity ?? cell.identity.identity] as const;
  const { pid } = process;
  const { onKeyLog, host = LOOPBACK, port = 0, quic, retry = false, hq = false } = options;
  if (retry || hq) {
    const listener = new QuicListener({
      identities,
      onExchange: service.handle,
      onKeyLog,
      quic,
      trace: cell.trace,
      serverProtocols: { [H3_ALPN]: serveH3, ...(hq ? hqFiles(cell.site.directory) : {}) },
      retry: retry ? "always" : undefined,
    });
    const bound = await listener.listen(port, host);
    return { port: bound.port, pid, seen, [Symbol.asyncDispose]: () => listener.close(0) };
  }
  const rollback = { protocols: ["h2", "http/1.1"], altSvc: { clear: true } } as const;
  const server = await startServer(
    {
      port,
      host,
      identities,
      onKeyLog,
      quic,
      trace: cell.trace,
      stallTimeout: options.stallTimeout,
      ...(options.withoutHttp3 ? rollback : {}),
    },
    service,
  );
  return { port: server.port, pid, seen, [Symbol.asyncDispose]: () => server.close({ timeout: 0 }) };
}
