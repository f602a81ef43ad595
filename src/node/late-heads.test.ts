/** `headersTimeout` over every version: the request head must arrive in time, whatever else the client sends. */
import { once } from "node:events";
import { connect } from "node:tls";
import { expect, test, vi } from "vitest";
import { connectRawHttp3 } from "../edge/testing/versions/raw-http3.ts";
import { headers, REQUEST } from "../h3/testing/raw-peer.ts";
import { frame, PING } from "../host/http/testing/http2-frames.ts";
import { RawHttp2 } from "../host/http/testing/raw-http2.ts";
import { closers, listening, ownServer } from "./testing/server.ts";

const HEAD = headers([...REQUEST, ["x", "y".repeat(1_000)]]);

test("over h3 a late head is answered with 408, and other requests of the connection are not affected", async () => {
  const paths: string[] = [];
  const { server } = ownServer(
    (request, response) => {
      paths.push(request.url!);
      response.end("ok");
    },
    { headersTimeout: 60 },
  );
  const port = await listening(server);
  const client = await connectRawHttp3(port);
  closers.push(() => client.close());
  const late = client.send(HEAD.slice(0, 500), false);
  expect(await client.send(HEAD, true)).toMatchObject({ status: 200, body: "ok" });
  expect(await late).toMatchObject({ status: 408, body: "", cut: undefined });
  expect(await client.send(HEAD, true)).toMatchObject({ status: 200, body: "ok" });
  expect(paths).toEqual(["/", "/"]);
});

test("over h3 the timeout can be changed while the server runs", async () => {
  const { server } = ownServer((_request, response) => response.end("ok"));
  const port = await listening(server);
  server.headersTimeout = 60;
  const client = await connectRawHttp3(port);
  closers.push(() => client.close());
  expect(await client.send(HEAD.slice(0, 500), false)).toMatchObject({ status: 408 });
});

test("over h2 a connection without a request is closed, however many PINGs it sends", async () => {
  const { server } = ownServer((_request, response) => response.end("ok"), { headersTimeout: 200 });
  const port = await listening(server);
  const [idle, busy] = [await RawHttp2.open(port), await RawHttp2.open(port)];
  closers.push(
    () => idle.close(),
    () => busy.close(),
  );
  await busy.end(busy.request("GET"), false);
  await vi.waitUntil(
    () => {
      for (const client of [idle, busy]) client.sendFrame(frame(PING, 0, 0, new Uint8Array(8)));
      return idle.isOver;
    },
    { timeout: 20_000, interval: 20 },
  );
  expect(busy.isOver).toBe(false);
  expect(await busy.end(busy.request("GET"), false)).toMatchObject({ endStream: true, reset: undefined });
});

test("over HTTP/1.1 a head that arrives byte by byte is answered with 408, and the connection closes", async () => {
  const { server } = ownServer((_request, response) => response.end("ok"), {
    headersTimeout: 100,
    connectionsCheckingInterval: 20,
  });
  const port = await listening(server);
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  socket.on("error", () => undefined);
  await once(socket, "secureConnect");
  socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  const drip = setInterval(() => socket.write("x"), 10);
  closers.push(
    () => clearInterval(drip),
    () => socket.destroy(),
  );
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/);
  await once(socket.resume(), "close");
});
