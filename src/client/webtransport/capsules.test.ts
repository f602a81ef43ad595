/** WebTransport in the capsules of HTTP/2, between our client and our server, and with peers that break its rules. */

import { connect } from "node:http2";
import { afterAll, describe, expect, test } from "vitest";
import { exercise, FAREWELL, SUBPROTOCOLS } from "../../../interop/webtransport/exercise.ts";
import { serve } from "../../edge/serve.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { WebTransport, type WebTransportOptions } from "./index.ts";
import { errorWith, exercising } from "./testing/exercising-server.ts";

const ends: Promise<unknown>[] = [];
const options = { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} };
const server = await serve({ ...options, http2WebTransport: true }, exercising(ends));
afterAll(() => server.close({ timeout: 0 }));

/** With nothing to fall back to, however slow the machine is. */
const overHttp2 = (more: WebTransportOptions = {}, url = server.url): WebTransportOptions & { url: URL } => ({
  client: { rejectUnauthorized: false, protocols: ["h2"], http2Capsules: true },
  ...more,
  url,
});
const open = (path: string, more?: WebTransportOptions): WebTransport =>
  new WebTransport(new URL(path, server.url), overHttp2(more));

describe("our client", () => {
  test.each(["client-closes", "server-closes"])("streams, datagrams, codes and an end: %s", async (closer) => {
    const [, protocol] = SUBPROTOCOLS;
    const session = open(`/${closer}?protocol=${protocol}`, { protocols: [...SUBPROTOCOLS] });
    await session.ready;
    expect([session.protocol, session.reliability]).toEqual([protocol, "reliable-only"]);
    expect(session.inspect()).toMatchObject({ carrier: "h2", version: "capsules", state: "open" });
    expect(await exercise(session, errorWith, closer === "client-closes")).toEqual(FAREWELL);
    expect(await ends.pop()).toEqual(FAREWELL);
  });

  test("two megabytes come back, through windows of one", async () => {
    const echo = await serve({ ...options, http2WebTransport: true }, (_request, { webtransport }) => {
      const session = webtransport!.accept();
      const back = async () => {
        for await (const { readable, writable } of session.incomingBidirectionalStreams)
          await readable.pipeTo(writable);
      };
      back().catch(() => undefined);
      return session.response;
    });
    const session = new WebTransport(echo.url, overHttp2());
    const { readable, writable } = await session.createBidirectionalStream();
    const writer = writable.getWriter();
    const sent = writer.write(new Uint8Array(2 << 20)).then(() => writer.close());
    let bytes = 0;
    for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) bytes += chunk.length;
    await sent;
    expect(bytes).toBe(2 << 20);
    const closing = echo.close({ timeout: 400 });
    await session.draining;
    expect(await session.closed).toEqual({ closeCode: 1001, reason: "the server stops" });
    await closing;
  });

  test("takes a WebSocket where the server has no sessions over HTTP/2", async () => {
    const plain = await serve(options, (_request, { webtransport }) => webtransport!.accept().response);
    const client = { rejectUnauthorized: false, protocols: ["h2", "http/1.1"], http2Capsules: true } as const;
    const session = new WebTransport(plain.url, { client });
    await session.ready;
    expect(session.inspect().carrier).toBe("websocket");
    session.close();
    await session.closed;
    await plain.close({ timeout: 0 });
  });

  test("learns that a page of another origin is refused", async () => {
    const session = open("/idle", { headers: { origin: "https://other.example" } });
    await expect(session.ready).rejects.toMatchObject({ message: expect.stringContaining("403") });
  });
});

describe("the server", () => {
  const raw = async (fields: Record<string, string>, body?: Uint8Array) => {
    const session = connect(server.url, { rejectUnauthorized: false });
    try {
      await new Promise((resolve) => session.once("remoteSettings", resolve));
      const stream = session.request({
        ":method": "CONNECT",
        ":protocol": "webtransport",
        ":path": "/idle",
        ...fields,
      });
      stream.on("error", () => undefined); // "close" follows
      const status = await new Promise<number>((resolve) =>
        stream.once("response", (headers) => resolve(Number(headers[":status"]))),
      );
      if (body === undefined) return { status, code: undefined };
      stream.write(body);
      stream.resume();
      await new Promise((resolve) => stream.once("close", resolve));
      return { status, code: stream.rstCode };
    } finally {
      session.destroy();
    }
  };

  test("refuses a malformed WebTransport-Init with 400 (§4.3.2)", async () => {
    expect(await raw({ "webtransport-init": "u=yes" })).toMatchObject({ status: 400 });
    expect(await raw({ "webtransport-init": "u=1000" })).toMatchObject({ status: 200 });
    await ends.pop();
  });

  test("resets the stream of a session that breaks the rules", async () => {
    // WT_MAX_DATA of one byte that is not an integer.
    const { status, code } = await raw({}, Uint8Array.of(0x99, 0x0b, 0x4d, 0x3d, 1, 0x40));
    expect([status, code]).toEqual([200, 2]);
    expect(String(await ends.pop())).toContain("too few for its 1 integers");
  });
});
