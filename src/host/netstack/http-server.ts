/** node:http on our stack: its server takes our connections as they are. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { NetHost } from "./host.ts";
import type { TcpServer } from "./tcp-server.ts";

export type { IncomingMessage, ServerResponse };

/** A listener that throws ends its connection. */
export function serveHttp(
  host: NetHost,
  port: number,
  listener: (request: IncomingMessage, response: ServerResponse) => void,
): TcpServer {
  const http = createServer();
  http.on("request", listener);
  const server = host.net.createServer((socket) => http.emit("connection", socket));
  return server.listen(port);
}
