// Statistics of a TCP connection, for HTTP/1.1 and HTTP/2.
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ConnectionTimings, SessionStats } from "./session.ts";

export function socketStats(socket: Socket | TLSSocket, timings: ConnectionTimings, requests: number): SessionStats {
  const rtt = (timings.connectEnd ?? timings.connectStart) - timings.connectStart;
  const details: Record<string, string | number> = {};
  if ("getProtocol" in socket) {
    const version = socket.getProtocol();
    const cipher = socket.getCipher() as { standardName?: string } | undefined; // undefined once the socket is closed
    if (version !== null) details.tls = version.replace("TLSv", "TLS ");
    if (cipher?.standardName !== undefined) details.cipher = cipher.standardName;
  }
  return { bytesSent: socket.bytesWritten, bytesReceived: socket.bytesRead, requests, rtt, details };
}
