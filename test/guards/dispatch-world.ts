/** Traffic of nagare/undici. */
import { connect, createServer as createRelay, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { request } from "undici";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";
import { Agent } from "../../src/undici/index.ts";
import { closers, openServer } from "./world.ts";

export async function* failing(): AsyncGenerator<Buffer> {
  yield Buffer.from("begun");
  throw new Error("the body failed");
}

/** A POST to the server, whatever becomes of it, and the end of its connection. */
export async function dispatched(body: string | AsyncIterable<Uint8Array>): Promise<void> {
  const server = await openServer();
  const dispatcher = new Agent({ protocols: ["h2"], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  try {
    const options = { dispatcher, method: "POST", body: body as never } as const;
    await (await request(`https://localhost:${server.port}/echo`, options)).body.dump();
  } catch {
    // The fault ended it.
  } finally {
    await dispatcher.destroy();
  }
}

/** A tunnel over HTTP/1.1 that echoes more than fits, then ends; or whose connection gets bytes that are not TLS. */
export async function tunnelled(end: "ended" | "broken"): Promise<void> {
  const server = createServer(localhostIdentity);
  server.on("upgrade", (_request, socket: Duplex) => {
    socket.on("error", () => undefined);
    socket.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const relayed: Socket[] = [];
  const relay = createRelay((socket) => {
    relayed.push(socket);
    const onward = connect((server.address() as { port: number }).port, "127.0.0.1");
    for (const each of [socket, onward]) each.on("error", () => undefined);
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", () => resolve()));
  const dispatcher = new Agent({ protocols: ["http/1.1"], rejectUnauthorized: false, resolve: () => ["127.0.0.1"] });
  closers.push(async () => {
    await dispatcher.destroy();
    for (const socket of relayed) socket.destroy();
    relay.close();
    server.close();
    server.closeAllConnections();
  });
  const origin = `https://localhost:${(relay.address() as { port: number }).port}`;
  try {
    const { socket } = await dispatcher.upgrade({ origin, path: "/", protocol: "echo" } as never);
    const closed = new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve));
    socket.resume();
    if (end === "broken") relayed[0]!.write("this is not a TLS record");
    else socket.end(Buffer.alloc(8 << 20));
    await closed;
  } catch {
    // The fault ended it.
  }
}
