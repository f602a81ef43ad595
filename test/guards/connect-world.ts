/** Sockets of `nagare/connect`: to servers that accept, refuse and stay silent. */

import { once } from "node:events";
import { Agent, get } from "node:http";
import { createServer, type Socket } from "node:net";
import { connect, raceAddresses } from "../../src/client/net-connect/index.ts";
import { all } from "./world.ts";

type Behaviour = "accepts" | "is silent";

const connected =
  (behaviour: Behaviour, abort = false) =>
  async (): Promise<void> => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket.on("error", () => {}));
      if (behaviour === "accepts") socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const controller = new AbortController();
    if (abort) server.once("connection", () => controller.abort());
    const tls = behaviour === "accepts" ? {} : ({ tls: true } as const);
    const opened = connect({ host: "127.0.0.1", port, signal: controller.signal, ...tls });
    await all(opened.then((socket) => socket.destroy()));
    for (const socket of sockets) socket.destroy();
    server.close();
  };

const refused = async (): Promise<void> => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await all(connect({ host: "127.0.0.1", port }));
};

const byAgent = async (): Promise<void> => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const request = get({ host: "127.0.0.1", port, agent: raceAddresses(new Agent()) });
  await all(once(request, "response"));
  server.close();
};

export const CONNECT_TRAFFIC = {
  "client stream ready": { run: connected("accepts") },
  "client stream failed": { run: refused },
  "client stream abort": { run: connected("is silent", true) },
  "client stream delivered": { run: byAgent },
};
