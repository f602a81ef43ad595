/** Raw HTTP/1.1 with our server and with Node's, to compare their bytes. */
import { connect as connectTls } from "node:tls";
import type { Listener } from "../../host/node/index.ts";
import { type AnyServer, closers, httpsServer, listening, ownServer } from "./server.ts";

type Make = (listener: Listener, options: object) => AnyServer;

const MAKES: readonly Make[] = [
  (listener, options) => ownServer(listener, { altSvc: { advertise: false }, ...options }).server,
  httpsServer,
];

/** Runs the same with our server and with Node's. */
export const both = <T>(run: (make: Make) => Promise<T>): Promise<T[]> => Promise.all(MAKES.map(run));

/** Sends raw bytes, and returns what the server sends until it closes, without the date. */
export async function exchangeRaw(server: AnyServer, request: string): Promise<string> {
  const socket = connectTls({ port: await listening(server), host: "127.0.0.1", rejectUnauthorized: false });
  closers.push(() => socket.destroy());
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  socket.write(request);
  await new Promise((resolve) => socket.once("close", resolve));
  return received.replace(/date: .*\r\n/gi, "");
}
