/** node:http on our stack: its server takes our connections as they are. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { NetHost } from "./host.ts";
import type { TcpServer } from "./tcp-server.ts";

export type { IncomingMessage, ServerResponse };

/** A callback that throws ends its connection. */
export function serveHttp(
  host: NetHost,
  port: number,
  callback: (request: IncomingMessage, response: ServerResponse) => void,
): TcpServer {
  const http = createServer();
  http.on("request", callback);
  return host.serve(http, port);
}
