/** ALPN selects the protocol on top of QUIC on both sides (RFC 9001 §8.1), from tables with more than HTTP/3. */

import { afterEach, expect, test } from "vitest";
import { loadIdentity } from "../src/host/certificates/identity.ts";
import { quicDialer } from "../src/host/client/h3-connector.ts";
import { type ClientProtocols, type DialedProtocol, HTTP3_ONLY } from "../src/host/client/quic-protocols.ts";
import { localhostIdentity } from "../src/host/http/testing/identities.ts";
import { H3_ALPN, serveH3 } from "../src/host/quic/h3-server-connection.ts";
import { QuicListener } from "../src/host/quic/listener.ts";
import type { CreateServerProtocol, ServerProtocols } from "../src/host/quic/server-protocol.ts";
import { HQ_ALPN, HqConnection } from "../src/http/hq.ts";
import { isTransportEvent } from "../src/quic/index.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** An HTTP/0.9 server that answers every path with the path itself. */
const hqServer: CreateServerProtocol = (connection) => {
  const hq = new HqConnection(connection);
  return {
    handleEvent(event) {
      if (isTransportEvent(event)) hq.handleTransportEvent(event);
      for (let next = hq.pollEvent(); next !== undefined; next = hq.pollEvent()) {
        if (next.type === "request") hq.writeData(next.id, new TextEncoder().encode(`hq ${next.path}`), true);
      }
    },
    drain: () => hq.close(),
    close: () => hq.close(),
  };
};

interface HqClient extends DialedProtocol {
  readonly protocol: typeof HQ_ALPN;
  get(path: string): Promise<string>;
}

const hqClient: ClientProtocols<HqClient> = {
  [HQ_ALPN]: ({ connection, driver }) => {
    const hq = new HqConnection(connection);
    let content = "";
    let done: (content: string) => void = () => {};
    return {
      protocol: HQ_ALPN,
      handleEvent(event) {
        if (isTransportEvent(event)) hq.handleTransportEvent(event);
        for (let next = hq.pollEvent(); next !== undefined; next = hq.pollEvent()) {
          if (next.type !== "data") continue;
          for (let chunk = hq.readData(next.id); chunk !== undefined; chunk = hq.readData(next.id)) {
            content += text(chunk.bytes);
            if (chunk.fin) done(content);
          }
        }
      },
      get(path) {
        hq.request(path);
        return new Promise((resolve) => {
          done = resolve;
        });
      },
      destroy() {
        hq.close();
        void driver.close();
      },
    };
  },
};

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function listen(serverProtocols: ServerProtocols): Promise<number> {
  const identities = [loadIdentity(localhostIdentity)] as const;
  const listener = new QuicListener({
    identities,
    serverProtocols,
    onExchange: (exchange) => exchange.respond(204, []),
  });
  open.push(() => listener.close(0));
  return (await listener.listen(0, "127.0.0.1")).port;
}

async function dial<P extends DialedProtocol>(port: number, protocols: ClientProtocols<P>): Promise<P> {
  const session = await quicDialer(protocols)(`https://localhost:${port}`, {
    servername: "localhost",
    port,
    addresses: [{ address: "127.0.0.1", family: 4 }],
    lookupStart: 0,
    lookupEnd: 0,
    ca: undefined,
    rejectUnauthorized: false,
    keylog: undefined,
    signal: new AbortController().signal,
    onChange: () => {},
  });
  open.push(() => session.destroy(new Error("the test has ended")));
  return session;
}

test("a client with only hq-interop is served hq-interop, and one with only HTTP/3 is served HTTP/3", async () => {
  const port = await listen({ [H3_ALPN]: serveH3, [HQ_ALPN]: hqServer });
  const hq = await dial(port, hqClient);
  expect(await hq.get("/file")).toBe("hq /file");
  expect((await dial(port, HTTP3_ONLY)).protocol).toBe("h3");
});

test("a client with both uses the protocol that the server chose", async () => {
  const both: ClientProtocols<DialedProtocol & { readonly protocol: string }> = { ...hqClient, ...HTTP3_ONLY };
  expect((await dial(await listen({ [H3_ALPN]: serveH3 }), both)).protocol).toBe("h3");
  expect((await dial(await listen({ [HQ_ALPN]: hqServer }), both)).protocol).toBe(HQ_ALPN);
});

test("without a common protocol the connection fails", async () => {
  const port = await listen({ [H3_ALPN]: serveH3 });
  await expect(dial(port, hqClient)).rejects.toThrow(/cannot connect over QUIC/);
});
