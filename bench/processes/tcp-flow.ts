/** One end of a TCP flow of the kernel: sends without end to each client, or receives and reports the bytes so far. */

import { connect, createServer } from "node:net";
import type { ServerReady, TcpFlowOrder } from "../messages.ts";

const CHUNK = Buffer.alloc(64 * 1024);

function send(host: string): void {
  const server = createServer((socket) => {
    const fill = (): void => {
      while (socket.write(CHUNK));
    };
    socket.on("drain", fill).on("error", () => socket.destroy());
    fill();
  });
  server.listen(0, host, () => {
    const { port } = server.address() as { readonly port: number };
    process.send!({ port } satisfies ServerReady);
  });
}

function receive(host: string, port: number): void {
  let bytes = 0;
  const socket = connect(port, host);
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  process.on("message", () => process.send!(bytes));
}

process.once("message", ({ host, port }: TcpFlowOrder) => {
  if (port === undefined) send(host);
  else receive(host, port);
});

process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
