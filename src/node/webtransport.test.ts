/** WebTransport sessions of a server shaped like node:https, as socket.io takes them. */
import { once } from "node:events";
import { afterAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { WebTransport } from "../client/webtransport/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import type { WebTransportRequest } from "../host/webtransport/web-transport-request.ts";
import { createServer } from "./index.ts";

const lines: string[] = [];
const server = createServer({ ...localhostIdentity, log: (line: string) => lines.push(line) });
new WebSocketServer({ server: server as never }).on("connection", (socket) => socket.send("an ordinary one"));
server.on("webtransport", (request: WebTransportRequest) => {
  if (request.url === "/faulty") throw new Error("the listener failed");
  if (request.url !== "/chat?room=1") request.refuse(request.headers.get("x-status") === null ? 404 : 403);
  else request.accept().closed.catch(() => undefined);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
const { port } = server.address() as { port: number };
afterAll(() => void server.close());

const open = (path: string, protocol: "h3" | "http/1.1", headers = {}) =>
  new WebTransport(`https://127.0.0.1:${port}${path}`, {
    headers,
    client: { rejectUnauthorized: false, protocols: [protocol] },
  });

test.each(["h3", "http/1.1"] as const)("are an event of their own, over %s", async (protocol) => {
  const session = open("/chat?room=1", protocol);
  await session.ready;
  expect(session.reliability).toBe(protocol === "h3" ? "supports-unreliable" : "reliable-only");
  session.close({ closeCode: 4, reason: "done" });
  expect(await session.closed).toEqual({ closeCode: 4, reason: "done" });
  await expect(open("/other", protocol).ready).rejects.toThrow("404");
  await expect(open("/other", protocol, { "x-status": "1" }).ready).rejects.toThrow("403");
  await expect(open("/chat?room=1", protocol, { origin: "https://other.example" }).ready).rejects.toThrow("403");
});

test("a listener that throws answers 500, and is logged", async () => {
  await expect(open("/faulty", "http/1.1").ready).rejects.toThrow("500");
  expect(lines.join()).toContain("the listener failed");
});

test("other WebSockets are upgrades as before", async () => {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/chat`, "chat", { rejectUnauthorized: false });
  expect(String((await once(socket, "message"))[0])).toBe("an ordinary one");
  socket.terminate();
});
