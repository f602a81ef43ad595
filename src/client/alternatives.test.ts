// Alternative services (RFC 7838) between our client and two of our servers.
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import { serveHttp2, testCertificate } from "../host/client/testing/servers.ts";
import type { Handler } from "../host/http/fetch-handler.ts";
import { createClient } from "./index.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function up(handler: Handler, options: ServeOptions = {}): Promise<number> {
  const { issued } = testCertificate();
  const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {}, ...options }, handler);
  closing.push(() => server.close({ timeout: 0 }));
  return server.port;
}

test("requests over an alternative name it in Alt-Used; after 421 it is forgotten, and its Alt-Svc ignored", async () => {
  let status = 200;
  const alternative = await up((request, { protocol }) => {
    const headers = { "x-over": protocol, "x-used": request.headers.get("alt-used") ?? "", "alt-svc": 'h3=":1"' };
    return new Response(null, {
      status,
      headers: status === 421 ? headers : { ...headers, "alt-svc": `h3=":${alternative}"` },
    });
  });
  const port = await up(
    (request, { protocol }) => {
      return new Response(null, {
        headers: {
          "x-over": protocol,
          "x-used": request.headers.get("alt-used") ?? "",
          "alt-svc": `h3=":${alternative}"; ma=60`,
        },
      });
    },
    { protocols: ["h2"], altSvc: { advertise: false } },
  );
  const client = createClient({ ca: testCertificate().authority.ca, protocols: ["h2", "h3"] });
  closing.push(() => client.destroy());
  const get = (): Promise<Response> => client.fetch(`https://localhost:${port}/`);

  const first = await get();
  expect([first.headers.get("x-over"), first.headers.get("x-used")]).toEqual(["h2", ""]);
  // Opened while HTTP/2 carries the requests.
  await get();
  const wait = { timeout: 20_000 };
  await vi.waitFor(() => expect(client.connections().map(({ protocol }) => protocol)).toContain("h3"), wait);
  const over = await get();
  expect(over.headers.get("x-used")).toBe(`localhost:${alternative}`);
  status = 421;
  const misdirected = await get();
  expect([misdirected.status, misdirected.headers.get("x-over")]).toEqual([421, "h3"]);
  const next = await get();
  expect([next.status, next.headers.get("x-over"), next.headers.get("x-used")]).toEqual([200, "h2", ""]);
});

test("ALTSVC frames of HTTP/2 count like the field, if they are about the origin (RFC 7838 §4)", async () => {
  const alternative = await up((_request, { protocol }) => new Response(protocol));
  const server = await serveHttp2(
    (_request, response) => response.end("h2"),
    {},
    (tcp) =>
      tcp.on("session", (session) => {
        session.altsvc('h3=":1"; ma=60', "https://other.test");
        session.altsvc(`h3=":${alternative}"; ma=60`, `https://localhost:${(tcp.address() as AddressInfo).port}`);
        session.origin("https://localhost", "https://other.test");
      }),
  );
  closing.push(() => server.close());
  const client = createClient({ ca: testCertificate().authority.ca, protocols: ["h2", "h3"] });
  closing.push(() => client.destroy());
  const get = async (): Promise<string> => (await client.fetch(server.url)).text();
  expect(await get()).toBe("h2");
  await vi.waitFor(async () => expect(await get()).toBe("h3"), { timeout: 20_000 });
  expect(client.connections().map(({ remotePort }) => remotePort)).toContain(alternative);
});

test("quicv: the first flight is in a version that the field names, and that we speak", async () => {
  const port = await up((_request, { protocol }) => {
    return new Response(protocol, { headers: { "alt-svc": `h3=":${port}"; quicv="1a2a3a4a,6b3343cf"` } });
  });
  const client = createClient({ ca: testCertificate().authority.ca, protocols: ["h2", "h3"] });
  closing.push(() => client.destroy());
  const get = async (): Promise<string> => (await client.fetch(`https://localhost:${port}/`)).text();
  expect(await get()).toBe("h2");
  await vi.waitFor(async () => expect(await get()).toBe("h3"), { timeout: 20_000 });
  const quic = client.connections().find(({ protocol }) => protocol === "h3");
  expect(quic?.stats.details).toMatchObject({ quic: "version 2" });
});
