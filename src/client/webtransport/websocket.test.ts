/** WebTransport over a WebSocket between our client and our server, and with peers that break its rules. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { afterAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { exercise, FAREWELL, SUBPROTOCOLS } from "../../../interop/webtransport/exercise.ts";
import { serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { daysFromNow, makeCertificate } from "../../host/certificates/testing/make-certificate.ts";
import { systemClock } from "../../host/clock.ts";
import { WebTransportSession } from "../../host/webtransport/web-transport-session.ts";
import { fromHex } from "../../wire/hex.ts";
import { utf8 } from "../../wire/text.ts";
import { openSession, overWebSocket } from "./carriers.ts";
import { WebTransport, WebTransportError, type WebTransportOptions } from "./index.ts";
import { errorWith, exercising } from "./testing/exercising-server.ts";

const identity = makeCertificate({ names: ["localhost"], notAfter: daysFromNow(12) });

/** Ends of sessions, in the order in which the server accepted them. */
const ends: Promise<unknown>[] = [];
const server: Server = await serve({ port: 0, host: "127.0.0.1", tls: identity, log: () => {} }, exercising(ends));
afterAll(() => server.close({ timeout: 0 }));

const at = (path: string): URL => new URL(path, server.url);
const overTcp = (options: WebTransportOptions = {}): WebTransportOptions => ({
  client: { rejectUnauthorized: false, protocols: ["http/1.1"] },
  ...options,
});

describe.each(["http/1.1", "h2", "h3"] as const)("over %s", (version) => {
  test.each(["client-closes", "server-closes"])("streams, datagrams, codes and an end: %s", async (closer) => {
    const session = new WebTransportSession();
    const [, protocol] = SUBPROTOCOLS;
    const opened = await openSession(
      overWebSocket([version]),
      {
        url: at(`/${closer}?protocol=${protocol}`),
        fields: [],
        protocols: SUBPROTOCOLS,
        client: { rejectUnauthorized: false },
        certificateHashes: undefined,
        allowPooling: false,
        clock: systemClock,
      },
      new AbortController().signal,
    );
    opened.begin(session);
    expect([session.protocol, session.reliability]).toEqual([protocol, "reliable-only"]);
    expect(await exercise(session, errorWith, closer === "client-closes")).toEqual(FAREWELL);
    expect(await ends.pop()).toEqual(FAREWELL);
  });
});

test.each(["http/1.1", "h2", "h3"] as const)(
  "a server that stops asks sessions over %s to end, closes those that stay with 1001, and takes new ones when it is back",
  async (version) => {
    const start = (port: number) =>
      serve({ port, host: "127.0.0.1", tls: identity }, (_request, context) => context.webtransport!.accept().response);
    const stopping = await start(0);
    const request = {
      url: stopping.url,
      fields: [],
      protocols: [],
      client: { rejectUnauthorized: false },
      certificateHashes: undefined,
      allowPooling: false,
      clock: systemClock,
    };
    const connect = async (): Promise<WebTransportSession> => {
      const session = new WebTransportSession();
      const opened = await openSession(overWebSocket([version]), request, new AbortController().signal);
      opened.begin(session);
      return session;
    };
    const first = await connect();
    const closing = stopping.close({ timeout: 400 });
    await first.draining;
    expect(first.inspect()).toMatchObject({ carrier: "websocket", version: "qmux-02" });
    expect(await first.closed).toEqual({ closeCode: 1001, reason: "the server stops" });
    await closing;
    const back = await start(Number(stopping.url.port));
    const second = await connect();
    second.close({ closeCode: 9 });
    expect(await second.closed).toEqual({ closeCode: 9, reason: "" });
    await back.close({ timeout: 0 });
  },
);

describe("the client", () => {
  test("falls back when HTTP/3 fails, but not if it must not", async () => {
    const tcpOnly = await serve(
      { port: 0, host: "127.0.0.1", tls: identity, protocols: ["http/1.1"] },
      (_request, context) => {
        return context.webtransport!.accept().response;
      },
    );
    try {
      const client = new WebTransport(tcpOnly.url, { client: { rejectUnauthorized: false } });
      await client.ready;
      expect(client.reliability).toBe("reliable-only");
      client.close({ closeCode: 5, reason: "done" });
      expect(await client.closed).toEqual({ closeCode: 5, reason: "done" });
      const strict = new WebTransport(tcpOnly.url, {
        requireUnreliable: true,
        client: { rejectUnauthorized: false, connectTimeout: 100 },
      });
      await expect(strict.ready).rejects.toBeInstanceOf(WebTransportError);
    } finally {
      await tcpOnly.close({ timeout: 0 });
    }
  });

  test("compares certificate hashes there too", async () => {
    const hash = (value: Uint8Array) => ({ algorithm: "sha-256", value: createHash("sha256").update(value).digest() });
    const client = { protocols: ["http/1.1"] } as const;
    const right = new WebTransport(at("/idle"), { client, serverCertificateHashes: [hash(identity.der)] });
    await right.ready;
    right.close();
    await ends.pop();
    const wrong = new WebTransport(at("/idle"), { client, serverCertificateHashes: [hash(utf8("another"))] });
    await expect(wrong.ready).rejects.toMatchObject({ message: expect.stringContaining("serverCertificateHashes") });
  });

  test("learns that a page of another origin is refused", async () => {
    const client = new WebTransport(at("/idle"), overTcp({ headers: { origin: "https://other.example" } }));
    await expect(client.ready).rejects.toMatchObject({ message: expect.stringContaining("403") });
  });

  test("has nothing to connect with if it must use QUIC over TCP", () => {
    expect(() => new WebTransport(at("/"), overTcp({ requireUnreliable: true }))).toThrow(TypeError);
  });
});

describe("the server", () => {
  const open = async (protocols: readonly string[]): Promise<WebSocket> => {
    const socket = new WebSocket(at("/idle").href.replace("https", "wss"), [...protocols], {
      rejectUnauthorized: false,
    });
    socket.binaryType = "nodebuffer";
    await once(socket, "open");
    return socket;
  };
  const closing = async (socket: WebSocket): Promise<{ readonly messages: string[]; readonly status: number }> => {
    const messages: string[] = [];
    socket.on("message", (data: Buffer) => messages.push(data.toString("hex")));
    const [status] = (await once(socket, "close")) as [number];
    return { messages, status };
  };

  test("chooses the newest draft, and closes with 1002 and CONNECTION_CLOSE for a violation", async () => {
    const socket = await open(["qmux-00", "qmux-02", "other"]);
    expect(socket.protocol).toBe("qmux-02");
    socket.send(fromHex("0e000000"));
    const { messages, status } = await closing(socket);
    expect(messages.at(-1)?.slice(0, 6)).toBe("1c0a00");
    expect(status).toBe(1002);
    expect(String(await ends.pop())).toContain("the session did not begin");
  });

  test("answers pings, and refuses text", async () => {
    const socket = await open(["qmux-01"]);
    socket.ping("are you there");
    expect(String((await once(socket, "pong"))[0])).toBe("are you there");
    socket.send("text");
    expect((await closing(socket)).status).toBe(1003);
    await ends.pop();
  });

  test("refuses messages of any other size", async () => {
    const socket = await open(["qmux-02"]);
    socket.send(new Uint8Array(16_385));
    expect((await closing(socket)).status).toBe(1009);
    await ends.pop();
  });

  test("refuses with 400 if the client requires a protocol that was not chosen", async () => {
    await expect(open(["qmux-02.chat"])).rejects.toThrow("400");
  });

  test("takes other WebSockets for what they are", async () => {
    await expect(open(["graphql-transport-ws"])).rejects.toThrow("404");
    await expect(open(["webtransport"])).rejects.toThrow("404");
  });
});
